import { beforeAll, expect, test } from '@jest/globals';
import { useLocalAzure } from '../../local-azure/child.ts';
import { expectNothingLeft, runAction, scaledClock, type ActionRun } from '../support/action.ts';
import { startLocalAzure, type LocalAzure } from '../support/local-azure.ts';
import { buildScenario } from '../support/scenario.ts';
import { imageOf, vhdClient, type ExtentDisk, type KnownDisk } from '../support/vhd-check.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

let azure: LocalAzure;

beforeAll(async () => {
  azure = await startLocalAzure(buildScenario());
  useLocalAzure(azure);
});

async function capture(
  disk: ExtentDisk | KnownDisk,
  replicas: number,
  megabytes = 4096,
): Promise<ActionRun> {
  await azure.reset(buildScenario({ vm: { osDisk: disk } }));
  const run = await runAction(
    azure,
    { 'data-disks': 'none', replicas: String(replicas) },
    {
      environment: {
        NODE_OPTIONS: `--import=${scaledClock} --max-old-space-size=${megabytes}`,
      },
    },
  );
  expect(run.main.log).not.toContain('##[error]');
  expect(run.main.exitCode).toBe(0);
  await expectNothingLeft(azure);
  return run;
}

/** Compares a few ranges of the first VHD with the disk. */
async function expectSamples(
  disk: ExtentDisk | KnownDisk,
  offsets: readonly number[],
): Promise<void> {
  const image = imageOf(disk);
  const [vhd] = (await azure.state()).blobs;
  const client = vhdClient(vhd?.url ?? '');
  for (const offset of offsets) {
    const bytes = await client.downloadToBuffer(offset, 4 * MIB);
    expect(bytes.equals(await image.read(offset, offset + 4 * MIB))).toBe(true);
  }
}

test('a full disk', async () => {
  const disk = { name: 'builder-os', sizeGiB: 1, content: { seed: 31, dataMiB: 1024 } };
  const run = await capture(disk, 2);
  expect(run.manifest).toMatchObject({ traffic: { movedBytes: 2 * (GIB + 512), savedBytes: 0 } });
  await expectSamples(disk, [0, 512 * MIB - 4096, GIB - 4 * MIB]);
});

test('a disk with a million tiny ranges, in little memory', async () => {
  const disk = {
    name: 'builder-os',
    sizeGiB: 1,
    content: { seed: 41, extents: { count: 1_000_000, bytes: 512, everyBytes: KIB } },
  } satisfies ExtentDisk;
  await capture(disk, 1, 1024);
  await expectSamples(disk, [0, 400 * MIB, 972 * MIB]);
});
