import { describe, expect, test } from '@jest/globals';
import {
  isDomainMember,
  readWindowsFacts,
  sysprepPhase,
  type WindowsFacts,
} from '../../src/guest/windows-facts.ts';
import { judgeWindowsFacts } from '../../src/guest/windows-rules.ts';
import {
  judgeSysprep,
  judgeSysprepStart,
  readSysprepStart,
  readWindowsState,
  type Sighting,
  type SysprepVerdict,
  type SysprepWatch,
  type WindowsState,
} from '../../src/guest/windows-sysprep.ts';
import { inspectScript, stateScript, sysprepScript } from '../../src/guest/windows.ts';
import { guestOutput, healthyGuest } from '../support/windows-guest.ts';

const marker = '0123456789abcdef0123456789abcdef';

/** What Run Command keeps of the output. See https://learn.microsoft.com/azure/virtual-machines/windows/run-command. */
const KEPT_BYTES = 4096;

const builders: readonly (readonly [string, (marker: string) => string])[] = [
  ['inspect', inspectScript],
  ['sysprep', sysprepScript],
  ['state', (of) => stateScript(of, 45)],
];

describe('the scripts', () => {
  test.each(builders)('%s begins with the marker and prints its end last', (_name, build) => {
    const script = build(marker);
    expect(script.startsWith(`$marker = '${marker}'\n`)).toBe(true);
    expect(script.split(marker)).toHaveLength(2);
    expect(script).not.toContain('\r');
    expect(script.indexOf('"@$marker end"')).toBeGreaterThan(
      script.indexOf('"@$marker $Word $json"'),
    );
  });

  test.each(builders)('%s takes no marker that could end the assignment', (_name, build) => {
    expect(() => build("'; Remove-Item C:\\ #")).toThrow('The marker must be 32 hex digits.');
    expect(() => build(marker.slice(1))).toThrow(RangeError);
    expect(() => build(`${marker}\n`)).toThrow(RangeError);
  });

  test.each([0, 45, 600])('the state is watched for %d seconds', (seconds) => {
    expect(stateScript(marker, seconds)).toContain(`\n$waitSeconds = ${seconds}\n`);
  });

  test.each([-1, 1.5, 601, NaN, Infinity])('the state is not watched for %d seconds', (seconds) => {
    expect(() => stateScript(marker, seconds)).toThrow(
      `The seconds to wait must be a whole number from 0 to 600, got "${seconds}".`,
    );
  });

  test('Sysprep is started with the options of the documentation, and does not power off', () => {
    expect(sysprepScript(marker)).toContain('sysprep.exe" /oobe /generalize /mode:vm /quiet /quit');
  });

  test('the longest report of each script fits into what Run Command keeps', () => {
    for (const [, build] of builders) {
      const script = build(marker);
      const rooms = [...script.matchAll(/(?:Limit-List|Select-Room) .* (\d+)\)?(?: \})?$/gm)];
      expect(rooms.length).toBeGreaterThan(2);
      const lists = rooms.reduce((sum, [, room]) => sum + Number(room), 0);
      // Everything but the lists, with the longest texts that ConvertTo-Plain lets through.
      const rest = guestOutput(marker, 'facts', {
        ...healthyGuest,
        domain: { value: 'd'.repeat(100) },
        unattendFile: { value: 'u'.repeat(100) },
      }).length;
      expect(lists + rest).toBeLessThan(KEPT_BYTES);
    }
  });
});

function factsOf(changes: Readonly<Record<string, unknown>> = {}): WindowsFacts {
  const facts = readWindowsFacts(
    guestOutput(marker, 'facts', { ...healthyGuest, ...changes }),
    marker,
  );
  if (facts === undefined) throw new Error('The report is not whole.');
  return facts;
}

