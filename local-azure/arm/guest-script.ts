/** A script as run command takes it. */
export interface GuestScript {
  readonly osType: 'Linux' | 'Windows';
  readonly lines: readonly string[];
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
}

/** What a script printed, and what it did to its VM. */
export interface GuestRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly isAgentStopped: boolean;
  readonly isPoweredOff: boolean;
}

const scriptPath = '/var/lib/waagent/run-command/download/0/script.sh';

/** Only the last 4 kB of what a script prints come back. */
const maxOutputBytes = 4096;

/** Lines that do nothing by themselves. */
const silent = /^\s*(?:#.*|set [-+].*|param\(?|\)|\[(?:string|int)\].*)?$/i;
const echo = /^\s*(?:echo|Write-Output|Write-Host)(?:\s+([^|&;<>`(]*))?$/i;
/** A command that ends the system, where a command stands; a restart is none. */
const powerOff =
  /(?:^|[;&|(]|\b(?:sudo|systemctl|then|do|nohup|exec)\s)\s*(?:\/\S*\/)?(?:poweroff|halt|init 0|shutdown(?!\s+-r\b)|Stop-Computer)\b|\bsysprep(?:\.exe)?\b.*\/shutdown\b/i;
const agentStop =
  /\bsystemctl\s+(?:stop|disable\s+--now)\s+(?:walinuxagent|waagent)\b|\bservice\s+(?:walinuxagent|waagent)\s+stop\b|\bStop-Service\b.*\b(?:WindowsAzureGuestAgent|RdAgent)\b/i;

/**
 * Acts a script out as far as it can be: it prints what plain `echo` lines print, and knows which lines stop the
 * VM agent or power the VM off. Every other line is named in the output as one that was not run.
 */
export function runGuestScript(script: GuestScript): GuestRun {
  const printed: string[] = [];
  let isAgentStopped = false;
  let isPoweredOff = false;
  for (const line of script.lines.flatMap((text) => text.split(/\r?\n/))) {
    if (silent.test(line)) continue;
    const echoed = echo.exec(line);
    if (echoed !== null) printed.push(expand(unquote(echoed[1] ?? ''), script));
    else if (powerOff.test(line)) {
      isPoweredOff = true;
      printed.push('local-azure: the VM is powered off from inside');
    } else if (agentStop.test(line)) {
      isAgentStopped = true;
      printed.push('local-azure: the VM agent is stopped');
    } else printed.push(`local-azure: not run: ${line.trim()}`);
  }
  const text = printed.map((line) => `${line}\n`).join('');
  return { stdout: tailOf(text), stderr: '', isAgentStopped, isPoweredOff };
}

/** What comes back of a stream. */
export function tailOf(text: string): string {
  return Buffer.from(text).subarray(-maxOutputBytes).toString();
}

function unquote(text: string): string {
  const trimmed = text.trim();
  return /^(["']).*\1$/.test(trimmed) ? trimmed.slice(1, -1) : trimmed;
}

/** Puts parameters in: by position on Linux, by name on Windows. */
function expand(text: string, { osType, parameters }: GuestScript): string {
  if (osType === 'Linux') {
    return text.replace(/\$\{?(\d)\}?/g, (_match, digit: string) =>
      digit === '0' ? scriptPath : (parameters[Number(digit) - 1]?.value ?? ''),
    );
  }
  return text.replace(/\$(\w+)/g, (whole, name: string) => {
    const found = parameters.find((one) => one.name.toLowerCase() === name.toLowerCase());
    return found?.value ?? whole;
  });
}
