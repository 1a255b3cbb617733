import { describe, expect, test } from '@jest/globals';
import { runGuestScript } from '../../local-azure/arm/guest-script.ts';

const off = 'local-azure: the VM is powered off from inside\n';
const noAgent = 'local-azure: the VM agent is stopped\n';
const notRun = (line: string): string => `local-azure: not run: ${line}\n`;

function run(osType: 'Linux' | 'Windows', ...lines: readonly string[]) {
  const parameters = [
    { name: 'first', value: 'one' },
    { name: 'second', value: 'two' },
  ];
  return runGuestScript({ osType, lines, parameters });
}

describe('a script of the guest', () => {
  test.each<['Linux' | 'Windows', string, string]>([
    ['Linux', 'echo hello', 'hello\n'],
    ['Linux', '  echo "$1 and ${2}"', 'one and two\n'],
    ['Linux', 'echo $3', '\n'],
    ['Linux', 'echo a\necho b', 'a\nb\n'],
    ['Linux', 'echo', '\n'],
    ['Linux', 'echo $(hostname)', notRun('echo $(hostname)')],
    ['Linux', 'echo a > /etc/b', notRun('echo a > /etc/b')],
    ['Linux', 'apt-get update', notRun('apt-get update')],
    ['Linux', '# shutdown -h now', ''],
    ['Windows', 'Write-Host "is $Second"', 'is two\n'],
    ['Windows', 'echo $Other', '$Other\n'],
    ['Windows', 'param(', ''],
  ])('on %s prints of "%s" what it can', (osType, line, output) => {
    expect(run(osType, line)).toEqual({
      stdout: output,
      stderr: '',
      isAgentStopped: false,
      isPoweredOff: false,
    });
  });

  test.each<['Linux' | 'Windows', string]>([
    ['Linux', 'poweroff'],
    ['Linux', 'sudo /sbin/shutdown -h now'],
    ['Linux', 'waagent -deprovision+user -force && shutdown -h now'],
    ['Linux', 'systemctl poweroff'],
    ['Windows', 'Stop-Computer -Force'],
    ['Windows', 'C:\\Windows\\System32\\Sysprep\\sysprep.exe /generalize /oobe /shutdown'],
  ])('on %s powers off with "%s"', (osType, line) => {
    expect(run(osType, line)).toEqual({
      stdout: off,
      stderr: '',
      isAgentStopped: false,
      isPoweredOff: true,
    });
  });

  test.each(['shutdown -r now', 'reboot', 'test -x /sbin/shutdown', 'man shutdown'])(
    'does not power off with "%s"',
    (line) => {
      expect(run('Linux', line)).toMatchObject({ stdout: notRun(line), isPoweredOff: false });
    },
  );

  test.each<['Linux' | 'Windows', string]>([
    ['Linux', 'systemctl stop walinuxagent'],
    ['Linux', 'sudo service waagent stop'],
    ['Windows', 'Stop-Service -Name WindowsAzureGuestAgent'],
  ])('on %s stops the agent with "%s"', (osType, line) => {
    expect(run(osType, line)).toMatchObject({ stdout: noAgent, isAgentStopped: true });
  });

  test('goes on after each of them', () => {
    const script = ['systemctl stop waagent', 'poweroff', 'echo done'];
    expect(run('Linux', ...script)).toEqual({
      stderr: '',
      stdout: `${noAgent}${off}done\n`,
      isAgentStopped: true,
      isPoweredOff: true,
    });
  });
});
