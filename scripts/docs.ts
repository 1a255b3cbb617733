import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { parse } from 'yaml';

/** Writes the README's tables of inputs and outputs from action.yml; with --check it only says whether they are in step. */
interface Manifest {
  readonly inputs: Readonly<
    Record<string, { description: string; default?: string; required?: boolean }>
  >;
  readonly outputs: Readonly<Record<string, { description: string }>>;
}

const root = join(import.meta.dirname, '..');
const readme = join(root, 'README.md');
const manifest = parse(readFileSync(join(root, 'action.yml'), 'utf8')) as Manifest;
const before = readFileSync(readme, 'utf8');
const replaced = replaceBlock(
  replaceBlock(before, 'inputs', inputTable(manifest)),
  'outputs',
  outputTable(manifest),
);
const after = await format(replaced, { ...(await resolveConfig(readme)), filepath: readme });

if (!process.argv.includes('--check')) {
  writeFileSync(readme, after);
} else if (after !== before) {
  console.error('README.md is not in step with action.yml: run "npm run docs".');
  process.exitCode = 1;
}

function inputTable({ inputs }: Manifest): string {
  const rows = Object.entries(inputs).map(([name, input]) => {
    const fallback = input.default === undefined ? '' : `\`${input.default}\``;
    return `| \`${name}\` | ${cell(input.description)} | ${input.required === true ? '**required**' : fallback} |`;
  });
  return ['| Input | Meaning | Default |', '| --- | --- | --- |', ...rows].join('\n');
}

function outputTable({ outputs }: Manifest): string {
  const rows = Object.entries(outputs).map(
    ([name, output]) => `| \`${name}\` | ${cell(output.description)} |`,
  );
  return ['| Output | Meaning |', '| --- | --- |', ...rows].join('\n');
}

function cell(text: string): string {
  return text.trim().replace(/\s+/g, ' ').replaceAll('|', '\\|');
}

function replaceBlock(text: string, name: string, block: string): string {
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md has no block "${name}"`);
  return `${text.slice(0, from + begin.length)}\n\n${block}\n\n${text.slice(to)}`;
}
