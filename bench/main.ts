/** Measures, and writes docs/benchmarks.md with its plot: npm run bench [-- part ...] */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Argument, program } from 'commander';
import { format, resolveConfig } from 'prettier';
import { measureCancel } from './cancel.ts';
import { measureCapacity } from './capacity.ts';
import { measureCarried } from './carried.ts';
import { measureControlPlane } from './control-plane.ts';
import { measureOneDisk } from './one-disk.ts';
import { renderPage } from './page.ts';
import { renderPlot } from './plot.ts';
import { measureReplicas } from './replicas.ts';
import { readResults, thisMachine, type PartName, type Parts, type Results } from './results.ts';
import { measureRunnerCost } from './runner-cost.ts';

type Measure<T> = (carried: number, say: (line: string) => void) => Promise<T>;

const measures: { readonly [Name in PartName]: Measure<Parts[Name]> } = {
  capacity: measureCapacity,
  'one-disk': measureOneDisk,
  replicas: measureReplicas,
  'control-plane': measureControlPlane,
  cancel: measureCancel,
  runner: measureRunnerCost,
};
const names = Object.keys(measures) as PartName[];
const docs = fileURLToPath(new URL('../docs', import.meta.url));

program
  .name('npm run bench --')
  .description('Measures the action against its peers and the limits of the local Azure.')
  .addArgument(
    new Argument('[parts...]', 'what is measured; "page" only writes the page').choices([
      ...names,
      'page',
    ]),
  )
  .action(async (given: readonly string[]) => {
    const wanted = given.length === 0 ? names : names.filter((name) => given.includes(name));
    await run(wanted);
  });
await program.parseAsync();

async function run(wanted: readonly PartName[]): Promise<void> {
  let results = await readResults(join(docs, 'benchmarks.json'));
  for (const name of wanted) {
    const carried = await measureCarried();
    say(`${name}, with ${Math.round(carried.mixed)} pieces a second carried ...`);
    const result = await measures[name](carried.mixed, (line) => {
      say(`  ${line}`);
    });
    const measured = { at: new Date().toISOString(), machine: thisMachine(), carried, result };
    results = { ...results, [name]: measured };
    await save(results);
  }
  await save(results);
  say('docs/benchmarks.md is written.');
}

async function save(results: Results): Promise<void> {
  await write('benchmarks.json', JSON.stringify(results));
  await write('benchmarks.md', renderPage(results));
  const { replicas } = results;
  if (replicas) await writeFile(join(docs, 'benchmarks.svg'), renderPlot(replicas.result));
}

async function write(name: string, text: string): Promise<void> {
  const file = join(docs, name);
  await writeFile(file, await format(text, { ...(await resolveConfig(file)), filepath: file }));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
