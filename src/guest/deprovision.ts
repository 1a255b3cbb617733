import { deprovisionLinux } from './deprovision-linux.ts';
import { deprovisionWindows } from './deprovision-windows.ts';
import type { GuestRig, GuestVm } from './guest-command.ts';
import type { GuestOrder } from './guest-order.ts';

/**
 * Deprovisions the guest of a running VM by Run Command: waagent on Linux, which powers the VM off at its end, sysprep
 * on Windows, after which it still runs. Throws with what the guest told when it did not come to its end. A run that is
 * cancelled says what becomes of the guest: nothing can stop it from outside.
 */
export async function deprovision(vm: GuestVm, order: GuestOrder, rig: GuestRig): Promise<void> {
  const guest = { isStarted: false };
  const started = (): void => {
    guest.isStarted = true;
  };
  try {
    const run = vm.osType === 'Linux' ? deprovisionLinux : deprovisionWindows;
    await run(vm, { ...order, started }, rig);
    rig.log.info(`The guest of VM "${vm.name}" is deprovisioned.`);
  } catch (error) {
    if (guest.isStarted && rig.signal.aborted) rig.log.warn(cancelledNote(vm, order));
    throw error;
  }
}

function cancelledNote({ name, osType }: GuestVm, { timeoutSeconds }: GuestOrder): string {
  const minutes = Math.ceil(timeoutSeconds / 60);
  return osType === 'Linux'
    ? `The guest of VM "${name}" is being deprovisioned and goes on without this run: within ${minutes} minutes it is off, or runs with its agent where it failed. Run again: what the serial console tells is taken up. Where there is none, capture the VM with "generalize: mark" when it is off; do not use it otherwise.`
    : `Sysprep works in the guest of VM "${name}" and goes on without this run. When it has ended, run again, which takes up where it is; do not use the VM otherwise.`;
}
