import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';
import type { IdTokenRequest } from './identity/github-oidc.ts';

export interface EnvironmentParts {
  /** Where the certificate files are written. */
  readonly folder: string;
  /** PEM of the throw-away authority. */
  readonly certificate: string;
  readonly proxyUrl: string;
  readonly controlUrl: string;
  readonly job: IdTokenRequest;
}

/** Writes the certificate files and gives the environment that a client needs. */
export async function buildEnvironment(
  parts: EnvironmentParts,
): Promise<Readonly<Record<string, string>>> {
  const caFile = join(parts.folder, 'ca.pem');
  const bundleFile = join(parts.folder, 'ca-bundle.pem');
  await writeFile(caFile, parts.certificate);
  await writeFile(bundleFile, `${[...trusted(), parts.certificate.trim()].join('\n')}\n`);
  return {
    ...both('HTTPS_PROXY', parts.proxyUrl),
    ...both('HTTP_PROXY', parts.proxyUrl),
    ...both('NO_PROXY', ''),
    ...both('ALL_PROXY', ''),
    NODE_EXTRA_CA_CERTS: caFile,
    REQUESTS_CA_BUNDLE: bundleFile,
    SSL_CERT_FILE: bundleFile,
    CURL_CA_BUNDLE: bundleFile,
    // What az remembers of a sign-in is worthless at the next start, and must not replace that of the real Azure.
    AZURE_CONFIG_DIR: join(parts.folder, 'az'),
    // Its telemetry goes to a host that the proxy refuses.
    AZURE_CORE_COLLECT_TELEMETRY: 'false',
    ACTIONS_ID_TOKEN_REQUEST_URL: parts.job.url,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: parts.job.token,
    LOCAL_AZURE_CONTROL: parts.controlUrl,
  };
}

/** The certificates of the system and of Node, once each. */
function trusted(): readonly string[] {
  const all = [...getCACertificates('system'), ...getCACertificates('default')];
  return [...new Set(all.map((certificate) => certificate.trim()))];
}

/** Programs differ in which case of a proxy variable they read. */
function both(name: string, value: string): Readonly<Record<string, string>> {
  return { [name]: value, [name.toLowerCase()]: value };
}
