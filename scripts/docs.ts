import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { parse } from 'yaml';
import { accountRules } from '../src/checks/account-rules.ts';
import { batchRules } from '../src/checks/batch-rules.ts';
import { cloneRules } from '../src/checks/clone-rules.ts';
import { deletionRules } from '../src/checks/deletion-rules.ts';
import { diskRules } from '../src/checks/disk-rules.ts';
import { guestRules } from '../src/checks/guest-rules.ts';
import { lockRules } from '../src/checks/lock-rules.ts';
import { nameRules } from '../src/checks/name-rules.ts';
import { permissionRules } from '../src/checks/permission-rules.ts';
import type { Rule } from '../src/checks/rule.ts';
import { vmRules } from '../src/checks/vm-rules.ts';
import { cloneRights } from '../src/clone/clone-rights.ts';
import { renderRole } from '../src/report/role.ts';
import { rights } from '../src/rights.ts';

/**
 * Writes what the documentation takes from elsewhere: the README's tables of inputs and outputs from action.yml and
 * cleanup/action.yml, the checks from src/checks, the custom roles and their reasons
 * from src/rights.ts and src/clone/clone-rights.ts. With --check it only says whether they are in step.
 */
interface Manifest {
  readonly inputs: Readonly<
    Record<string, { description: string; default?: string; required?: boolean }>
  >;
  readonly outputs: Readonly<Record<string, { description: string }>>;
}

const root = join(import.meta.dirname, '..');
/** Where the documented roles can be assigned; who makes them puts an ID in. */
const assignable = ['/subscriptions/SUBSCRIPTION'];
const manifest = readManifest('action.yml');
const cleanup = readManifest('cleanup/action.yml');

await update('README.md', {
  inputs: inputTable(manifest),
  outputs: outputTable(manifest),
  'cleanup inputs': inputTable(cleanup),
  'cleanup outputs': outputTable(cleanup),
});
await update('docs/checks.md', {
  vm: checkTable(vmRules),
  guest: checkTable(guestRules),
  disks: checkTable(diskRules),
  accounts: checkTable(accountRules),
  batch: checkTable(batchRules),
  names: checkTable(nameRules),
  copies: checkTable(cloneRules),
  deletion: checkTable(deletionRules),
  locks: checkTable(lockRules),
  permissions: checkTable(permissionRules),
});
await update('docs/permissions.md', {
  role: roleJson(),
  rights: rightTable(),
  'copy role': copyRoleJson(),
  'copy rights': table(
    ['Right', 'Why'],
    // The group's row tells of the other places where a right is checked too.
    cloneRights
      .filter(({ at }) => at !== 'subnet' && at !== 'source-disk')
      .map(({ name, why, isOptional }) => [`\`${name}\``, reasonFor(why, isOptional)]),
  ),
});

function readManifest(path: string): Manifest {
  return parse(readFileSync(join(root, path), 'utf8')) as Manifest;
}

async function update(path: string, blocks: Readonly<Record<string, string>>): Promise<void> {
  const file = join(root, path);
  const before = readFileSync(file, 'utf8');
  const replaced = Object.entries(blocks).reduce(
    (text, [name, block]) => replaceBlock(path, text, name, block),
    before,
  );
  const after = await format(replaced, { ...(await resolveConfig(file)), filepath: file });
  if (!process.argv.includes('--check')) {
    writeFileSync(file, after);
  } else if (after !== before) {
    console.error(`${path} is not in step with its sources: run "npm run docs".`);
    process.exitCode = 1;
  }
}

function inputTable({ inputs }: Manifest): string {
  const rows = Object.entries(inputs).map(([name, input]) => {
    const fallback = input.default === undefined ? '' : `\`${input.default}\``;
    return [`\`${name}\``, input.description, input.required === true ? '**required**' : fallback];
  });
  return table(['Input', 'Meaning', 'Default'], rows);
}

function outputTable({ outputs }: Manifest): string {
  const rows = Object.entries(outputs).map(([name, output]) => [`\`${name}\``, output.description]);
  return table(['Output', 'Meaning'], rows);
}

function roleJson(): string {
  return jsonBlock(renderRole('VM to VHD', 'Captures VMs into VHD blobs', rights, assignable));
}

/** A role of its own, beside the one for everything else. */
function copyRoleJson(): string {
  const description = 'Captures copies of VMs, beside the role "VM to VHD"';
  const granted = cloneRights.map(({ name }) => ({ kind: 'action' as const, name }));
  return jsonBlock(renderRole('VM to VHD, copies', description, granted, assignable));
}

function jsonBlock(json: string): string {
  return `\`\`\`json\n${json}\n\`\`\``;
}

function rightTable(): string {
  const rows = rights.map(({ kind, name, why, isOptional }) => [
    `\`${name}\`${kind === 'dataAction' ? ' (data)' : ''}`,
    reasonFor(why, isOptional),
  ]);
  return table(['Right', 'Why'], rows);
}

function reasonFor(why: string, isOptional = false): string {
  return isOptional ? `${why} A run without it begins, with a warning.` : why;
}

function checkTable(rules: readonly Rule[]): string {
  const rows = rules.map(({ id, about, level, source }) => [
    `\`${id}\``,
    about,
    level,
    `[${new URL(source).hostname}](${source})`,
  ]);
  return table(['Check', 'What is looked at', 'Otherwise', 'Source'], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function cell(text: string): string {
  return text.trim().replace(/\s+/g, ' ').replaceAll('|', '\\|');
}

function replaceBlock(path: string, text: string, name: string, block: string): string {
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${path} has no block "${name}"`);
  return `${text.slice(0, from + begin.length)}\n\n${block}\n\n${text.slice(to)}`;
}
