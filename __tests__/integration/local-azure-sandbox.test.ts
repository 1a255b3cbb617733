import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VirtualMachine } from '@azure/arm-compute';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startArm, type ArmListener } from '../support/arm-listener.ts';
import { quickly } from '../support/azure-clients.ts';
import { smallScenario } from '../support/small-scenario.ts';

const busybox = '/bin/busybox';
const hindrance = findHindrance();

function findHindrance(): string | undefined {
  if (process.getuid?.() !== 0) return 'it takes the rights of root';
  if (!existsSync(busybox)) return `${busybox} is not here; apt-get install busybox`;
  const { status } = spawnSync('unshare', ['--mount', '--pid', '--net', '--fork', 'true']);
  return status === 0 ? undefined : 'unshare is not here, or not allowed';
}

/** None of a static program. */
function librariesOf(file: string): readonly string[] {
  const { stdout } = spawnSync('ldd', [file]);
  return stdout.toString().match(/\/\S+/g) ?? [];
}

if (hindrance !== undefined && process.env['CI_TOOLS'] === 'required') {
  throw new Error(`The test of real guests is required here: ${hindrance}.`);
}

const describeReal = hindrance === undefined ? describe : describe.skip;

describeReal(
  `a guest with a root${hindrance === undefined ? '' : ` (skipped: ${hindrance})`}`,
  () => {
    let root: string;
    let arm: ArmListener;

    beforeEach(async () => {
      root = mkdtempSync(join(tmpdir(), 'local-azure-root-'));
      for (const folder of ['bin', 'etc', 'var']) mkdirSync(join(root, folder));
      for (const file of [busybox, ...librariesOf(busybox)])
        cpSync(realpathSync(file), join(root, file));
      const { stdout } = spawnSync(busybox, ['--list']);
      for (const name of stdout.toString().trim().split('\n')) {
        if (name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name));
      }
      const [vm] = smallScenario.virtualMachines ?? [];
      if (vm === undefined) throw new Error('The small scenario has no VM.');
      arm = await startArm({
        ...smallScenario,
        virtualMachines: [
          { ...vm, guest: { root, acts: [{ script: '^acted$', output: ['act'] }] } },
        ],
      });
    });

    afterEach(() => {
      arm.resources.halt();
      arm.close();
      rmSync(root, { recursive: true, force: true });
    });

    const vms = () => arm.client('image-builder').virtualMachines;

    async function run(...script: readonly string[]): Promise<string | undefined> {
      const input = { commandId: 'RunShellScript', script: [...script] };
      const { value } = await vms().runCommand('images', 'builder', input, quickly);
      return value?.[0]?.message;
    }

    /** Looks until the VM is in a state; a test's time limit ends it. */
    async function until(wanted: string): Promise<void> {
      for (;;) {
        const { statuses = [], vmAgent } = await vms().instanceView('images', 'builder');
        const seen = [...statuses, ...(vmAgent?.statuses ?? [])].flatMap(
          ({ code = '', displayStatus = '' }) => [code, displayStatus],
        );
        if (seen.includes(wanted)) return;
      }
    }

    function guest(): Readonly<Record<string, unknown>> {
      return arm.resources.ofType('Microsoft.Compute/virtualMachines')[0]?.unseen ?? {};
    }

    test('really runs scripts, in a system of their own', async () => {
      const printed = await run(
        'hostname; pwd; ls /; echo $$ >/etc/seen; echo bad >&2',
        'grep -c : /proc/net/dev; ls /nowhere; exit 7',
      );
      expect(printed).toMatch(
        /^Enable succeeded: \n\[stdout\]\nbuilder\n\/var\/lib\/waagent\/run-command\/download\/0\nbin\ndev\netc\n(?:\w+\n)*proc\nrun\nvar\n1\n\n\[stderr\]\nbad\nls: \/nowhere/,
      );
      expect(existsSync(join(root, 'etc/seen'))).toBe(true);
      expect(await run('#!/bin/busybox cat', 'acted? no')).toContain('acted? no');
      expect(await run('acted')).toContain('[stdout]\nact\n');
    });

    test('runs on after its command, writes to the console and powers off', async () => {
      const wait = 'until [ -e /etc/go ]; do usleep 10000; done';
      const detached = `${wait}; echo one >/dev/console; echo two >/dev/ttyS0; poweroff`;
      expect(
        await run(`setsid sh -c '${detached}' </dev/null >/dev/null 2>&1 &`, 'echo up'),
      ).toContain('up');
      writeFileSync(join(root, 'etc/go'), '');
      await until('PowerState/stopped');
      expect(guest()['serial']).toMatch(/boot 0\none\ntwo\nreboot: Power down\n$/);
      await expect(vms().generalize('images', 'builder')).rejects.toMatchObject({
        code: 'OperationNotAllowed',
      });
    });

    test.each([
      ['poweroff -f; sleep 600', 'PowerState/stopped'],
      ['/bin/poweroff; sleep 600', 'PowerState/stopped'],
      ['shutdown -h now; sleep 600', 'PowerState/stopped'],
      ['service walinuxagent stop', 'Not Ready'],
    ])('"%s" has its effect', async (line, wanted) => {
      await expect(run(line)).rejects.toThrow(/VMAgentStatusCommunicationError/);
      await until(wanted);
    });

    test('restarts, and is there again', async () => {
      await expect(run('busybox reboot -f; sleep 600')).rejects.toThrow(
        /VMAgentStatusCommunicationError/,
      );
      await until('Ready');
      expect(guest()).toMatchObject({ boots: 1 });
      expect(await run('echo again')).toContain('again');
    });

    test('is copied with its disk: what a script does in the copy stays there', async () => {
      const { snapshots, disks, virtualMachines } = arm.client('image-builder');
      const [source] = arm.resources.ofType('Microsoft.Compute/virtualMachines');
      const at = (kind: string): string =>
        `${source?.id.replace(/virtualMachines.*/, '') ?? ''}${kind}`;
      const copied = (sourceResourceId: string) => ({
        location: 'westeurope',
        creationData: { createOption: 'Copy', sourceResourceId },
      });
      await snapshots.createOrUpdate('images', 'copy', copied(at('disks/builder-os')), quickly);
      await disks.createOrUpdate('images', 'copy', copied(at('snapshots/copy')), quickly);
      const network = at('').replace('Microsoft.Compute', 'Microsoft.Network');
      const subnet = { id: `${network}virtualNetworks/builder-vnet/subnets/default` };
      const configuration = { name: 'one', properties: { subnet } };
      const body = { location: 'westeurope', properties: { ipConfigurations: [configuration] } };
      const nic = `${network}networkInterfaces/copy`;
      await arm.send(nic, { method: 'PUT', body, as: 'image-builder' });
      const vm: VirtualMachine = {
        location: 'westeurope',
        hardwareProfile: { vmSize: 'Standard_D2s_v5' },
        storageProfile: {
          osDisk: {
            osType: 'Linux',
            createOption: 'Attach',
            managedDisk: { id: at('disks/copy') },
          },
        },
        networkProfile: { networkInterfaces: [{ id: nic }] },
      };
      await virtualMachines.createOrUpdate('images', 'copy', vm, quickly);
      const input = {
        commandId: 'RunShellScript',
        script: ['hostname; touch /etc/copy; rm -r /bin/ls'],
      };
      for (;;) {
        const { vmAgent } = await virtualMachines.instanceView('images', 'copy');
        if (vmAgent?.statuses?.[0]?.displayStatus === 'Ready') break;
      }
      const { value } = await virtualMachines.runCommand('images', 'copy', input, quickly);
      expect(value?.[0]?.message).toContain('[stdout]\nbuilder\n');
      const copy = arm.resources.virtualMachine(at('virtualMachines/copy'))?.unseen['root'];
      if (typeof copy !== 'string') throw new Error('The copy has no root.');
      expect([existsSync(join(copy, 'etc/copy')), existsSync(join(root, 'etc/copy'))]).toEqual([
        true,
        false,
      ]);
      await virtualMachines.delete('images', 'copy', quickly);
      expect(existsSync(copy)).toBe(false);
      expect(await run('ls /etc')).not.toContain('copy');
    });

    test('ends with its VM', async () => {
      const body = { commandId: 'RunShellScript', script: ['echo up >/dev/console; sleep 600'] };
      const path = arm.resources.ofType('Microsoft.Compute/virtualMachines')[0]?.id ?? '';
      const as = 'image-builder';
      const started = await arm.send(`${path}/runCommand`, { method: 'POST', body, as });
      const poll = started.headers.get('azure-asyncoperation') ?? '';
      expect((await arm.send(poll, { as })).body).toMatchObject({ status: 'InProgress' });
      await vms().deallocate('images', 'builder', quickly);
      expect((await arm.send(poll, { as })).body).toMatchObject({
        error: { code: 'OperationPreempted' },
      });
    });
  },
);

test('a root that is no folder is a problem of the scenario', async () => {
  const [vm] = smallScenario.virtualMachines ?? [];
  if (vm === undefined) throw new Error('The small scenario has no VM.');
  const guest = { root: '/nowhere' };
  await expect(startArm({ ...smallScenario, virtualMachines: [{ ...vm, guest }] })).rejects.toThrow(
    'Scripts cannot run in the root "/nowhere": it is no folder.',
  );
});
