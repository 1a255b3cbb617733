import {
  countOf,
  factOf,
  flagOf,
  isObject,
  known,
  listOfFact,
  momentOf,
  readReport,
  textOf,
  type CutList,
  type Fact,
} from './windows-report.ts';

/** What inspect.ps1 found in a Windows guest. */
export interface WindowsFacts {
  readonly system: Fact<WindowsSystem>;
  /** Where Windows Setup stands, without the prefix `IMAGE_STATE_`. */
  readonly imageState: Fact<string>;
  /** When Windows started, in milliseconds. */
  readonly bootTime: Fact<number>;
  readonly sysprepFound: Fact<boolean>;
  readonly sysprepProcesses: Fact<CutList>;
  /** Empty for a member of a workgroup. */
  readonly domain: Fact<string>;
  /** Volumes that are not fully decrypted, each with its status. */
  readonly bitLocker: Fact<CutList>;
  readonly pendingReboot: Fact<PendingReboot>;
  readonly roles: Fact<CutList>;
  /** How the CD-ROM driver starts: 1 is usual, 4 is disabled. */
  readonly cdromStart: Fact<number>;
  /** Policies that deny removable storage, as class and value. */
  readonly removableStorage: Fact<CutList>;
  /** Full names of packages that a user has and that are not provisioned for all users. */
  readonly appx: Fact<CutList>;
  readonly rearmCount: Fact<number>;
  readonly upgraded: Fact<boolean>;
  /** An answer file that the registry names, or an empty text. */
  readonly unattendFile: Fact<string>;
  /** Services of the Azure agent, each with its status. */
  readonly services: Fact<CutList>;
}

/** Which Windows it is. */
export interface WindowsSystem {
  readonly caption: string;
  readonly build: number;
  readonly kind: 'client' | 'domain controller' | 'server';
}

/** Who waits for a restart. */
export interface PendingReboot {
  readonly servicing: boolean;
  readonly update: boolean;
  /** Files that are renamed or deleted at the next start. */
  readonly renames: number;
}

/** Reads what the script of `inspectScript` printed; undefined where its report is not whole. */
export function readWindowsFacts(output: string, marker: string): WindowsFacts | undefined {
  const report = readReport(output, marker, 'facts');
  if (report === undefined) return undefined;
  return {
    system: factOf(report['system'], systemOf),
    imageState: factOf(report['imageState'], imageStateOf),
    bootTime: factOf(report['bootTime'], momentOf),
    sysprepFound: factOf(report['sysprepFound'], flagOf),
    sysprepProcesses: factOf(report['sysprepProcesses'], listOfFact),
    domain: factOf(report['domain'], textOf),
    bitLocker: factOf(report['bitLocker'], listOfFact),
    pendingReboot: factOf(report['pendingReboot'], pendingRebootOf),
    roles: factOf(report['roles'], listOfFact),
    cdromStart: factOf(report['cdromStart'], countOf),
    removableStorage: factOf(report['removableStorage'], listOfFact),
    appx: factOf(report['appx'], listOfFact),
    rearmCount: factOf(report['rearmCount'], countOf),
    upgraded: factOf(report['upgraded'], flagOf),
    unattendFile: factOf(report['unattendFile'], textOf),
    services: factOf(report['services'], listOfFact),
  };
}

/** Whether Sysprep is still to be started, works already, or has generalized this Windows before. */
export function sysprepPhase(facts: WindowsFacts): 'pending' | 'running' | 'generalized' {
  if ((known(facts.sysprepProcesses)?.count ?? 0) > 0) return 'running';
  return known(facts.imageState) === 'GENERALIZE_RESEAL_TO_OOBE' ? 'generalized' : 'pending';
}

/** True for a member of a domain, which must not meet its domain a second time as a copy. */
export function isDomainMember(facts: WindowsFacts): boolean {
  return (known(facts.domain) ?? '') !== '';
}

/** The name of an image state without the prefix that all have. */
export function imageStateOf(value: unknown): string | undefined {
  const [, state] = /^IMAGE_STATE_([A-Z_]+)$/.exec(textOf(value) ?? '') ?? [];
  return state;
}

const kinds = new Map([
  [1, 'client'],
  [2, 'domain controller'],
  [3, 'server'],
] as const);

function systemOf(value: unknown): WindowsSystem | undefined {
  if (!isObject(value)) return undefined;
  const caption = textOf(value['caption']);
  const build = countOf(value['build']);
  const kind = kinds.get(value['productType'] as 1);
  if (caption === undefined || build === undefined || kind === undefined) return undefined;
  return { caption, build, kind };
}

function pendingRebootOf(value: unknown): PendingReboot | undefined {
  if (!isObject(value)) return undefined;
  const servicing = flagOf(value['servicing']);
  const update = flagOf(value['update']);
  const renames = countOf(value['renames']);
  if (servicing === undefined || update === undefined || renames === undefined) return undefined;
  return { servicing, update, renames };
}
