import { randomBytes } from 'node:crypto';
import type { BootLogs, Hosts } from '../world.ts';

interface Grant {
  readonly host: string;
  readonly path: string;
  readonly signature: string;
  readonly expiresAtMs: number;
  readonly read: () => string;
}

/** Serial console logs under a SAS of some minutes, at hosts of the managed storage that disk exports have too. */
export function createBootLogs(hosts: Hosts): BootLogs {
  const grants: Grant[] = [];
  return {
    grant: ({ vmName, vmId, minutes, read }) => {
      const expiresAtMs = Date.now() + minutes * 60_000;
      const grant: Grant = {
        host: hosts.newExportHost(),
        path: `/bootdiagnostics-${vmName.toLowerCase().replace(/[^a-z0-9]/g, '')}-${vmId}/${vmName}.${vmId}`,
        signature: randomBytes(32).toString('base64'),
        expiresAtMs,
        read,
      };
      grants.push(grant);
      const end = new Date(expiresAtMs).toISOString().replace(/\.\d+/, '');
      const query = `sv=2018-03-28&sr=b&sp=r&se=${encodeURIComponent(end)}&sig=${encodeURIComponent(grant.signature)}`;
      const at = `https://${grant.host}${grant.path}`;
      return {
        consoleScreenshotBlobUri: `${at}.screenshot.bmp?${query}`,
        serialConsoleLogBlobUri: `${at}.serialconsole.log?${query}`,
      };
    },
    open: (url) => {
      const grant = grants.find(({ host }) => host === url.hostname);
      if (grant === undefined) return undefined;
      const isSigned = url.searchParams.get('sig') === grant.signature;
      if (!isSigned || grant.expiresAtMs <= Date.now()) return 'refused';
      // No screen is drawn.
      return url.pathname === `${grant.path}.serialconsole.log`
        ? { text: grant.read() }
        : 'missing';
    },
  };
}
