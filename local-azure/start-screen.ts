import type { Scenario } from './scenario.ts';

/** What the start screen tells of. */
export interface Start {
  readonly proxyUrl: string;
  readonly controlUrl: string;
  readonly scenario: Scenario;
  /** Absolute paths. */
  readonly scenarioFile: string;
  readonly envFile: string;
}

/** What the command prints once it is ready: what to export for which client. */
export function describeStart(start: Start): string {
  const { proxyUrl, controlUrl, scenario, scenarioFile, envFile } = start;
  const client = scenario.identities?.find(({ clientSecret }) => clientSecret !== undefined);
  const clientId = client?.clientId ?? 'CLIENT_ID';
  const secret =
    client === undefined ? 'the client secret' : `clientSecret of "${client.name}" in the scenario`;
  return `The local Azure is ready.

  Scenario  ${scenarioFile}
  Proxy     ${proxyUrl}
  Control   ${controlUrl}  (GET /state /calls /faults, POST /faults /reset)

Every client, in its own shell:
  bash        set -a; . ${quote(envFile)}; set +a
  PowerShell  Get-Content ${quote(envFile)} | ForEach-Object { $n, $v = $_ -split '=', 2; Set-Item "env:$n" $v }

Then, where SECRET is ${secret}:
  this action  needs nothing more: its inputs are those for the real Azure
  SDKs         export AZURE_TENANT_ID=${scenario.tenantId} AZURE_CLIENT_ID=${clientId} AZURE_CLIENT_SECRET=SECRET
  az           az login --service-principal --tenant ${scenario.tenantId} --username ${clientId} --password SECRET
               (Debian's az 2.45, before that: az cloud set --name AzureCloud --profile 2020-09-01-hybrid)
  azcopy       export AZCOPY_AUTO_LOGIN_TYPE=SPN AZCOPY_TENANT_ID=${scenario.tenantId} \\
                 AZCOPY_SPA_APPLICATION_ID=${clientId} AZCOPY_SPA_CLIENT_SECRET=SECRET

Ctrl+C stops it and removes ${envFile}.
`;
}

function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path}'`;
}
