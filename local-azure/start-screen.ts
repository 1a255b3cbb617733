import type { LocalAzure } from './server.ts';

/** What the command prints once it is ready. */
export function describeStart(azure: LocalAzure, scenario: string, envFile: string): string {
  return `The local Azure is ready.
  Scenario  ${scenario}
  Proxy     ${azure.proxyUrl}
  Control   ${azure.controlUrl}  (GET /state /calls /faults, POST /faults /reset)

In the shell of a client (the action, SDK programs, az, azcopy):
  set -a; . ${envFile}; set +a

Also, for az:      az login --service-principal --username CLIENT_ID --password SECRET --tenant TENANT_ID
Also, for azcopy:  export AZCOPY_AUTO_LOGIN_TYPE=SPN AZCOPY_SPA_APPLICATION_ID=CLIENT_ID \\
                     AZCOPY_SPA_CLIENT_SECRET=SECRET AZCOPY_TENANT_ID=TENANT_ID

Ctrl+C stops it.
`;
}
