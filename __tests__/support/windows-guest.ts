/** Facts as inspect.ps1 prints them for a guest that Sysprep can generalize. */
export const healthyGuest = {
  system: { value: { caption: 'Microsoft Windows Server 2022', build: 20348, productType: 3 } },
  imageState: { value: 'IMAGE_STATE_COMPLETE' },
  bootTime: { value: '2026-11-21T08:00:00Z' },
  sysprepFound: { value: true },
  sysprepProcesses: { value: { count: 0, names: [] } },
  domain: { value: '' },
  bitLocker: { value: { count: 0, names: [] } },
  pendingReboot: { value: { servicing: false, update: false, renames: 0 } },
  roles: { value: { count: 1, names: ['FileAndStorage-Services'] } },
  cdromStart: { value: 1 },
  removableStorage: { value: { count: 0, names: [] } },
  appx: { value: { count: 0, names: [] } },
  rearmCount: { value: 1001 },
  upgraded: { value: false },
  unattendFile: { value: '' },
  services: { value: { count: 2, names: ['RdAgent Running', 'WindowsAzureGuestAgent Running'] } },
} as const;

/** What a guest script prints: a report of one word, whole, with what else PowerShell may print around it. */
export function guestOutput(marker: string, word: string, content: unknown): string {
  return [
    'WARNING: a module wrote this',
    `@${marker} ${word} ${JSON.stringify(content)}`,
    `@${marker} end`,
    '',
  ].join('\r\n');
}
