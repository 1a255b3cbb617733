import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StepResult } from '../local-runner/run-action.ts';
import { startChild, useLocalAzure } from '../local-azure/child.ts';
import { formatBytes } from '../src/units.ts';
import { ensureBundle, inputs, runAction } from './action-step.ts';
import { HELLO_PATH } from './guest-files.ts';
import { proveTidiness, proveVhds, readCaptured } from './proof.ts';
import { accountNames, makeScenario, vmName } from './scenario.ts';
import type { Screen } from './screen.ts';
import {
  generateDataDisk,
  generateOsDisk,
  makeOsDisk,
  openOwnDisk,
  type SourceDisk,
} from './source-disks.ts';

/** One OS VHD for each replica, and one for the data disk. */
const EXPECTED_VHDS = Number(inputs.replicas) + 1;

/**
 * Captures a VM of a local Azure with the shipped bundle and proves what came of it; gives the number of VHDs.
 * `ownDisk`, the path of a VHD, takes the place of the OS disk that the demo makes otherwise. Leaves nothing behind.
 */
export async function runDemo(
  ownDisk: string | undefined,
  screen: Screen,
  signal: AbortSignal,
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.adopt(await mkdtemp(join(tmpdir(), 'vm-to-vhd-demo-')), removeFolder);
  screen.step('The disks of a VM');
  await ensureBundle(screen, signal);
  const osDisk = await prepareOsDisk(ownDisk, folder, screen, signal);
  const dataDisk = await generateDataDisk();
  for (const disk of [osDisk, dataDisk]) screen.line(describeDisk(disk));
  if (osDisk.hello !== undefined) screen.line(`${HELLO_PATH} in it: "${osDisk.hello.trim()}"`);
  signal.throwIfAborted();

  screen.step('A local Azure');
  // Ctrl+C must end the action first, which needs its Azure to clean up.
  const azure = stack.adopt(
    await startChild(makeScenario(osDisk, dataDisk), { folder, detached: true }),
    async (child) => {
      await child.end();
    },
  );
  screen.line(`The VM "${vmName}" is running, with these two disks.`);
  screen.line(`The storage accounts ${accountNames.join(' and ')} are empty.`);
  signal.throwIfAborted();

  screen.step('The action, as the runner of GitHub Actions starts it');
  screen.line('with:');
  for (const [name, value] of Object.entries(inputs)) screen.line(`  ${name}: ${value}`);
  const { main, post } = await runAction(azure.environment, folder, screen, signal);
  signal.throwIfAborted();

  screen.step('Its outputs');
  for (const [name, value] of Object.entries(main.outputs)) screen.line(`${name} = ${value}`);

  screen.step('Its job summary');
  screen.quote(main.summary);

  screen.step('The proof');
  useLocalAzure(azure);
  const captured = readCaptured(main.outputs, osDisk, dataDisk);
  judgeStep({ main, post }, captured.length, screen);
  await proveVhds(captured, { folder, screen, signal });
  proveTidiness(await azure.state(), captured, screen);
  return captured.length;
}

function judgeStep({ main, post }: StepResult, vhds: number, screen: Screen): void {
  if (main.exitCode !== 0) screen.fail('The action has failed');
  if (post.exitCode !== 0) screen.fail('The post step of the action has failed');
  if (vhds !== EXPECTED_VHDS) {
    screen.fail(`The outputs name ${vhds} VHDs instead of ${EXPECTED_VHDS}`);
  }
}

async function prepareOsDisk(
  ownDisk: string | undefined,
  folder: string,
  screen: Screen,
  signal: AbortSignal,
): Promise<SourceDisk> {
  if (ownDisk !== undefined) {
    screen.line(`Reading ${ownDisk} to see where it has data.`);
    return openOwnDisk(ownDisk);
  }
  screen.line('Making a VHD with a partition table and an ext4 file system.');
  const made = await makeOsDisk(folder, signal);
  if (made !== undefined) return made;
  screen.missing('mkfs.ext4', 'the OS disk has generated content instead of a file system.');
  return generateOsDisk();
}

function describeDisk({ name, image, file }: SourceDisk): string {
  const dataBytes = image.ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  const kind = file === undefined ? 'generated' : `the fixed VHD ${file}`;
  return `${name}: ${formatBytes(image.sizeBytes)} with ${formatBytes(dataBytes)} of data, ${kind}`;
}

async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}
