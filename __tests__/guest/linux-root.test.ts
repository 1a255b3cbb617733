import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  linuxReportScript,
  linuxStartScript,
  readLinuxReport,
  type LinuxOrder,
  type LinuxReport,
} from '../../src/guest/linux.ts';
import {
  createGuestRoot,
  describeGuest,
  type GuestCase,
  type GuestOutcome,
  type GuestRoot,
} from '../support/guest-root.ts';

const marker = 'c0ffee00c0ffee00c0ffee00c0ffee00';
const order: LinuxOrder = {
  marker,
  deprovisionUser: true,
  allowsDomainMember: true,
  timeoutSeconds: 60,
  delaySeconds: 0,
};

/** What a case left, with what its scripts told. */
interface Deprovisioned extends GuestOutcome {
  readonly started: LinuxReport;
  readonly reported: LinuxReport;
}

const steps = [
  'settle',
  'stop-agent',
  'clean-cloud-init',
  'deprovision-agent',
  'remove-user',
  'account-backups',
  'machine-id',
  'ssh-host-keys',
  'leases',
  'histories',
  'agent-leftovers',
  'name-servers',
  'sync-disks',
];

/** Puts a program of the guest's in the place of another one. */
function replace(path: string, ...lines: readonly string[]): string {
  return `cat >${path} <<'END'\n#!/bin/sh\n${lines.join('\n')}\nEND\nchmod 755 ${path}\n`;
}

/** A waagent that has a version and does this when it is to deprovision. */
function agentThat(...lines: readonly string[]): string {
  const version = '[ "$1" != -version ] || { echo "WALinuxAgent-9.9.9 running"; exit 0; }';
  return replace('/usr/sbin/waagent', version, ...lines);
}

const noOvfEnv = 'rm /var/lib/waagent/ovf-env.xml\n';
/** A systemd whose calls are recorded, and that runs what it is given as a unit of its own. */
const systemd =
  'mkdir -p /run/systemd/system\n' +
  replace(
    '/usr/local/sbin/systemd-run',
    'echo "systemd-run $1 $2" >>/run/calls',
    'shift 3',
    'setsid "$@" &',
  ) +
  replace(
    '/usr/local/sbin/systemctl',
    '[ "$1" != cat ] || exec test -e "/usr/lib/systemd/system/$2"',
    'echo "systemctl $*" >>/run/calls',
    'case "$*" in *poweroff | start*) echo ended 1<>/run/ended ;; esac',
  );

let guest: GuestRoot;

async function deprovision(
  one: Partial<GuestCase> = {},
  changes: Partial<LinuxOrder> = {},
): Promise<Deprovisioned> {
  const outcome = await guest.run({
    start: linuxStartScript({ ...order, ...changes }),
    report: linuxReportScript(order),
    ...one,
  });
  return {
    ...outcome,
    started: readLinuxReport(outcome.start, marker),
    reported: readLinuxReport(outcome.report, marker),
  };
}

