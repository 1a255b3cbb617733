import { randomUUID } from 'node:crypto';
import type { FaultAction, ScenarioModel } from '../scenario.ts';
import { formatTime } from './azure-time.ts';

export type OperationKind = keyof NonNullable<ScenarioModel['operationMs']>;

/** What a long-running operation will do. */
export interface OperationPlan {
  readonly kind: OperationKind;
  /** Takes effect; what it returns is the operation's output. */
  readonly succeed: () => unknown;
  /** Takes back what the start has changed. */
  readonly fail: () => void;
  /** Asked with every poll, for an operation that ends with something else than its duration. */
  readonly isOver?: () => boolean;
}

/** Thrown by `succeed` for an operation that ends as Failed. */
export class OperationFailure extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'OperationFailure';
    this.code = code;
  }
}

/** What a poll finds. */
export type OperationState =
  | { readonly status: 'InProgress'; readonly remainingSeconds: number | undefined }
  | { readonly status: 'Succeeded'; readonly output: unknown }
  | { readonly status: 'Failed'; readonly code: string; readonly message: string };

type OperationEnd = Exclude<OperationState, { status: 'InProgress' }>;

type Failure = Pick<Extract<FaultAction, { kind: 'fail-operation' }>, 'code' | 'message'>;

const running: OperationState = { status: 'InProgress', remainingSeconds: undefined };

/** How long an operation that is not modelled and never polled takes. */
const unpolledMs = 200;

/**
 * One long-running operation. With a modelled duration it ends when that is over; without one it
 * ends at the first poll, which still finds it running, so that calls come in a fixed order.
 */
export class Operation {
  readonly id: string = randomUUID();
  readonly startedAt = new Date();
  readonly #plan: OperationPlan;
  readonly #durationMs: number;
  readonly #failure: Failure | undefined;
  #endedAt: Date | undefined;
  #end: OperationEnd | undefined;
  #isPolled = false;

  constructor(plan: OperationPlan, durationMs: number, failure: Failure | undefined) {
    this.#plan = plan;
    this.#durationMs = durationMs;
    this.#failure = failure;
    if (plan.isOver === undefined)
      setTimeout(() => this.#settle(), durationMs === 0 ? unpolledMs : durationMs).unref();
  }

  /** Answers a poll. */
  poll(): OperationState {
    const isFirst = !this.#isPolled;
    this.#isPolled = true;
    if (this.#end === undefined && this.#plan.isOver?.() === false) return running;
    if (this.#durationMs === 0) {
      const end = this.#settle();
      return isFirst ? running : end;
    }
    const remainingMs = this.startedAt.getTime() + this.#durationMs - Date.now();
    if (this.#end !== undefined || remainingMs <= 0) return this.#settle();
    const remainingSeconds = isFirst ? Math.ceil(remainingMs / 1000) : undefined;
    return { status: 'InProgress', remainingSeconds };
  }

  /** The body of a poll's answer. */
  describe(state: OperationState): Record<string, unknown> {
    const head = { startTime: formatTime(this.startedAt) };
    if (state.status === 'InProgress') return { ...head, status: state.status, name: this.id };
    return {
      ...head,
      ...(this.#endedAt === undefined ? {} : { endTime: formatTime(this.#endedAt) }),
      status: state.status,
      ...(state.status === 'Failed'
        ? { error: { code: state.code, message: state.message } }
        : state.output === undefined
          ? {}
          : { properties: { output: state.output } }),
      name: this.id,
    };
  }

  #settle(): OperationEnd {
    if (this.#end !== undefined) return this.#end;
    this.#endedAt = new Date();
    this.#end = this.#failure === undefined ? this.#succeed() : this.#fail(this.#failure);
    return this.#end;
  }

  #succeed(): OperationEnd {
    try {
      return { status: 'Succeeded', output: this.#plan.succeed() };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const code = error instanceof OperationFailure ? error.code : 'InternalExecutionError';
      return this.#fail({ code, message });
    }
  }

  #fail({ code, message }: Failure): OperationEnd {
    this.#plan.fail();
    return { status: 'Failed', code, message };
  }
}

/** The operations of a world, by ID. */
export class Operations {
  readonly #operations = new Map<string, Operation>();
  readonly #model: ScenarioModel;

  constructor(model: ScenarioModel | undefined) {
    this.#model = model ?? {};
  }

  start(plan: OperationPlan, failure: Failure | undefined): Operation {
    const durationMs = this.#model.operationMs?.[plan.kind] ?? 0;
    const operation = new Operation(plan, durationMs, failure);
    this.#operations.set(operation.id, operation);
    return operation;
  }

  get(id: string): Operation | undefined {
    return this.#operations.get(id.toLowerCase());
  }
}
