import { describeRequirement } from '../permissions.ts';
import type { Plan } from '../plan.ts';
import type { Phase } from '../timeline.ts';
import { formatSeconds } from '../units.ts';
import { renderProof, renderThroughput, renderTraffic } from './copies.ts';
import { renderPlan } from './plan.ts';
import { finishedReplicas, hyperVGenerationOf, type Result } from './result.ts';
import { renderMissingRole } from './role.ts';
import { cutRows, replicaRows } from './table.ts';

/** The runner drops a summary of more than 1 MiB whole, so long lists and texts are cut here: a list to 128 KiB. */
const MAX_ROWS = 200;
const MAX_LIST_BYTES = 128 * 1024;
const MAX_TEXT = 2000;

/** The job summary as Markdown: what was made, where, how long each phase took, what was found, how to use it next. */
export function renderSummary(result: Result): string {
  const { plan, failure } = result;
  const vm = plan === undefined ? '' : ` of VM <code>${escape(plan.vm.name)}</code>`;
  return [
    isPlanOnly(result)
      ? `## Plan for the image VHDs${vm}`
      : `## Image VHDs${vm}${failure === undefined ? '' : ': failed'}`,
    ...(failure === undefined ? [] : [`> [!CAUTION]\n> ${escape(failure)}`]),
    ...renderOutcome(result),
    ...renderReplicas(result),
    ...renderCopies(result),
    ...renderPhases(result.phases),
    ...renderFindings(result),
    ...renderMissing(result),
    ...renderLeaks(result),
    ...renderNext(result),
  ]
    .join('\n\n')
    .concat('\n');
}

/** A run that stopped at its plan, as it was told. */
function isPlanOnly({ plan, capture, failure }: Result): boolean {
  return plan !== undefined && capture === undefined && failure === undefined;
}

function renderOutcome(result: Result): readonly string[] {
  const { plan, permissions } = result;
  if (plan === undefined) return [];
  if (!isPlanOnly(result)) return [renderFacts(result, plan)];
  const rights = permissions.map(describeRequirement);
  return [
    'Nothing was changed.',
    ['```', list(renderPlan(plan)), '```'].join('\n'),
    `<details><summary>Permissions that it needs</summary>\n\n${list(
      rights.map((right) => `- ${escape(right)}`),
    )}\n\n</details>`,
  ];
}

function renderFacts(result: Result, plan: Plan): string {
  const finished = finishedReplicas(result).length;
  const planned = plan.disks.flatMap((disk) => disk.replicas).length;
  return [
    `**${finished} of ${planned} VHDs** are ready: ${plan.disks.length} disk(s),`,
    `${plan.vm.osType}, ${plan.osState}, generation ${hyperVGenerationOf(plan)},`,
    `${plan.vm.securityType ?? 'Standard'} security, ${escape(plan.vm.location)}.`,
  ].join(' ');
}

function renderReplicas(result: Result): readonly string[] {
  const { shown, more } = cutRows(replicaRows(result));
  if (shown.length === 0) return [];
  return [
    list(
      shown.map((row) => {
        const cells = [row.disk, row.replica, row.account, `<code>${escape(row.blob)}</code>`];
        const numbers = [row.size, row.moved, row.time, row.rate, row.retries];
        return `| ${[...cells, ...numbers, escape(row.source), row.result].join(' | ')} |`;
      }),
      [
        '| Disk | Replica | Storage account | Blob | Size | Moved | Time | Rate | Retries | Source | Result |',
        '| --- | ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | --- | --- |',
      ],
      more,
    ),
  ];
}

function renderCopies(result: Result): readonly string[] {
  const proof = renderProof(result);
  const traffic = renderTraffic(result);
  const picture = renderThroughput(result.capture?.traffic?.samples ?? []);
  return [
    ...(proof.length === 0 ? [] : ['### Proof', list(proof.map((line) => `- ${escape(line)}`))]),
    ...(traffic.length === 0 ? [] : ['### Traffic', traffic.join(' ')]),
    ...(picture === undefined ? [] : [picture]),
  ];
}