describeGuest('a guest with the real waagent and cloud-init', () => {
  /** The guest as it mostly is. */
  let main: Deprovisioned;

  beforeAll(async () => {
    guest = await createGuestRoot();
    main = await deprovision({
      after:
        'cat /etc/hostname /etc/machine-id /root/.ssh/authorized_keys /etc/sudoers.d/90-cloud-init-users\n' +
        'grep ^root: /etc/shadow\n',
    });
  }, 400_000);
  afterAll(async () => {
    await guest[Symbol.asyncDispose]();
  });

  describe('deprovisioned', () => {
    test('tells what it is, and every step', () => {
      expect(main.started.end).toEqual({ kind: 'started', detail: '' });
      expect(Object.fromEntries(main.started.facts)).toEqual({
        distribution: expect.stringMatching(/^Debian GNU\/Linux \d+/),
        agent: expect.stringMatching(/^2\.\d+/),
        'cloud-init': expect.stringMatching(/^2\d\.\d/),
        init: 'other',
        provisioning: 'cloud-init',
        user: 'azureuser',
      });
      expect(main.started.notes).toEqual([
        { kind: 'accounts', text: 'these accounts stay in the image: bob' },
      ]);
      expect(main.reported.steps.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual(
        steps.map((name) => `${name} ok`),
      );
      expect(main.reported.end).toEqual({ kind: 'ok', detail: '' });
    });

    test('stops the agent first and powers off last', () => {
      expect(main.calls).toEqual(['walinuxagent stop', 'poweroff']);
    });

    test('tells the same on the serial console', () => {
      const serial = readLinuxReport(main.serial, marker);
      expect(serial).toMatchObject({ steps: main.reported.steps, end: main.reported.end });
    });

    test('changes what docs/guest.md says, and no other file', async () => {
      const page = await readFile(new URL('../../docs/guest.md', import.meta.url), 'utf8');
      const { removed, changed, added } = main.changes;
      expect(added).toEqual([]);
      expect(globs(page, 'Gone').map((glob) => [glob, matches(glob, removed)])).not.toContainEqual([
        expect.anything(),
        [],
      ]);
      expect(removed.filter((path) => !globs(page, 'Gone').some(isMatch(path)))).toEqual([]);
      expect(changed).toEqual([...globs(page, 'Changed')].sort());
    });

    test('empties the machine ID, forgets the user, and locks root', () => {
      expect(main.after.split('\n')).toEqual([
        'localhost.localdomainssh-ed25519 AAAA-of-the-owner owner',
        '# Created by cloud-init',
        '',
        '',
        '# User rules for bob',
        'bob ALL=(ALL) NOPASSWD:ALL',
        expect.stringMatching(/^root:[*!][^$]*:/),
        '',
      ]);
    });
  });

  test.each([
    [
      'the tools of busybox',
      'for tool in sh cat cp cut date find grep head id ln ls mkdir readlink rm sed setsid sleep stat tail tr; do\n' +
        '  ln -sf /bin/busybox /usr/local/sbin/$tool\ndone\nln -sf busybox /bin/sh\n',
      ['walinuxagent stop', 'poweroff'],
    ],
    [
      'bash and systemd',
      `ln -sf bash /bin/sh\n${systemd}`,
      [
        `systemd-run --quiet --collect`,
        'systemctl stop walinuxagent',
        'systemctl --no-block --ignore-inhibitors poweroff',
      ],
    ],
  ])('does the same with %s', async (_name, prepare, calls) => {
    const { reported, changes, ...one } = await deprovision({ prepare });
    expect(reported.steps.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual(
      steps.map((name) => `${name} ok`),
    );
    expect(one.calls.filter((call) => !call.startsWith('systemctl daemon'))).toEqual(
      expect.arrayContaining(calls),
    );
    const isPrepared = (path: string): boolean => /^\/usr\/(?:local\/sbin\/|bin\/sh$)/.test(path);
    expect(changes.removed).toEqual(main.changes.removed);
    expect(changes.changed.filter((path) => !isPrepared(path))).toEqual(main.changes.changed);
    expect(changes.added.filter((path) => !isPrepared(path))).toEqual([]);
  });

  test('keeps the user and its keys when told so', async () => {
    const { changes, reported } = await deprovision({}, { deprovisionUser: false });
    const home = [...changes.removed, ...changes.changed].filter((path) =>
      path.startsWith('/home'),
    );
    expect(home).toEqual(['/home/azureuser/.bash_history', '/home/bob/.bash_history']);
    expect(changes.changed).toEqual(['/etc/hostname', '/etc/machine-id', '/etc/shadow']);
    expect(reported.steps).toContainEqual({
      name: 'remove-user',
      outcome: 'skipped',
      detail: 'no user to remove',
    });
    expect(reported.end?.kind).toBe('ok');
  });

  test('ends an agent that still runs, and shells that would write their history', async () => {
    const { prepare, after, reported } = await deprovision({
      // Somebody at a terminal, whose shell would write its history at the end.
      prepare:
        'setsid python3 -c \'import pty, os; pty.spawn(["bash", "-i"], lambda f: os.read(f, 99), lambda f: b"")\' >/run/terminal 2>&1 </dev/null &\n' +
        'setsid waagent -daemon >/dev/null 2>&1 &\n' +
        'until pgrep -x bash && pgrep -f "waagent -daemon" && [ -e /var/log/waagent.log ]; do sleep 0.1; done\n',
      after: 'pgrep -x bash\npgrep -f "waagent -daemon"\nls -A /root /var/lib/waagent\n',
    });
    expect(prepare).toMatch(/^\d+\n\d+\n$/);
    expect(reported.end?.kind).toBe('ok');
    expect(after).toBe('/root:\n.bashrc\n.profile\n.ssh\n\n/var/lib/waagent:\n');
  });

  describe('when ovf-env.xml', () => {
    test('is missing and it is not known who the user is, touches nothing', async () => {
      const { started, reported, changes, calls } = await deprovision({
        prepare: noOvfEnv,
      });
      expect(started.end).toEqual({
        kind: 'refused',
        detail:
          '/var/lib/waagent/ovf-env.xml names no user, so it is not known which account Azure made (there are: azureuser bob): set deprovision-user: false, or delete the account',
      });
      expect(reported.end).toEqual({ kind: 'lost', detail: '' });
      expect(changes).toEqual({
        removed: ['/var/lib/waagent/ovf-env.xml'],
        added: [],
        changed: [],
      });
      expect(calls).toEqual([]);
    });

    test.each([
      ['is missing, removes the user of the OS profile', noOvfEnv],
      [
        'is not valid, removes the user that waagent keeps',
        "sed -i 's/PlatformSettings/Other/' /var/lib/waagent/ovf-env.xml\n",
      ],
    ])('%s', async (_name, prepare) => {
      const { reported, after } = await deprovision(
        { prepare, after: 'ls /home\n! id azureuser 2>/dev/null\n' },
        { adminUser: 'azureuser' },
      );
      expect(reported.steps).toContainEqual({
        name: 'remove-user',
        outcome: 'ok',
        detail: 'azureuser, whom waagent did not remove',
      });
      expect(reported.end?.kind).toBe('ok');
      expect(after).toBe('bob\n');
    });

    test('names a system account, refuses', async () => {
      const { started } = await deprovision({
        prepare: "sed -i 's/azureuser/daemon/' /var/lib/waagent/ovf-env.xml\n",
      });
      expect(started.end).toEqual({
        kind: 'refused',
        detail:
          'the provisioned user "daemon" is a system account (uid 1): set deprovision-user: false',
      });
    });
  });

  test('a second time finds nothing left to do', async () => {
    const first = linuxStartScript({ ...order, marker: 'f'.repeat(32) });
    const { started, reported, changes } = await deprovision(
      {
        prepare: `cat >/run/first.sh <<'FIRST'\n${first}\nFIRST\nsh /run/first.sh\nread -r _ 0<>/run/ended\n`,
      },
      { adminUser: 'azureuser' },
    );
    expect(started.notes.map(({ kind }) => kind)).toContain('user-gone');
    expect(reported.end?.kind).toBe('ok');
    expect(changes).toEqual(main.changes);
  });

  test('without waagent does its work', async () => {
    const { started, reported, calls, after } = await deprovision({
      prepare: 'rm /usr/sbin/waagent /etc/init.d/walinuxagent\n',
      after: 'ls /home /var/lib/waagent\n',
    });
    expect(started.notes.map(({ kind }) => kind)).toEqual(['no-waagent', 'accounts']);
    expect(
      reported.steps.filter(({ outcome }) => outcome === 'skipped').map(({ name }) => name),
    ).toEqual(['stop-agent', 'deprovision-agent']);
    expect(reported.end?.kind).toBe('ok');
    expect(calls).toEqual(['poweroff']);
    expect(after).toBe('/home:\nbob\n\n/var/lib/waagent:\n');
  });

  test('without waagent and cloud-init refuses', async () => {
    const { started } = await deprovision({
      prepare: 'rm /usr/sbin/waagent /usr/bin/cloud-init\n',
    });
    expect(started.end).toEqual({
      kind: 'refused',
      detail:
        'the guest has neither waagent nor cloud-init: install walinuxagent, or deprovision it by other means and set generalize: mark',
    });
  });

  describe('when waagent', () => {
    test('fails half way, starts the agent again with its state and does not power off', async () => {
      const { reported, calls, after } = await deprovision({
        prepare: agentThat('rm -rf /var/lib/waagent/*', 'echo "no such luck" >&2', 'exit 3'),
        after: 'cat /var/lib/waagent/provisioned\nls /etc/ssh/ssh_host_rsa_key\n',
      });
      expect(reported.steps.at(-1)).toEqual({
        name: 'deprovision-agent',
        outcome: 'failed',
        detail: 'waagent -deprovision+user ended with 3',
      });
      expect(reported.log).toEqual(['no such luck']);
      expect(reported.end).toEqual({
        kind: 'failed',
        detail:
          'Step deprovision-agent failed. The guest may be half deprovisioned; it was not powered off, and its agent is started again',
      });
      expect(calls).toEqual(['walinuxagent stop', 'walinuxagent start']);
      expect(after).toBe('5f8f6a0d-0000-4000-8000-000000000001\n/etc/ssh/ssh_host_rsa_key\n');
    });

    test('ends with 0 and has done nothing, fails', async () => {
      const { reported, calls } = await deprovision({ prepare: agentThat('exit 0') });
      expect(reported.steps.at(-1)?.detail).toBe(
        'waagent -deprovision+user ended with 0 and left /var/lib/waagent/provisioned',
      );
      expect(calls).toEqual(['walinuxagent stop', 'walinuxagent start']);
    });

    test('never ends, is ended with all that it started', async () => {
      const { reported, calls, after } = await deprovision(
        {
          // Without cloud-init the steps before take no time worth speaking of.
          prepare: `rm /usr/bin/cloud-init\n${agentThat('sleep 4321 &', 'sleep 4321')}`,
          after: 'pgrep -f "sleep 4321" || echo none\n',
        },
        { timeoutSeconds: 3 },
      );
      expect(reported.end).toMatchObject({
        kind: 'failed',
        detail: expect.stringMatching(
          /^Step deprovision-agent did not end within 3 s\. The guest may/,
        ),
      });
      expect(calls).toEqual(['walinuxagent stop', 'walinuxagent start']);
      expect(after).toBe('none\n');
    });

    test('does not run, refuses', async () => {
      const { started } = await deprovision({
        prepare: replace(
          '/usr/sbin/waagent',
          'echo "No module named azurelinuxagent" >&2',
          'exit 1',
        ),
      });
      expect(started.end).toEqual({
        kind: 'refused',
        detail: '/usr/sbin/waagent does not run: No module named azurelinuxagent',
      });
    });
  });

  test('a guest that cannot be powered off fails', async () => {
    const { reported, calls } = await deprovision({
      prepare: ['poweroff', 'shutdown', 'busybox']
        .map((name) => replace(`/usr/local/sbin/${name}`, 'echo "not here" >&2', 'exit 1'))
        .join(''),
    });
    expect(reported.end).toMatchObject({
      kind: 'failed',
      detail: expect.stringMatching(
        /^The guest could not be powered off: not here\. The guest may/,
      ),
    });
    expect(calls).toEqual(['walinuxagent stop', 'walinuxagent start']);
  });

  test('waits for cloud-init', async () => {
    const { reported } = await deprovision({
      prepare:
        'mkdir /run/cloud-init\n' +
        'echo \'{"v1": {"datasource": null, "stage": "modules-final"}}\' >/run/cloud-init/status.json\n' +
        'until grep -q "waits for" /run/azure-vm-to-vhd/*/log 2>/dev/null; do sleep 0.1; done && echo {} >/run/cloud-init/result.json &\n',
    });
    expect(reported.steps[0]).toEqual({
      name: 'settle',
      outcome: 'ok',
      detail: 'waited for cloud-init',
    });
    expect(reported.end?.kind).toBe('ok');
  });

  test('waits for a package manager', async () => {
    const hold =
      'import fcntl, glob, time\n' +
      'lock = open("/var/lib/dpkg/lock-frontend", "w")\nfcntl.lockf(lock, fcntl.LOCK_EX)\n' +
      'open("/run/held", "w")\n' +
      'while not any("waits for" in open(log).read() for log in glob.glob("/run/azure-vm-to-vhd/*/log")): time.sleep(0.1)\n';
    const { reported } = await deprovision({
      prepare: `python3 -c '${hold}' &\nuntil [ -e /run/held ]; do sleep 0.1; done\n`,
    });
    expect(reported.steps[0]).toEqual({
      name: 'settle',
      outcome: 'ok',
      detail: 'waited for a package manager',
    });
    expect(reported.end?.kind).toBe('ok');
  });

  test('keeps host keys that nothing makes anew, and the link of the name servers', async () => {
    const { started, reported, after } = await deprovision({
      prepare:
        'touch /etc/cloud/cloud-init.disabled\n' +
        "sed -i 's/^Provisioning.RegenerateSshHostKeyPair=y/Provisioning.RegenerateSshHostKeyPair=n/; s/^Provisioning.DeleteRootPassword=y/Provisioning.DeleteRootPassword=n/' /etc/waagent.conf\n" +
        'mkdir -p /run/systemd/resolve\necho >/run/systemd/resolve/stub-resolv.conf\n' +
        'ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf\n',
      after: 'readlink /etc/resolv.conf\nls /etc/ssh/ssh_host_rsa_key\n',
    });
    expect(started.notes.map(({ kind }) => kind)).toEqual([
      'no-provisioning',
      'accounts',
      'root-password',
    ]);
    expect(reported.steps).toEqual(
      expect.arrayContaining([
        {
          name: 'ssh-host-keys',
          outcome: 'skipped',
          detail: 'nothing makes new ones at boot: all VMs of the image share these',
        },
        {
          name: 'name-servers',
          outcome: 'ok',
          detail: 'link to ../run/systemd/resolve/stub-resolv.conf put back',
        },
      ]),
    );
    expect(after).toBe('../run/systemd/resolve/stub-resolv.conf\n/etc/ssh/ssh_host_rsa_key\n');
  });

  describe('a member of a domain', () => {
    const file = (path: string, ...lines: readonly string[]): string =>
      `mkdir -p ${path.slice(0, path.lastIndexOf('/'))}\ncat >${path} <<'END'\n${lines.join('\n')}\nEND\n`;
    const busybox = ['sh', 'grep', 'head', 'ls', 'sed', 'tail', 'tr']
      .map((tool) => `ln -sf /bin/busybox /usr/local/sbin/${tool}\n`)
      .join('')
      .concat('ln -sf busybox /bin/sh\n');
    const plainSssd = file(
      '/etc/sssd/sssd.conf',
      '[sssd]',
      'domains = ldap.example.com',
      '[domain/ldap.example.com]',
      '# id_provider = ad',
      '  ;id_provider = ad',
      'id_provider = ldap',
      'sudo_provider = ad',
    );
    const ad = file(
      '/etc/sssd/sssd.conf',
      '[sssd]',
      'domains = Corp.Example.COM',
      '[domain/Corp.Example.COM]',
      'ad_domain = corp.example.com',
      'ID_Provider = AD ',
      '[nss]',
    );

    test.each([
      ['Active Directory by sssd', ad, 'corp.example.com, by /etc/sssd/sssd.conf'],
      [
        'Active Directory by sssd, seen by the tools of busybox',
        busybox + ad,
        'corp.example.com, by /etc/sssd/sssd.conf',
      ],
      [
        'a realm of FreeIPA by an additional file of sssd',
        plainSssd +
          file('/etc/sssd/conf.d/ipa.conf', '[domain/ipa.example.com]', 'id_provider=ipa') +
          file('/etc/ipa/default.conf', '[global]', 'domain = ipa.example.com'),
        'ipa.example.com, by /etc/sssd/conf.d/ipa.conf /etc/ipa/default.conf',
      ],
      [
        'a realm of FreeIPA without sssd',
        file('/etc/ipa/default.conf', '[global]', 'realm = IPA', 'domain = ipa.example.com'),
        'ipa.example.com, by /etc/ipa/default.conf',
      ],
      [
        'Active Directory by Samba',
        file(
          '/etc/samba/smb.conf',
          '[global]',
          'workgroup = CORP',
          'realm = CORP.EXAMPLE.COM',
          '   Security = ADS',
        ),
        'corp.example.com, by /etc/samba/smb.conf',
      ],
      [
        'a domain by Samba, which it is the controller of',
        file(
          '/etc/samba/smb.conf',
          '[global]',
          'workgroup = CORP',
          'server role = active directory domain controller',
        ),
        'corp, by /etc/samba/smb.conf',
      ],
      [
        'a domain by Samba that tells no name',
        file('/etc/samba/smb.conf', '[global]', 'security = domain'),
        'without a name, by /etc/samba/smb.conf',
      ],
    ])('in %s is refused where its copy would meet it', async (_name, prepare, by) => {
      const { started, reported, calls } = await deprovision(
        { prepare },
        { allowsDomainMember: false },
      );
      expect(started.end).toEqual({
        kind: 'refused',
        detail: `it is a member of a domain (${by}): its copy would meet the domain under the same name. Give "copy-subnet", a subnet that you chose for it`,
      });
      expect(started.facts.get('domain')).toBe(by.split(',')[0]);
      expect(reported.end?.kind).toBe('lost');
      expect(calls).toEqual([]);
    });

    test('that may be deprovisioned is told what stays of the domain, and it stays', async () => {
      const kept = ['/etc/krb5.keytab', '/var/lib/samba/private/secrets.tdb'];
      const { started, reported, after } = await deprovision({
        prepare:
          ad +
          kept.map((path) => file(path, 'secret')).join('') +
          file('/var/lib/sss/db/cache_corp.ldb', 'hash') +
          'mkdir -p /var/lib/sss/secrets\n',
        after: `cat ${kept.join(' ')} /var/lib/sss/db/cache_corp.ldb\n`,
      });
      expect(started.notes.slice(1)).toEqual([
        {
          kind: 'domain',
          text: 'it is a member of a domain (corp.example.com, by /etc/sssd/sssd.conf) and is not taken out of it: VMs of the image would share its account there. Leave the domain before, or join each VM anew',
        },
        {
          kind: 'domain-files',
          text: 'its account in the domain, and what it knows of the domain, stay in the image: /etc/krb5.keytab /var/lib/sss/db /var/lib/samba/private/secrets.tdb',
        },
      ]);
      expect(reported.end?.kind).toBe('ok');
      expect(after).toBe('secret\nsecret\nhash\n');
    });

    test('is not who only asks a directory, has Samba by itself, or a keytab', async () => {
      const { started, reported } = await deprovision(
        {
          prepare:
            plainSssd +
            file(
              '/etc/samba/smb.conf',
              '[global]',
              'workgroup = WORKGROUP',
              '; security = ads',
              '#security = ads',
              'server role = standalone server',
              'comment = security = ads',
            ) +
            file('/etc/ipa/default.conf', '# domain = example.com') +
            file('/etc/krb5.keytab', 'key'),
        },
        { allowsDomainMember: false },
      );
      expect(started.facts.has('domain')).toBe(false);
      expect(started.notes.slice(1)).toEqual([
        {
          kind: 'keytab',
          text: 'the keytab /etc/krb5.keytab, with keys of this machine, stays in the image',
        },
      ]);
      expect(reported.end?.kind).toBe('ok');
    });
  });

  describe('a start script', () => {
    test('that Azure sends once more does nothing', async () => {
      const { started, after, calls } = await deprovision({ after: linuxStartScript(order) });
      expect(started.end?.kind).toBe('started');
      const again = readLinuxReport(after, marker);
      expect(again.notes).toEqual([{ kind: 'repeated', text: 'this script was started before' }]);
      expect(again.end?.kind).toBe('started');
      expect(calls).toEqual(['walinuxagent stop', 'poweroff']);
    });

    test('that comes too late does nothing', async () => {
      const { started, calls } = await deprovision({}, { notAfter: new Date(0) });
      expect(started.end).toMatchObject({
        kind: 'refused',
        detail: expect.stringMatching(/^the script came to run too late \(the guest's clock: /),
      });
      expect(calls).toEqual([]);
    });

    describe('for a copy', () => {
      const notMachine = '12345678-9abc-def0-1234-56789abcdef0';
      const machine = (id: string): string =>
        `mkdir -p /sys/class/dmi/id\necho ${id} >/sys/class/dmi/id/product_uuid\n`;

      test.each([
        ['tells the same ID', '12345678-9ABC-DEF0-1234-56789ABCDEF0'],
        ['tells it as generation 1 does', '78563412-bc9a-f0de-1234-56789abcdef0'],
      ])('in the VM that was copied, which %s, refuses', async (_name, id) => {
        const { started, calls } = await deprovision({ prepare: machine(id) }, { notMachine });
        expect(started.end).toEqual({
          kind: 'refused',
          detail: `the script came to the VM that was copied (machine ${notMachine}) instead of its copy: report this`,
        });
        expect(calls).toEqual([]);
      });

      test.each([
        ['another machine', machine('02345678-9abc-def0-1234-56789abcdef0')],
        ['a machine that tells no ID', ''],
        ['a machine that tells nonsense', machine('"Not Specified"')],
      ])('in %s goes on', async (_name, prepare) => {
        const { started, reported } = await deprovision({ prepare }, { notMachine });
        expect([started.end?.kind, reported.end?.kind]).toEqual(['started', 'ok']);
      });
    });

    test('beside another one refuses', async () => {
      const other = 'f'.repeat(32);
      const { started } = await deprovision({
        prepare:
          `mkdir -p /run/azure-vm-to-vhd/${other}\n` +
          `echo 'read -r _ 0<>/run/ended' >/run/azure-vm-to-vhd/${other}/deprovision.sh\n` +
          `sh /run/azure-vm-to-vhd/${other}/deprovision.sh >/dev/null 2>&1 &\n` +
          `echo $! >/run/azure-vm-to-vhd/${other}/pid\n` +
          'until grep -q deprovision.sh /proc/$!/cmdline; do sleep 0.1; done\n',
      });
      expect(started.end).toEqual({
        kind: 'refused',
        detail: 'another deprovision is under way in this guest: wait for its end and run again',
      });
    });

    test('whose unit systemd refuses leaves nothing', async () => {
      const { started, reported } = await deprovision({
        prepare: systemd + replace('/usr/local/sbin/systemd-run', 'echo "no bus" >&2', 'exit 1'),
      });
      expect(started.end).toEqual({
        kind: 'refused',
        detail: 'the detached script could not be started: no bus no bus',
      });
      expect(reported.end?.kind).toBe('lost');
    });
  });
});

/** The paths of a column "File" of the table under a heading; a star stands for anything but a slash. */
function globs(page: string, heading: string): readonly string[] {
  const section = page.split(/^#{2,3} /m).find((one) => one.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/`(\/[^`]+)`(?=[^|]*\|)/g)].flatMap(([, path]) =>
    path === undefined ? [] : [path],
  );
}

function matches(glob: string, paths: readonly string[]): readonly string[] {
  return paths.filter((path) => isMatch(path)(glob));
}

function isMatch(path: string): (glob: string) => boolean {
  return (glob) => {
    const pattern = glob
      .split('*')
      .map((part) => part.replace(/[.+^${}()|[\]\\]/g, '\\$&'))
      .join('[^/]*');
    return new RegExp(`^${pattern}$`).test(path);
  };
}
