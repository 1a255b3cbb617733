import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { DiskExports, Hosts, Service } from '../world.ts';
import { setContext } from './call-context.ts';
import type { CallList } from './calls.ts';
import { cutBody, keepBack } from './cut-body.ts';
import { answerFault } from './fault-answer.ts';
import type { FaultList } from './faults.ts';

/** What answers calls at the moment; a reset puts another in its place. */
export interface Answering {
  readonly hosts: Hosts;
  readonly exports: DiskExports;
  readonly services: Readonly<Record<Service, RequestListener>>;
}

/** Hands every call to the service of its host, after the faults and with an entry in the call list. */
export class Dispatcher {
  readonly #calls: CallList;
  readonly #faults: FaultList;
  readonly #hung = new Set<ServerResponse>();

  constructor(calls: CallList, faults: FaultList) {
    this.#calls = calls;
    this.#faults = faults;
  }

  dispatch(
    { hosts, exports, services }: Answering,
    request: IncomingMessage,
    response: ServerResponse,
    host: string,
  ): void {
    const service = hosts.serviceOf(host);
    if (service === undefined) {
      response.writeHead(421).end(`local-azure: ${host} is no host of this Azure\n`);
      return;
    }
    const call = this.#calls.record(request, response, host);
    const { url: path = '/', headers } = request;
    const fault = this.#faults.strike({ method: call.method, host, path, headers });
    if (fault !== undefined) call.fault = fault.kind;
    switch (fault?.kind) {
      case 'answer':
        answerFault(fault, service, request, response);
        return;
      case 'hang':
        this.#hang(response);
        if (fault.served !== true) return;
        keepBack(response);
        break;
      case 'drop':
        if (fault.afterBytes === undefined) {
          request.socket.destroy();
          return;
        }
        cutBody(response, fault.afterBytes);
        break;
      case 'end-sas':
        exports.endAll(new RegExp(fault.resource ?? '', 'i'));
        break;
      case 'copy':
      case 'fail-operation':
      case 'source-answer':
      case 'source-modified':
      case 'vanish':
        setContext(request, { fault });
        break;
      case undefined:
        break;
    }
    services[service](request, response);
  }

  /** Cuts the connections of all calls that a fault left hanging. */
  dropHung(): void {
    for (const response of this.#hung) response.destroy();
  }

  #hang(response: ServerResponse): void {
    this.#hung.add(response);
    response.once('close', () => this.#hung.delete(response));
  }
}
