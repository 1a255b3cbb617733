import type { Plan } from '../plan.ts';
import type { Phase } from '../timeline.ts';
import { formatSeconds } from '../units.ts';
import { renderPlan } from './plan.ts';
import { finishedReplicas, hyperVGenerationOf, type Result } from './result.ts';
import { replicaRows } from './table.ts';

/** The runner drops a summary of more than 1 MiB whole, so long lists and texts are cut here. */
const MAX_ROWS = 200;
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
    ...renderPhases(result.phases),
    ...renderFindings(result),
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
  const rights = permissions.map(({ scope, kind, name }) => `${kind} ${name} on ${scope}`);
  return [
    'Nothing was changed.',
    ['```', ...renderPlan(plan).slice(0, MAX_ROWS), '```'].join('\n'),
    `<details><summary>Permissions that it needs</summary>\n\n${rights
      .slice(0, MAX_ROWS)
      .map((right) => `- ${escape(right)}`)
      .join('\n')}\n\n</details>`,
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
  const rows = replicaRows(result);
  if (rows.length === 0) return [];
  const more =
    rows.length > MAX_ROWS ? [`${rows.length - MAX_ROWS} more are in the manifest.`] : [];
  return [
    [
      '| Disk | Replica | Storage account | Blob | Size | Time | Rate | Result |',
      '| --- | ---: | --- | --- | ---: | ---: | ---: | --- |',
      ...rows
        .slice(0, MAX_ROWS)
        .map(
          (row) =>
            `| ${row.disk} | ${row.replica} | ${row.account} | <code>${escape(row.blob)}</code> | ${row.size} | ${row.time} | ${row.rate} | ${row.result} |`,
        ),
    ].join('\n'),
    ...more,
  ];
}

/** A Gantt chart, which GitHub draws. */
function renderPhases(phases: readonly Phase[]): readonly string[] {
  const [first] = phases;
  if (first === undefined) return [];
  const total = (Math.max(...phases.map(({ endedAt }) => endedAt)) - first.startedAt) / 1000;
  const bars = phases.map(({ name, startedAt, endedAt, succeeded }, index) => {
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
    [
      '| | Finding |',
      '| --- | --- |',
      ...findings
        .slice(0, MAX_ROWS)
        .map(({ level, message }) => `| ${level} | ${escape(message)} |`),
    ].join('\n'),
  ];
}

function renderLeaks({ leaks }: Result): readonly string[] {
  if (leaks.length === 0) return [];
  return [
    '### Left behind',
    leaks
      .slice(0, MAX_ROWS)
      .map(({ command, reason }) => `- ${escape(reason)} <code>${escape(command)}</code>`)
      .join('\n'),
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

/** Keeps a text from breaking out of its table cell or becoming markup, and from filling the summary. */
export function escape(text: string): string {
  const short = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
  return short
    .replace(/[|<>`[\]!*]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/\s+/g, ' ');
}
