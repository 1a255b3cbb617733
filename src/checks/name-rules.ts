import { findEarlier, judgeBlob } from '../earlier.ts';
import type { BlobState } from '../facts.ts';
import type { DiskKey } from '../layout.ts';
import { SNAPSHOT_METADATA, STATE_METADATA } from '../marks.ts';
import { blobNameProblem } from '../blob-name.ts';
import { requireResourceId } from '../resource-id.ts';
import { VHD_FOOTER_BYTES } from '../vhd.ts';
import { notFound, reasonOf } from './lookups.ts';
import type { Facts, Rule } from './rule.ts';

const storageApi = 'https://learn.microsoft.com/rest/api/storageservices';

/** Rules on the names of blobs and snapshots. */
export const nameRules: readonly Rule[] = [
  {
    id: 'blob-name',
    about: 'Every blob name is one that Azure takes and that ends in `.vhd`.',
    level: 'refusal',
    source: `${storageApi}/naming-and-referencing-containers--blobs--and-metadata`,
    look: ({ layout }) =>
      layout.disks.flatMap((disk) =>
        disk.replicas.flatMap(({ blobName }) => {
          const problem = blobNameProblem(blobName);
          return problem === undefined
            ? []
            : [`Blob name "${blobName}" ${problem}. Change "blob-name".`];
        }),
      ),
  },
  {
    id: 'blob-name-twice',
    about: 'No two VHDs have the same name.',
    level: 'refusal',
    source: `${storageApi}/naming-and-referencing-containers--blobs--and-metadata`,
    look: ({ layout }) => {
      const urls = layout.disks.flatMap((disk) => disk.replicas.map(({ url }) => url));
      const twice = new Set(urls.filter((url, index) => urls.indexOf(url) !== index));
      return [...twice].map(
        (url) =>
          `Several VHDs would get the same name "${url}". Put {disk} and {replica} into "blob-name".`,
      );
    },
  },
  {
    id: 'blob-exists',
    about:
      'Every name is free, or taken by what `if-exists` allows: no pending copy, no lease, no other kind of blob, no mixed set.',
    level: 'refusal',
    source: `${storageApi}/copy-blob`,
    look: lookAtExistingBlobs,
  },
  {
    id: 'blob-readable',
    about: 'Whether a name is free can be read.',
    level: 'refusal',
    source: `${storageApi}/get-blob-properties`,
    look: ({ survey }) =>
      [...survey.blobs].flatMap(([url, blob]) =>
        blob.kind === 'failed'
          ? [
              `Whether blob "${url}" exists cannot be read: ${reasonOf(blob)}. Grant the identity "Storage Blob Data Contributor" on the account.`,
            ]
          : [],
      ),
  },
  {
    id: 'snapshot-readable',
    about: 'Whether the name of a snapshot is free can be read.',
    level: 'refusal',
    source: 'https://learn.microsoft.com/rest/api/compute/snapshots/get',
    look: ({ survey }) =>
      [...survey.snapshots].flatMap(([id, snapshot]) =>
        snapshot.kind === 'failed'
          ? [
              `Whether snapshot "${requireResourceId(id).name}" exists cannot be read: ${reasonOf(snapshot)}. Grant the identity the missing right (docs/permissions.md).`,
            ]
          : [],
      ),
  },
  {
    id: 'kept-snapshots-readable',
    about: 'What an earlier attempt kept can be read.',
    level: 'refusal',
    source: 'https://learn.microsoft.com/rest/api/compute/snapshots/list-by-resource-group',
    look: ({ survey }) =>
      survey.kept?.kind === 'failed'
        ? [
            `Whether an earlier attempt kept snapshots cannot be read: ${reasonOf(survey.kept)}. Run again, or set "keep-partial: false" to copy everything anew.`,
          ]
        : [],
  },
  {
    id: 'keep-partial',
    about: 'What `keep-partial` keeps can be gone on with.',
    level: 'warning',
    source: 'https://learn.microsoft.com/rest/api/compute/virtual-machines/generalize',
    look: ({ inputs, vm }) =>
      inputs.keepPartial && inputs.generalize === 'none' && vm?.isGeneralized === false
        ? [
            'Nothing that "keep-partial" keeps can be gone on with: only a VM that is generalized cannot run in between. Leave "keep-partial" out.',
          ]
        : [],
  },
  {
    id: 'snapshot-group',
    about: 'The resource group of the snapshots is there.',
    level: 'refusal',
    source: 'https://learn.microsoft.com/rest/api/resources/resource-groups/get',
    look: ({ survey, inputs }) => {
      const name = inputs.snapshotResourceGroup ?? '';
      const exists = survey.snapshotGroup?.exists;
      if (exists === undefined) return [];
      const missing = exists.kind === 'found' && !exists.value;
      return notFound(
        missing ? { kind: 'missing' } : exists,
        `Resource group "${name}" for the snapshots`,
        'Make it, or correct "snapshot-resource-group".',
      );
    },
  },
  {
    id: 'snapshot-name',
    about: 'The names of the snapshots are free.',
    level: 'refusal',
    source: 'https://learn.microsoft.com/rest/api/compute/snapshots/create-or-update',
    look: ({ survey }) =>
      [...survey.snapshots]
        .filter(([, snapshot]) => snapshot.kind === 'found')
        .map(
          ([id]) =>
            `Snapshot "${requireResourceId(id).name}" is there already. Delete it if nothing needs it, or run the workflow anew.`,
        ),
  },
];

