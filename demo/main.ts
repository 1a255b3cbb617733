import { Command } from 'commander';
import { formatSeconds } from '../src/units.ts';
import { runDemo } from './demo.ts';
import { Screen } from './screen.ts';
import { UnusableDisk } from './source-disks.ts';

const INTERRUPTED = 130;
const BAD_DISK = 2;

const command = new Command('demo')
  .description('Captures a VM of a local Azure into VHDs, and proves them equal to its disks.')
  .option('--disk <file>', 'a fixed VHD of your own, as OS disk of the VM')
  .action(run);

await command.parseAsync();

async function run({ disk }: { readonly disk?: string }): Promise<void> {
  const startMs = performance.now();
  const screen = new Screen({ mustHaveTools: process.env['CI_TOOLS'] === 'required' });
  const signal = listenForStop();
  try {
    const vhds = await runDemo(disk, screen, signal);
    const took = `The demo took ${formatSeconds((performance.now() - startMs) / 1000)}`;
    if (screen.failures > 0) process.exitCode = 1;
    screen.end(
      screen.failures === 0
        ? `${took}: ${vhds} VHDs, all proven equal to their source.`
        : `${took}: ${vhds} VHDs, ${screen.failures} check(s) failed.`,
    );
  } catch (error) {
    if (signal.aborted) {
      process.exitCode = INTERRUPTED;
      screen.end('The demo was interrupted.');
    } else {
      process.exitCode = error instanceof UnusableDisk ? BAD_DISK : 1;
      process.stderr.write(`demo: ${messageOf(error)}\n`);
    }
  }
}

/** Ctrl+C ends the demo in order: the action cleans up, the local Azure stops, the files go. */
function listenForStop(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM']) {
    process.on(name, () => {
      stop.abort();
    });
  }
  return stop.signal;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