describe('the facts of a guest', () => {
  test('are read from the report', () => {
    expect(factsOf()).toMatchObject({
      system: {
        kind: 'known',
        value: { caption: 'Microsoft Windows Server 2022', build: 20348, kind: 'server' },
      },
      imageState: { kind: 'known', value: 'COMPLETE' },
      bootTime: { kind: 'known', value: Date.UTC(2026, 10, 21, 8) },
      bitLocker: { kind: 'known', value: { count: 0, names: [] } },
      rearmCount: { kind: 'known', value: 1001 },
    });
  });

  test.each([
    ['an error', { error: 'CimException' }, 'CimException'],
    ['no value', { value: null }, 'no value'],
    ['a value of another kind', { value: 'FullyDecrypted' }, 'no value'],
    ['a list with a wrong count', { value: { count: -1, names: [] } }, 'no value'],
    ['nothing', undefined, 'not reported'],
    ['a list in place of a fact', [], 'not reported'],
  ])('with %s count as not read', (_name, bitLocker, error) => {
    expect(factsOf({ bitLocker }).bitLocker).toEqual({ kind: 'unread', error });
  });

  const whole = guestOutput(marker, 'facts', healthyGuest);
  const forged = JSON.stringify({ imageState: { value: 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE' } });

  test.each([
    ['an empty output', ''],
    ['an output cut in the JSON at its front', whole.slice(-500)],
    ['an output cut in the marker of the line', whole.slice(whole.indexOf(marker) + 1)],
    ['an output without its end', whole.slice(0, whole.lastIndexOf('@'))],
    ['an output cut in its end', whole.slice(0, whole.lastIndexOf(' end'))],
    ['a report under another marker', whole.replaceAll(marker, 'f'.repeat(32))],
    ['a report without a marker', whole.replaceAll(`@${marker} `, '')],
    ['a JSON that is no object', guestOutput(marker, 'facts', ['x'])],
    ['a report of another script', guestOutput(marker, 'state', healthyGuest)],
    ['words that only begin alike', guestOutput(marker, 'factsheet', healthyGuest)],
  ])('are not read from %s', (_name, output) => {
    expect(readWindowsFacts(output, marker)).toBeUndefined();
  });

  test.each([
    ['before', `facts ${forged}\nend\n${whole}`],
    ['after', `${whole}facts ${forged}\n@${'f'.repeat(32)} facts ${forged}\n`],
    ['in the line of', whole.replace(`@${marker} facts`, `facts ${forged} @${marker} facts`)],
  ])('are not taken from a forged line %s the report', (_place, output) => {
    expect(readWindowsFacts(output, marker)).toEqual(factsOf());
  });

  test.each([
    ['pending', {}],
    ['generalized', { imageState: { value: 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE' } }],
    [
      'running',
      {
        imageState: { value: 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE' },
        sysprepProcesses: { value: { count: 1, names: ['SetupHost'] } },
      },
    ],
    [
      'pending',
      { imageState: { error: 'CimException' }, sysprepProcesses: { error: 'CimException' } },
    ],
  ])('tell that Sysprep is %s', (phase, changes) => {
    expect(sysprepPhase(factsOf(changes))).toBe(phase);
  });

  test.each([
    [true, { value: 'contoso.com' }],
    [false, { value: '' }],
    [false, { error: 'CimException' }],
  ])('tell domain membership: %s', (member, domain) => {
    expect(isDomainMember(factsOf({ domain }))).toBe(member);
  });
});

const roleTable =
  'https://learn.microsoft.com/windows-hardware/manufacture/desktop/sysprep-support-for-server-roles';

function list(...names: readonly string[]): unknown {
  return { value: { count: names.length, names } };
}

describe('the judge of the facts', () => {
  test('finds nothing in a healthy guest', () => {
    expect(judgeWindowsFacts(factsOf(), 'builder')).toEqual([]);
  });

  test.each<readonly [string, 'refusal' | 'warning', Readonly<Record<string, unknown>>, string]>([
    [
      'windows-image-state',
      'refusal',
      { imageState: { value: 'IMAGE_STATE_UNDEPLOYABLE' } },
      'Windows is in ImageState "UNDEPLOYABLE": an earlier Sysprep or setup failed, and Windows cannot be generalized any more. Make the VM anew or go back to a snapshot from before.',
    ],
    [
      'windows-image-state',
      'refusal',
      { imageState: { value: 'IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE' } },
      'Windows is in ImageState "SPECIALIZE_RESEAL_TO_OOBE": its setup has not ended, often because a restart is pending. Restart the VM, wait until the setup has ended and run again.',
    ],
    [
      'windows-image-state',
      'refusal',
      { imageState: { value: 'IMAGE_STATE_SPECIALIZE_RESEAL_TO_AUDIT' } },
      'Windows is in ImageState "SPECIALIZE_RESEAL_TO_AUDIT": it is to continue in audit mode. Restart the VM, let the setup end and run again.',
    ],
    [
      'windows-image-state',
      'refusal',
      { imageState: { value: 'IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT' } },
      'Windows is in ImageState "GENERALIZE_RESEAL_TO_AUDIT": it was generalized for audit mode, which Azure does not start. Start it once, run Sysprep with /oobe, or make the VM anew.',
    ],
    [
      'windows-image-state',
      'refusal',
      { imageState: { value: 'IMAGE_STATE_NEW' } },
      'Windows is in ImageState "NEW": Sysprep needs "COMPLETE". Let its setup end and run again.',
    ],
    [
      'windows-image-state',
      'refusal',
      { imageState: { value: null } },
      'the ImageState of Windows cannot be read (no value): the end of Sysprep could not be seen. Repair the guest, or generalize it yourself and set "generalize: mark".',
    ],
    [
      'windows-sysprep-missing',
      'refusal',
      { sysprepFound: { value: false } },
      'Windows has no Sysprep ("System32\\Sysprep\\sysprep.exe"). Take an installation that has it, or set "generalize: none" for a specialized image.',
    ],
    [
      'windows-sysprep-running',
      'warning',
      { sysprepProcesses: list('sysprep'), imageState: { value: 'IMAGE_STATE_UNDEPLOYABLE' } },
      'Sysprep works already, as an earlier run or somebody else started it: it is only watched.',
    ],
    [
      'windows-generalized',
      'warning',
      {
        imageState: { value: 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE' },
        pendingReboot: { value: { servicing: true, update: true, renames: 3 } },
      },
      'Windows is generalized already: Sysprep is not started again.',
    ],
    [
      'windows-bitlocker',
      'refusal',
      { bitLocker: list('C: FullyEncrypted', 'F: DecryptionInProgress') },
      'volumes are not fully decrypted: C: FullyEncrypted and F: DecryptionInProgress. Turn BitLocker off for each ("Disable-BitLocker -MountPoint C:"), wait for "FullyDecrypted" and run again.',
    ],
    [
      'windows-pending-restart',
      'refusal',
      { pendingReboot: { value: { servicing: true, update: true, renames: 0 } } },
      'a restart is pending (servicing of components, Windows Update), and Sysprep fails until then. Restart the VM and run again.',
    ],
    [
      'windows-pending-restart',
      'refusal',
      { pendingReboot: { value: { servicing: false, update: true, renames: 0 } } },
      'a restart is pending (Windows Update), and Sysprep fails until then. Restart the VM and run again.',
    ],
    [
      'windows-pending-renames',
      'warning',
      { pendingReboot: { value: { servicing: false, update: false, renames: 2 } } },
      'files wait for a restart to be renamed or deleted (2). If Sysprep fails, restart the VM and run again.',
    ],
    [
      'windows-domain-controller',
      'refusal',
      {
        system: {
          value: { caption: 'Microsoft Windows Server 2019', build: 17763, productType: 2 },
        },
      },
      'it is a domain controller, which cannot be generalized. Take another VM.',
    ],
    [
      'windows-roles',
      'refusal',
      { roles: list('DHCP', 'DNS', 'FileAndStorage-Services') },
      'server role "DHCP Server" is not supported by Sysprep and may not work in the image. Remove it ("Uninstall-WindowsFeature DHCP"), restart the VM, run again, and add the role to what is made from the image.',
    ],
    [
      'windows-roles-conditional',
      'warning',
      { roles: list('Hyper-V') },
      'server role "Hyper-V" is supported by Sysprep on a condition: delete its virtual switches before Sysprep.',
    ],
    [
      'windows-roles-conditional',
      'warning',
      { roles: list('WDS') },
      'it is not settled that Sysprep supports server role "Windows Deployment Services". Try what is made from the image before you rely on it.',
    ],
    [
      'windows-roles-more',
      'warning',
      { roles: { value: { count: 3, names: ['DNS'] } } },
      `server roles are installed that were not judged (2). Check them against ${roleTable}.`,
    ],
    [
      'windows-cdrom',
      'refusal',
      { cdromStart: { value: 4 } },
      'the CD-ROM driver is disabled, and without it VMs made from the image hang in their setup. Set "Start" under "HKLM\\SYSTEM\\CurrentControlSet\\Services\\cdrom" to 1, restart the VM and run again.',
    ],
    [
      'windows-cdrom-start',
      'warning',
      { cdromStart: { value: 3 } },
      'the CD-ROM driver has start type 3, not 1. If VMs made from the image hang in their setup, set "Start" under "HKLM\\SYSTEM\\CurrentControlSet\\Services\\cdrom" to 1.',
    ],
    [
      'windows-removable-storage',
      'refusal',
      { removableStorage: list('RemovableStorageDevices\\Deny_All') },
      'a policy denies removable storage (RemovableStorageDevices\\Deny_All), and VMs made from the image could not read their setup from the DVD drive. Unset it under "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\RemovableStorageDevices" or in the group policy, and run again.',
    ],
    [
      'windows-appx',
      'warning',
      { appx: { value: { count: 4, names: ['A_1_x64__a', 'B_1_x64__b'] } } },
      'app packages are installed for a user but not provisioned for all users, which makes Sysprep fail: A_1_x64__a, B_1_x64__b and 2 more. If it does, remove them ("Remove-AppxPackage -AllUsers -Package NAME") and run again.',
    ],
    [
      'windows-upgraded',
      'refusal',
      {
        upgraded: { value: true },
        system: {
          value: { caption: 'Microsoft Windows Server 2012 R2', build: 9600, productType: 3 },
        },
      },
      'Windows was upgraded in place, and its Sysprep refuses that. Take a clean installation.',
    ],
    [
      'windows-upgraded-since',
      'warning',
      { upgraded: { value: true } },
      'Windows was upgraded in place. Sysprep takes it since Windows 10 1607 and Windows Server 2016, but not if it had been generalized before the upgrade.',
    ],
    [
      'windows-domain',
      'warning',
      { domain: { value: 'contoso.com' } },
      'Windows is a member of domain "contoso.com": Sysprep takes it out of the domain, and settings of group policies may stay in the image.',
    ],
    [
      'windows-rearm',
      'warning',
      { rearmCount: { value: 0 } },
      'its activation cannot be reset any more (rearm count 0), which may make Sysprep fail. Take a newer installation if it does.',
    ],
    [
      'windows-answer-file',
      'warning',
      { unattendFile: { value: 'C:\\setup\\unattend.xml' } },
      'the registry names an answer file ("C:\\setup\\unattend.xml"), which Sysprep takes. Azure supports none: remove the value "UnattendFile" under "HKLM\\SYSTEM\\Setup" if it is yours.',
    ],
    [
      'windows-agent-services',
      'warning',
      { services: list('RdAgent Stopped', 'WindowsAzureGuestAgent Running') },
      'services of the Azure agent do not run (RdAgent Stopped). Check the agent if VMs made from the image do not become ready.',
    ],
    [
      'windows-unread',
      'warning',
      { bitLocker: { error: 'CimException' }, cdromStart: { value: null } },
      'not everything could be checked: bitLocker (CimException) and cdromStart (no value). What these would tell is not known.',
    ],
  ])('%s is a %s', (rule, level, changes, text) => {
    expect(judgeWindowsFacts(factsOf(changes), 'builder')).toEqual([
      { rule, level, message: `VM "builder": ${text}` },
    ]);
  });

  test('names each unsupported role in a refusal of its own', () => {
    const roles = list('AD-Certificate', 'ADFS-Federation', 'ADLDS', 'ADRMS', 'Fax');
    const findings = judgeWindowsFacts(factsOf({ roles }), 'builder');
    expect(findings.map(({ level }) => level)).toEqual(Array(5).fill('refusal'));
    expect(findings.map(({ message }) => /role "([^"]+)"/.exec(message)?.[1])).toEqual([
      'Active Directory Certificate Services',
      'Active Directory Federation Services',
      'Active Directory Lightweight Directory Services',
      'Active Directory Rights Management Services',
      'Fax Server',
    ]);
  });

  test('does not miss cmdlets of features that are not installed', () => {
    const missing = { error: 'CommandNotFoundException' };
    expect(
      judgeWindowsFacts(factsOf({ bitLocker: missing, appx: missing, roles: missing }), 'b'),
    ).toEqual([]);
    expect(judgeWindowsFacts(factsOf({ domain: missing }), 'b')).toHaveLength(1);
  });

  test('does not ask a client for server roles', () => {
    const client = { value: { caption: 'Microsoft Windows 11', build: 22631, productType: 1 } };
    const roles = { error: 'Exception' };
    expect(judgeWindowsFacts(factsOf({ system: client, roles }), 'b')).toEqual([]);
    expect(judgeWindowsFacts(factsOf({ roles }), 'b')).toHaveLength(1);
  });

  test('refuses an encrypted volume also when Windows is generalized', () => {
    const facts = factsOf({
      imageState: { value: 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE' },
      bitLocker: list('C: FullyEncrypted'),
    });
    expect(judgeWindowsFacts(facts, 'b').map(({ rule }) => rule)).toEqual([
      'windows-generalized',
      'windows-bitlocker',
    ]);
  });

  test('keeps what the guest tells on one line', () => {
    const [finding] = judgeWindowsFacts(
      factsOf({ domain: { value: 'a\r\n::error::b\u001b[31m' } }),
      'b',
    );
    expect(finding?.message).toMatch(/^[\x20-\x7e]+$/);
  });
});

describe('the start of Sysprep', () => {
  const report = {
    started: true,
    imageState: 'IMAGE_STATE_COMPLETE',
    bootTime: '2026-11-21T08:00:00Z',
    processes: { count: 0, names: [] },
    code: 0,
    removed: { count: 1, names: ['C:\\Windows\\Panther'] },
    left: { count: 0, names: [] },
  };
  const read = (changes: Readonly<Record<string, unknown>>): SysprepVerdict => {
    const start = readSysprepStart(
      guestOutput(marker, 'sysprep', { ...report, ...changes }),
      marker,
    );
    if (start === undefined) throw new Error('The report is not whole.');
    return judgeSysprepStart(start, 'builder');
  };

  test('is read with what was taken away', () => {
    expect(readSysprepStart(guestOutput(marker, 'sysprep', report), marker)).toMatchObject({
      started: true,
      bootTime: Date.UTC(2026, 10, 21, 8),
      removed: { names: ['C:\\Windows\\Panther'] },
    });
    expect(
      readSysprepStart(guestOutput(marker, 'sysprep', { started: 1 }), marker),
    ).toBeUndefined();
    expect(readSysprepStart('', marker)).toBeUndefined();
  });

  test.each<readonly [string, Readonly<Record<string, unknown>>, string]>([
    ['was', {}, 'running'],
    [
      'was by another run',
      { started: false, processes: { count: 1, names: ['sysprep'] } },
      'running',
    ],
    [
      'is not needed',
      { started: false, imageState: 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE' },
      'generalized',
    ],
  ])('%s', (_name, changes, verdict) => {
    expect(read(changes)).toBe(verdict);
  });

  test.each<readonly [string, Readonly<Record<string, unknown>>, string]>([
    [
      'because of the ImageState',
      {
        started: false,
        imageState: 'IMAGE_STATE_UNDEPLOYABLE',
        code: undefined,
        removed: { count: 0, names: [] },
      },
      'Sysprep could not be started in VM "builder": ImageState is "UNDEPLOYABLE", not "COMPLETE". Windows is not generalized; look into the guest and run again.',
    ],
    [
      'because Windows refused the process',
      { started: false, code: 9 },
      'Sysprep could not be started in VM "builder": Windows answered 9. Windows is not generalized; look into the guest and run again. Taken away before: C:\\Windows\\Panther.',
    ],
    [
      'because of an error',
      { started: false, code: undefined, error: 'CimException in line 71' },
      'Sysprep could not be started in VM "builder": CimException in line 71. Windows is not generalized; look into the guest and run again. Taken away before: C:\\Windows\\Panther.',
    ],
  ])('failed %s', (_name, changes, failed) => {
    expect(read(changes)).toEqual({ failed, log: [] });
  });
});

const bootTime = Date.UTC(2026, 10, 21, 8);
const watch: SysprepWatch = {
  vmName: 'builder',
  startedAtMs: 0,
  timeoutMs: 900_000,
  settleMs: 60_000,
  bootTime,
};

/** One answer of the guest at a second; without a state, no answer that was whole. */
function seen(second: number, imageState?: string, changes: Partial<WindowsState> = {}): Sighting {
  const state: WindowsState = {
    imageState,
    processes: [],
    bootTime,
    errors: [],
    tail: [],
    ...changes,
  };
  return { atMs: second * 1000, state: imageState === undefined ? undefined : state };
}

const busy = { processes: ['sysprep'] };

describe('the judge of Sysprep', () => {
  test.each<readonly [string, readonly Sighting[], string]>([
    ['nothing was seen yet', [], 'running'],
    ['no answer was whole yet', [seen(40), seen(80)], 'running'],
    ['Sysprep has just begun', [seen(30, 'COMPLETE', busy)], 'running'],
    [
      'UNDEPLOYABLE is passed through',
      [seen(30, 'COMPLETE', busy), seen(90, 'UNDEPLOYABLE', busy)],
      'running',
    ],
    [
      'UNDEPLOYABLE lasts while SetupHost works',
      [
        seen(90, 'UNDEPLOYABLE', { processes: ['SetupHost'] }),
        seen(800, 'UNDEPLOYABLE', { processes: ['SetupHost'] }),
      ],
      'running',
    ],
    [
      'it is resealed, but SetupHost works on',
      [seen(200, 'GENERALIZE_RESEAL_TO_OOBE', { processes: ['SetupHost'] })],
      'running',
    ],
    [
      'it is resealed and nothing works',
      [seen(90, 'UNDEPLOYABLE', busy), seen(200, 'GENERALIZE_RESEAL_TO_OOBE')],
      'generalized',
    ],
    ['it is resealed at the last moment', [seen(900, 'GENERALIZE_RESEAL_TO_OOBE')], 'generalized'],
    [
      'the last answer was cut, the one before was resealed',
      [seen(200, 'GENERALIZE_RESEAL_TO_OOBE'), seen(240)],
      'generalized',
    ],
    [
      'between two processes nothing works',
      [seen(90, 'UNDEPLOYABLE', busy), seen(130, 'UNDEPLOYABLE'), seen(170, 'UNDEPLOYABLE')],
      'running',
    ],
    [
      'work goes on after a pause',
      [
        seen(90, 'UNDEPLOYABLE'),
        seen(140, 'UNDEPLOYABLE', { processes: ['SetupHost'] }),
        seen(180, 'UNDEPLOYABLE'),
      ],
      'running',
    ],
    [
      'an answer that was cut does not count as a pause',
      [seen(90, 'UNDEPLOYABLE', busy), seen(130), seen(170), seen(190, 'UNDEPLOYABLE')],
      'running',
    ],
    [
      'the clock of the guest was set',
      [seen(90, 'UNDEPLOYABLE', { ...busy, bootTime: bootTime + 30_000 })],
      'running',
    ],
    [
      'the start of Windows could not be read',
      [seen(90, 'UNDEPLOYABLE', { ...busy, bootTime: undefined })],
      'running',
    ],
  ])('%s', (_name, sightings, verdict) => {
    expect(judgeSysprep(sightings, watch)).toBe(verdict);
  });

  const packageError =
    '2026-11-21 08:10:00, Error                 SYSPRP Package Contoso.App_1.0.0.0_x64__abc was installed for a user, but not provisioned for all users. This package will not function properly in the sysprep image.';
  const dllError =
    "2026-11-21 08:10:01, Error      [0x0f0082] SYSPRP LaunchDll:Failure occurred while executing 'DscCore.dll,SysPrep_Cleanup', returned error code 0x2";
  const unusable =
    'Windows cannot be used any more: make the VM anew or go back to a snapshot from before.';
  const repair = 'Windows was not generalized and still works: repair the cause and run again.';

  test.each<readonly [string, string, readonly string[], string]>([
    [
      'leaves COMPLETE untold',
      'COMPLETE',
      [],
      `Sysprep ended without generalizing Windows (ImageState "COMPLETE"). ${repair}`,
    ],
    [
      'names app packages, each once',
      'COMPLETE',
      [
        dllError,
        packageError,
        packageError,
        packageError.replaceAll('Contoso.App', 'Contoso.Other'),
      ],
      `Sysprep ended without generalizing Windows (ImageState "COMPLETE"): app packages are installed for a user but not provisioned for all users: Contoso.App_1.0.0.0_x64__abc and Contoso.Other_1.0.0.0_x64__abc. Remove them ("Remove-AppxPackage -AllUsers -Package NAME"). ${repair}`,
    ],
    [
      'quotes the first error',
      'UNDEPLOYABLE',
      [dllError, packageError.replace('Package', 'Pack')],
      `Sysprep ended without generalizing Windows (ImageState "UNDEPLOYABLE"): the log says "SYSPRP LaunchDll:Failure occurred while executing 'DscCore.dll,SysPrep_Cleanup', returned error code 0x2". ${unusable}`,
    ],
    [
      'knows BitLocker',
      'COMPLETE',
      [
        '2026-11-21 08:10:00, Error [0x0f0082] SYSPRP BitLocker-Sysprep: BitLocker is on for the OS volume.',
      ],
      `Sysprep ended without generalizing Windows (ImageState "COMPLETE"): BitLocker is on. Turn it off for all volumes and wait for "FullyDecrypted". ${repair}`,
    ],
    [
      'knows an upgrade',
      'COMPLETE',
      [
        'x, Error SYSPRP Sysprep will not run on an upgraded OS. You can only run Sysprep on a clean install.',
      ],
      `Sysprep ended without generalizing Windows (ImageState "COMPLETE"): Windows was upgraded in place. Take a clean installation. ${repair}`,
    ],
    [
      'knows reserved storage',
      'COMPLETE',
      ["x, Error SYSPRP Audit mode can't be turned on if reserved storage is in use."],
      `Sysprep ended without generalizing Windows (ImageState "COMPLETE"): an update works with reserved storage. Wait for it, restart the VM. ${repair}`,
    ],
    [
      'knows a pending restart',
      'COMPLETE',
      [
        'x, Error [0x0f00b0] SYSPRP spopk.dll:: Failed to query pending CBS operations; hr = 0x80080005',
      ],
      `Sysprep ended without generalizing Windows (ImageState "COMPLETE"): updates wait for a restart. Restart the VM. ${repair}`,
    ],
    [
      'knows Defender for Endpoint',
      'UNDEPLOYABLE',
      [
        'x, Error SYSPRP ActionPlatform::DeleteValue: Error from RegDeleteValueW for value senseGuid under key HKEY_LOCAL_MACHINE\\Software\\Microsoft\\Windows Advanced Threat Protection; dwRet = 0x5',
      ],
      `Sysprep ended without generalizing Windows (ImageState "UNDEPLOYABLE"): Microsoft Defender for Endpoint keeps its settings from Sysprep. Offboard the VM. ${unusable}`,
    ],
    [
      'knows a setup that waits',
      'SPECIALIZE_RESEAL_TO_OOBE',
      [],
      'Sysprep ended without generalizing Windows (ImageState "SPECIALIZE_RESEAL_TO_OOBE"). The setup of Windows has not ended, often because a restart is pending: restart the VM, wait until the setup has ended and run again.',
    ],
    [
      'refuses audit mode',
      'GENERALIZE_RESEAL_TO_AUDIT',
      [],
      `Sysprep ended without generalizing Windows (ImageState "GENERALIZE_RESEAL_TO_AUDIT"). ${unusable}`,
    ],
  ])('an ended Sysprep: %s', (_name, imageState, errors, text) => {
    const tail = ['2026-11-21 08:10:02, Info SYSPRP the last line', ...errors.slice(-1)];
    const sightings = [
      seen(30, 'COMPLETE', busy),
      seen(100, imageState, { errors, tail }),
      seen(160, imageState, { errors, tail }),
    ];
    expect(judgeSysprep(sightings.slice(0, 2), watch)).toBe('running');
    expect(judgeSysprep(sightings, watch)).toEqual({
      failed: `VM "builder": ${text}`,
      log: [...errors, tail[0]],
    });
  });

  test('an ended Sysprep: tells that the ImageState is not known', () => {
    const nameless = [seen(100, ''), seen(160, '')].map(({ atMs, state }) => ({
      atMs,
      state: state && { ...state, imageState: undefined },
    }));
    expect(judgeSysprep(nameless, watch)).toMatchObject({
      failed: `VM "builder": Sysprep ended without generalizing Windows (ImageState "unknown"). ${unusable}`,
    });
  });

  test.each<readonly [string, readonly Sighting[]]>([
    [
      'and is set up again',
      [seen(90, 'UNDEPLOYABLE', busy), seen(200, 'COMPLETE', { bootTime: bootTime + 600_000 })],
    ],
    [
      'and is resealed, so it has begun its setup',
      [seen(300, 'GENERALIZE_RESEAL_TO_OOBE', { bootTime: bootTime + 600_000 })],
    ],
    [
      'and was cut in between',
      [
        seen(90, 'UNDEPLOYABLE', busy),
        seen(200),
        seen(240, 'UNDEPLOYABLE', { ...busy, bootTime: bootTime + 600_000 }),
      ],
    ],
  ])('a guest that restarts %s is not generalized', (_name, sightings) => {
    const failed = `VM "builder": Windows restarted while Sysprep worked. Find out who restarted it. ${unusable}`;
    expect(judgeSysprep(sightings, watch)).toEqual({ failed, log: [] });
  });

  test('a restart is seen also when the start of Sysprep did not tell when Windows started', () => {
    const sightings = [
      seen(90, 'UNDEPLOYABLE', busy),
      seen(200, 'GENERALIZE_RESEAL_TO_OOBE', { bootTime: bootTime + 600_000 }),
    ];
    expect(judgeSysprep(sightings, { ...watch, bootTime: undefined })).toMatchObject({
      failed: `VM "builder": Windows restarted while Sysprep worked. Find out who restarted it. ${unusable}`,
    });
  });

  const look =
    'Set a longer "deprovision-timeout" if the log shows progress. This run leaves Sysprep working: look at its end before you use the VM.';

  test.each<readonly [string, readonly Sighting[], string]>([
    [
      'Sysprep hangs',
      [
        seen(899, 'UNDEPLOYABLE', busy),
        seen(900, 'UNDEPLOYABLE', { processes: ['sysprep', 'SetupHost'] }),
      ],
      `VM "builder": Sysprep has not ended within 15 min 0 s (ImageState "UNDEPLOYABLE", sysprep and SetupHost still working). ${look}`,
    ],
    [
      'SetupHost hangs after the reseal',
      [seen(950, 'GENERALIZE_RESEAL_TO_OOBE', { processes: ['SetupHost'] })],
      `VM "builder": Sysprep has not ended within 15 min 0 s (ImageState "GENERALIZE_RESEAL_TO_OOBE", SetupHost still working). ${look}`,
    ],
    [
      'the guest does not answer any more',
      [seen(90, 'UNDEPLOYABLE', { ...busy, errors: [dllError] }), seen(600), seen(900)],
      `VM "builder": Sysprep has not ended within 15 min 0 s (ImageState "UNDEPLOYABLE", sysprep still working): the log says "SYSPRP LaunchDll:Failure occurred while executing 'DscCore.dll,SysPrep_Cleanup', returned error code 0x2". ${look}`,
    ],
    [
      'the guest never answered',
      [seen(600), seen(900)],
      'VM "builder" has not told for 15 min 0 s how far Sysprep is: no answer of Run Command was whole. Check the Azure agent in the guest, and look at the end of Sysprep before you use the VM.',
    ],
  ])('the time runs out: %s', (_name, sightings, failed) => {
    expect(judgeSysprep(sightings.slice(0, -1), watch)).toBe('running');
    expect(judgeSysprep(sightings, watch)).toMatchObject({ failed });
  });

  test('what the log of the guest tells is without secrets', () => {
    const errors = ['x, Error SYSPRP could not fetch https://host/file?sv=1&sig=c2VjcmV0'];
    const verdict = judgeSysprep(
      [seen(100, 'COMPLETE', { errors }), seen(160, 'COMPLETE', { errors })],
      watch,
    );
    expect(JSON.stringify(verdict)).toContain('https://host/file');
    expect(JSON.stringify(verdict)).not.toContain('c2VjcmV0');
  });
});

describe('the state of Sysprep', () => {
  const report = {
    imageState: 'IMAGE_STATE_UNDEPLOYABLE',
    processes: { count: 1, names: ['sysprep'] },
    bootTime: '2026-11-21T08:00:00Z',
    errors: ['one'],
    tail: ['two'],
  };

  test('is read from the report', () => {
    expect(readWindowsState(guestOutput(marker, 'state', report), marker)).toEqual({
      imageState: 'UNDEPLOYABLE',
      processes: ['sysprep'],
      bootTime,
      errors: ['one'],
      tail: ['two'],
    });
  });

  test.each([
    ['without a start of Windows', { bootTime: null }, { bootTime: undefined }],
    [
      'with an impossible start of Windows',
      { bootTime: '2026-13-41T08:00:00Z' },
      { bootTime: undefined },
    ],
    ['with an ImageState of no kind', { imageState: 'done' }, { imageState: undefined }],
    ['without logs', { errors: null, tail: {} }, { errors: [], tail: [] }],
  ])('is read %s', (_name, changes, expected) => {
    expect(
      readWindowsState(guestOutput(marker, 'state', { ...report, ...changes }), marker),
    ).toMatchObject(expected);
  });

  test.each([
    ['processes that are not told', guestOutput(marker, 'state', { ...report, processes: null })],
    ['a report that was cut', guestOutput(marker, 'state', report).slice(60)],
    ['the script itself', stateScript(marker, 45)],
  ])('is not read from %s', (_name, output) => {
    expect(readWindowsState(output, marker)).toBeUndefined();
  });
});