/** With `skip` it is all or none: VHDs of one image set must come from the same snapshots. */
function lookAtExistingBlobs({ survey, inputs, layout, vm }: Facts): readonly string[] {
  const replicas = layout.disks.flatMap((disk) =>
    disk.replicas.map((replica) => ({
      ...replica,
      lengthBytes: disk.sizeBytes + VHD_FOOTER_BYTES,
    })),
  );
  const kept = survey.kept?.kind === 'found' ? survey.kept.value : [];
  const earlier = vm && findEarlier(vm, layout, kept, survey.run);
  /** What an earlier attempt left unfinished, and with `keep-partial` also what it finished. */
  const isOwn = (blob: BlobState, disk: DiskKey): boolean => {
    const judged = judgeBlob(blob, earlier?.snapshots.get(disk), survey.run);
    if (judged === undefined) return false;
    if (!judged.isComplete || judged.kind === 'finished') return true;
    return inputs.keepPartial && inputs.ifExists === 'fail';
  };
  const present = replicas.flatMap((replica) => {
    const blob = survey.blobs.get(replica.url);
    return blob?.kind === 'found' && !isOwn(blob.value, replica.disk)
      ? [{ ...replica, blob: blob.value }]
      : [];
  });
  return present.flatMap(({ url, blob, lengthBytes }) => {
    const what = `Blob "${url}"`;
    if (inputs.ifExists === 'fail') {
      return [
        `${what} exists. Choose another "blob-name", or set "if-exists" to "skip" or "overwrite".`,
      ];
    }
    if (blob.copy?.status === 'pending') {
      return [`${what} is the destination of a pending copy. Wait for its end or abort it first.`];
    }
    if (inputs.ifExists === 'overwrite') {
      if (blob.isLeased)
        return [`${what} is leased and cannot be overwritten. Break the lease first.`];
      return blob.blobType === 'PageBlob'
        ? []
        : [`${what} is of type "${blob.blobType}", which no VHD can overwrite. Delete it first.`];
    }
    if (present.length < replicas.length) {
      return [
        `${what} exists, but other VHDs of the set do not: a set with VHDs of different moments is not one image. Delete it, or set "if-exists: overwrite".`,
      ];
    }
    if (isMixed(present)) {
      return [
        `${what} comes from another snapshot than the others of its disk, or is unfinished: the set is not one image. Delete the set, or set "if-exists: overwrite".`,
      ];
    }
    if (
      blob.blobType !== 'PageBlob' ||
      blob.lengthBytes !== lengthBytes ||
      isUnfinished(blob.copy?.status)
    ) {
      return [
        `${what} exists, but is no finished VHD of this disk (${blob.blobType}, ${blob.lengthBytes} bytes instead of ${lengthBytes}). Delete it, or set "if-exists: overwrite".`,
      ];
    }
    return [];
  });
}

/** VHDs of a disk that were copied from different snapshots, or are not complete. */
function isMixed(
  present: readonly { readonly disk: DiskKey; readonly blob: BlobState }[],
): boolean {
  const byDisk = Map.groupBy(present, ({ disk }) => disk);
  return [...byDisk.values()].some((blobs) => {
    const marks = blobs.map(({ blob }) => blob.metadata);
    const snapshots = new Set(marks.map((metadata) => metadata[SNAPSHOT_METADATA]));
    return snapshots.size > 1 || marks.some((metadata) => metadata[STATE_METADATA] === 'copying');
  });
}

function isUnfinished(copyStatus: string | undefined): boolean {
  return copyStatus !== undefined && copyStatus !== 'success';
}
