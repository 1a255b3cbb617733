import type { Call } from '../../local-azure/edge/calls.ts';
import type { FaultRule } from '../../local-azure/scenario.ts';

/** A call that a whole run makes, and the fault rule that strikes just it. */
export interface DistinctCall {
  readonly name: string;
  readonly strikes: Pick<FaultRule, 'match' | 'nth'>;
  /** What the local Azure answers when nothing is wrong. */
  readonly status: number | undefined;
  /** Its template is among those of the calls that close what is temporary. */
  readonly isClosing: boolean;
}

/** How many readings of one thing every run makes; how many polls come on top depends on the machine. */
const SURE = 4;

/**
 * Every distinct call of a happy run: method and path template, the first and a later one of each. Objects of the same
 * kind count once, by those of the OS disk; polls count apart for each operation that they ask about.
 */
export function distinctCalls(calls: readonly Call[]): readonly DistinctCall[] {
  const closing = closingTemplates(calls);
  const operations = new Operations();
  const seen = new Map<string, number>();
  const distinct = new Map<string, DistinctCall>();
  for (const call of calls) {
    operations.start(call);
    const template = templateOf(call);
    const key = JSON.stringify(template.match);
    const nth = (seen.get(key) ?? 0) + 1;
    seen.set(key, nth);
    const subject = operations.subjectOf(call) ?? template.title;
    if (isRepeated(subject)) continue;
    const name = `${call.method} ${subject}`;
    const later = `${name}, later`;
    // Of what is read again and again under one name, every reading is a case of its own.
    const free = [name, later, ...(isReading(call) && nth <= SURE ? [`${later} (${nth})`] : [])];
    const title = free.find((candidate) => !distinct.has(candidate));
    if (title === undefined) continue;
    const strikes = { match: template.match, nth };
    const isClosing = closing.has(key);
    distinct.set(title, { name: title, strikes, status: call.status, isClosing });
  }
  return [...distinct.values()];
}

function isReading({ method, host }: Call): boolean {
  return ['GET', 'HEAD'].includes(method) && /\.blob\.core|^management/.test(host);
}

/** The data disk and the second replica do what the OS disk and the first do; only the start of a copy differs. */
function isRepeated(subject: string): boolean {
  return (
    /lun0|data0/.test(subject) || (subject.includes('os-2') && !/^(copy|metadata)/.test(subject))
  );
}

interface Template {
  readonly title: string;
  readonly match: FaultRule['match'];
}

const named: readonly (readonly [RegExp, string])[] = [
  [/^.*\/idtoken$/, '/idtoken'],
  [/operations\/[^/]+$/i, 'operations/{id}'],
  [/^.*\/abcd$/, '/abcd'],
  [/^\/bootdiagnostics-[^/]+\/[^/]+$/, '/bootdiagnostics-{vm}/{log}'],
  [/\/(\w+)\/builder-([a-z][\w-]*)-[0-9a-f]{12}(?=\/|$)/, '/$1/builder-$2-{key}'],
  [/-[0-9a-f]{16}\.lock$/, '-{hash}.lock'],
  [/\/builder-\d+-/, '/builder-{run}-'],
];

function templateOf({ method, host, url }: Call): Template {
  const { pathname, searchParams } = new URL(url);
  const path = named.reduce((path, [pattern, name]) => path.replace(pattern, name), pathname);
  const flags = ['comp', 'restype', 'monitor'].map((name) =>
    searchParams.has(name)
      ? `(?=.*[?&]${name}=${searchParams.get(name) ?? ''})`
      : `(?!.*[?&]${name}=)`,
  );
  const pattern = path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/?]+');
  const shortHost = host.startsWith('md-') ? 'md-' : (host.split('.')[0] ?? '');
  const short = path
    .replace(/^\/subscriptions\/[^/]+/, '')
    .replace(/\/providers\/Microsoft\./g, ' ');
  return {
    title: `${verbOf(method, searchParams, path)}${shortHost} ${short}`,
    match: { method, host: `^${shortHost}`, path: `${flags.join('')}^.*${pattern}(\\?|$)` },
  };
}

function verbOf(method: string, query: URLSearchParams, path: string): string {
  if (query.has('comp')) return `${query.get('comp') ?? ''} `;
  return method === 'PUT' && path.endsWith('.vhd') ? 'copy ' : '';
}

/** Templates of the calls after the last one that finishes a VHD. */
function closingTemplates(calls: readonly Call[]): ReadonlySet<string> {
  const last = calls.findLastIndex(({ url }) => url.includes('comp=metadata'));
  return new Set(calls.slice(last + 1).map((call) => JSON.stringify(templateOf(call).match)));
}

/** What a poll asks about: operations of a kind get their IDs in the order in which they were accepted. */
class Operations {
  readonly #accepted = new Map<string, string[]>();
  readonly #subjects = new Map<string, string>();

  start({ method, status, url }: Call): void {
    if (method === 'GET' || ![201, 202].includes(status ?? 0)) return;
    const [, provider = '', type = '', name = '', verb] =
      /\/Microsoft\.(Compute|Network)\/(\w+)\/([^/?]+)(?:\/(\w+))?/.exec(url) ?? [];
    if (provider === '') return;
    const kind = /^(disks|snapshots)$/.test(type) ? 'DiskOperations' : `${provider} operations`;
    const label = `${verb ?? method} of ${type} ${name.replace(/-[0-9a-f]{12}$/, '')}`;
    this.#accepted.set(kind, [...(this.#accepted.get(kind) ?? []), label]);
  }

  subjectOf({ url }: Call): string | undefined {
    const [, provider = '', list = '', id = ''] =
      /\/Microsoft\.(\w+)\/.*\/(operations|DiskOperations)\/([^/?]+)/.exec(url) ?? [];
    if (list === '') return undefined;
    const kind = list === 'operations' ? `${provider} operations` : list;
    const subject = this.#subjects.get(id) ?? this.#accepted.get(kind)?.shift() ?? id;
    this.#subjects.set(id, subject);
    return `${url.includes('monitor=') ? 'result' : 'poll'} of ${subject}`;
  }
}