/** A Gantt chart, which GitHub draws. */
function renderPhases(phases: readonly Phase[]): readonly string[] {
  const [first] = phases;
  if (first === undefined) return [];
  const total = (Math.max(...phases.map(({ endedAt }) => endedAt)) - first.startedAt) / 1000;
  const bars = phases.slice(0, MAX_ROWS).map(({ name, startedAt, endedAt, succeeded }, index) => {
    const seconds = formatSeconds((endedAt - startedAt) / 1000);
    const state = succeeded ? '' : 'crit, ';
    return `  ${name} (${seconds}) :${state}p${index}, ${startedAt}, ${Math.max(endedAt, startedAt + 1)}`;
  });
  return [
    `### Where the ${formatSeconds(total)} went`,
    ['```mermaid', 'gantt', '  dateFormat x', '  axisFormat %H:%M:%S', ...bars, '```'].join('\n'),
  ];
}

function renderFindings({ plan, findings }: Result): readonly string[] {
  if (findings.length === 0) {
    return plan === undefined ? [] : ['### Checks', 'Nothing was found.'];
  }
  return [
    '### Checks',
    list(
      findings.map(({ level, message }) => `| ${level} | ${escape(message)} |`),
      ['| | Finding |', '| --- | --- |'],
    ),
  ];
}

function renderMissing({ missing }: Result): readonly string[] {
  if (missing.length === 0) return [];
  return [
    'A custom role with what is missing, for `az role definition create --role-definition`:',
    ['```json', renderMissingRole(missing), '```'].join('\n'),
  ];
}

function renderLeaks({ leaks }: Result): readonly string[] {
  if (leaks.length === 0) return [];
  return [
    '### Left behind',
    list(leaks.map(({ command, reason }) => `- ${escape(reason)} <code>${escape(command)}</code>`)),
  ];
}

function renderNext(result: Result): readonly string[] {
  const { plan, failure } = result;
  const [first] = finishedReplicas(result, 'os');
  if (failure !== undefined || plan === undefined || first === undefined) return [];
  const kind = plan.osState === 'Generalized' ? 'image' : 'disk';
  return [
    '### Use it next',
    [
      'The URIs are in the output `vhd-uris`; everything about them is in the file that the output `manifest` names.',
      `A managed ${kind} is made of the first one with:`,
    ].join(' '),
    [
      '```bash',
      `az ${kind} create --resource-group GROUP --name NAME --os-type ${plan.vm.osType} \\`,
      `  --hyper-v-generation ${hyperVGenerationOf(plan)} --source "${first.replica.url}"`,
      '```',
    ].join('\n'),
  ];
}

/** The lines as far as they may fill the summary, below their head, and how many there are more. */
function list(lines: readonly string[], head: readonly string[] = [], more = 0): string {
  const { lines: shown, left } = cut(lines);
  const missing = left + more;
  return [
    ...head,
    ...shown,
    ...(missing === 0 ? [] : ['', `${missing} more are in the manifest.`]),
  ].join('\n');
}

function cut(lines: readonly string[]): {
  readonly lines: readonly string[];
  readonly left: number;
} {
  const encoder = new TextEncoder();
  let bytes = 0;
  const end = lines.findIndex((line, index) => {
    bytes += encoder.encode(line).length + 1;
    return index >= MAX_ROWS || bytes > MAX_LIST_BYTES;
  });
  return end === -1 ? { lines, left: 0 } : { lines: lines.slice(0, end), left: lines.length - end };
}

/** Keeps a text from breaking out of its table cell or becoming markup, and from filling the summary. */
export function escape(text: string): string {
  const short = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
  return short
    .replace(/[|<>`[\]!*]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/\s+/g, ' ');
}
