/** The SAS of a disk or snapshot: one at a time. */
export interface AccessGrant {
  readonly policyId: string;
  /** Whether its time is not over and nobody revoked it. */
  isActive(): boolean;
}

/** Where a disk or snapshot keeps its SAS. */
export class AccessSlot {
  #grant: AccessGrant | undefined;
  #isOpening = false;

  /** Whether a SAS is out. */
  get isActive(): boolean {
    return this.#grant?.isActive() ?? false;
  }

  /** Whether a SAS is out or about to be. */
  get isTaken(): boolean {
    return this.#isOpening || this.isActive;
  }

  /** Keeps the slot for a grant that is under way. */
  reserve(): void {
    this.#isOpening = true;
  }

  /** Ends a reservation, with the grant that came of it. */
  settle(grant: AccessGrant | undefined): void {
    this.#isOpening = false;
    this.#grant = grant;
  }

  /** Takes the SAS out of the slot; undefined when there was none. */
  release(): AccessGrant | undefined {
    const grant = this.#grant;
    this.#grant = undefined;
    return grant;
  }
}
