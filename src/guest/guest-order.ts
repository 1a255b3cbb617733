import { ActionError } from '../errors.ts';
import type { GuestVm } from './guest-command.ts';

/** How a guest is to be deprovisioned. */
export interface GuestOrder {
  /** Linux: whether the account that Azure made goes, with its home. */
  readonly deprovisionUser: boolean;
  readonly timeoutSeconds: number;
  /** Whether a member of a domain may be deprovisioned. */
  readonly allowsDomainMember: boolean;
  /** Azure's ID of a machine that must not be deprovisioned: the one that was copied. Linux only. */
  readonly notMachine?: string | undefined;
}

/** An order, and what is called as soon as the guest may be changed. */
export type StartedOrder = GuestOrder & { readonly started: () => void };

/** A guest that is not fit for it. Nothing was changed in it. */
export function refusedGuest(vm: GuestVm, reasons: string): ActionError {
  return new ActionError('refused', `${reasons} Nothing was changed in VM "${vm.name}".`);
}
