/** An answer that refuses: its status, code and message as Azure Resource Manager words them. */
export class ArmError extends Error {
  readonly status: number;
  readonly code: string;
  /** Who refuses: the gateway in front of all services, or the resource provider. */
  readonly source: 'gateway' | 'provider';
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    options: {
      readonly source?: 'gateway' | 'provider';
      readonly headers?: Record<string, string>;
    } = {},
  ) {
    super(message);
    this.name = 'ArmError';
    this.status = status;
    this.code = code;
    this.source = options.source ?? 'provider';
    this.headers = options.headers ?? {};
  }

  /** The body of the answer. */
  get body(): Readonly<Record<string, unknown>> {
    return { error: { code: this.code, message: this.message } };
  }
}

/** The compute service's 429: without the `error` around it that all its other refusals have. */
export class ThrottledError extends ArmError {
  readonly #group: string;

  /** `group` is the group of operations whose tokens are spent; another try may come after so many seconds. */
  constructor(group: string, retryAfterSeconds: number) {
    super(
      429,
      'OperationNotAllowed',
      'The server rejected the request because too many requests have been received for this subscription.',
      { headers: { 'retry-after': `${retryAfterSeconds}` } },
    );
    this.#group = group;
  }

  /** https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/troubleshooting-throttling-errors */
  override get body(): Readonly<Record<string, unknown>> {
    const message = JSON.stringify({ operationGroup: this.#group });
    const details = [{ code: 'TooManyRequests', target: this.#group, message }];
    return { code: this.code, message: this.message, details };
  }
}

/** A refusal of the gateway. */
export function gatewayError(status: number, code: string, message: string): ArmError {
  return new ArmError(status, code, message, { source: 'gateway' });
}

/** 404 for a subscription that the tenant does not have. */
export function subscriptionNotFound(subscriptionId: string): ArmError {
  return gatewayError(
    404,
    'SubscriptionNotFound',
    `The subscription '${subscriptionId}' could not be found.`,
  );
}

/** 404 for a resource group. */
export function resourceGroupNotFound(name: string): ArmError {
  return gatewayError(404, 'ResourceGroupNotFound', `Resource group '${name}' could not be found.`);
}

/** 404 for a resource, in the gateway's words. */
export function resourceNotFound(type: string, name: string, group: string): ArmError {
  return gatewayError(
    404,
    'ResourceNotFound',
    `The Resource '${type}/${name}' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  );
}

/** 404 of the disk provider for a source that is missing or in another region. */
export function sourceNotFound(name: string): ArmError {
  return new ArmError(404, 'NotFound', `Resource ${name} is not found.`);
}

/** 409 for what the state of a resource does not allow. */
export function operationNotAllowed(message: string): ArmError {
  return new ArmError(409, 'OperationNotAllowed', message);
}

/** 400 for a value that a service refuses. */
export function invalidParameter(message: string): ArmError {
  return new ArmError(400, 'InvalidParameter', message);
}
