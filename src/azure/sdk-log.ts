import { AzureLogger } from '@azure/logger';
import { redact } from '../errors.ts';

/**
 * Sends what the SDKs log (AZURE_LOG_LEVEL) to the debug log without secrets: they print the answer of a grant,
 * SAS included, before anybody could mask it.
 */
export function redirectSdkLogs(debug: (line: string) => void): void {
  AzureLogger.log = (...parts) => {
    debug(redact(parts.map(String).join(' ')));
  };
}
