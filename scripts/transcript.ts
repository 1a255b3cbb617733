import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild, type LocalAzureChild } from '../local-azure/child.ts';
import { runStep, type StepResult } from '../local-runner/run-action.ts';
import { buildScenario, CLIENT, SUBSCRIPTION, TENANT } from '../__tests__/support/scenario.ts';

/**
 * Writes the transcripts of docs/cancelled-run.md from real runs of the bundle on a local Azure: one that is cancelled
 * in the middle of its copies, and the next attempt, which finishes it. Times, rates and keys differ from run to run
 * and are left out.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const page = join(root, 'docs', 'cancelled-run.md');
const clock = join(root, '__tests__', 'support', 'scaled-clock.ts');

const scenario = buildScenario({
  vm: {
    osDisk: { name: 'builder-os', sizeGiB: 2, content: { seed: 1, dataMiB: 40 } },
    dataDisks: [],
  },
});
const inputs = {
  'client-id': CLIENT,
  'tenant-id': TENANT,
  'subscription-id': SUBSCRIPTION,
  'resource-group': 'images',
  'vm-name': 'builder',
  'storage-accounts': 'imageswe1, imageswe2',
  generalize: 'mark',
  replicas: '2',
  'max-exports': '1',
  'keep-partial': 'true',
};

const folder = await mkdtemp(join(tmpdir(), 'vm-to-vhd-transcript-'));
const azure = await startChild(scenario, { folder });
try {
  const blocks = { cancelled: await cancelled(azure), 'gone on with': await goneOnWith(azure) };
  let text = await readFile(page, 'utf8');
  for (const [name, step] of Object.entries(blocks)) text = replaceBlock(text, name, logOf(step));
  await writeFile(page, text);
} finally {
  await azure.end();
  await rm(folder, { recursive: true, force: true });
}

/** The second account takes three pieces and then answers no more; then the job is cancelled. */
async function cancelled(azure: LocalAzureChild): Promise<StepResult> {
  const match = { method: 'PUT', host: '^imageswe2', path: 'comp=page$' };
  await azure.setFaults([{ match, nth: 4, times: 0, action: { kind: 'hang' } }]);
  const started = Promise.withResolvers<ChildProcess>();
  const running = run(azure, '1', started.resolve);
  const child = await started.promise;
  while (child.exitCode === null) {
    const blobs = (await azure.state()).blobs.map(({ metadata }) => metadata['vmtovhd_state']);
    const isHung = (await azure.calls()).some(({ fault }) => fault !== undefined);
    if (blobs.includes('complete') && isHung) break;
  }
  child.kill('SIGINT');
  return running;
}

async function goneOnWith(azure: LocalAzureChild): Promise<StepResult> {
  await azure.setFaults([]);
  return run(azure, '2');
}

async function run(
  azure: LocalAzureChild,
  attempt: string,
  onStart?: (child: ChildProcess) => void,
): Promise<StepResult> {
  const workspace = await mkdtemp(join(folder, 'job-'));
  const environment = { ...azure.environment, NODE_OPTIONS: `--import=${clock}` };
  const step = { directory: root, workspace, inputs, environment, run: { attempt } };
  return runStep({ ...step, ...(onStart && { onStart }) });
}

function logOf({ main, post }: StepResult): string {
  return [main.log, '', 'Post step:', post.log]
    .join('\n')
    .split('\n')
    .flatMap(normalize)
    .join('\n');
}

/** What differs from run to run is put as an ellipsis; progress in the middle depends on the machine. */
function normalize(line: string): readonly string[] {
  if (line.startsWith('Copying: ')) return [];
  return [
    line
      .replace(/##\[(end)?group\]/, (_, end) => (end === undefined ? '▾ ' : ''))
      .replace(/^##\[(\w+)\]/, (_, level: string) => `${level}: `)
      .replace(/(builder-(?:os|claim)-)[0-9a-f]{12}/g, '$1…')
      .replace(/\([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\)/g, '(…)')
      .replace(/\b\d+ %,/g, '… %,')
      .replace(/(replicas) \d+ %/g, '$1 … %')
      .replace(/by \d+ transactions/, 'by … transactions')
      .replace(/\d+(\.\d+)? (ms|s|min|MiB\/s|GiB\/s|KiB\/s|B\/s)\b/g, '… $2')
      // Columns are as wide as what was in them.
      .replace(/(\S) {2,}/g, '$1  '),
  ].filter((text) => text !== '' || line === '');
}

function replaceBlock(text: string, name: string, block: string): string {
  const pattern = new RegExp(`(<!-- BEGIN ${name} -->\\n)[^]*?(<!-- END ${name} -->)`);
  if (!pattern.test(text)) throw new Error(`docs/cancelled-run.md has no block "${name}".`);
  return text.replace(pattern, (_, begin: string, end: string) =>
    [begin, '\n```text\n', block.trim(), '\n```\n\n', end].join(''),
  );
}
