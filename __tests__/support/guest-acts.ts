import type { ScenarioAct, ScenarioEffect } from '../../local-azure/scenario-guest.ts';
import { healthyGuest } from './windows-guest.ts';

/** The inputs of a run that deprovisions the VM itself; '' takes one away. */
export const deprovisioningInputs: Readonly<Record<string, string>> = {
  generalize: '',
  source: 'vm',
  'storage-accounts': 'imageswe1',
  'deprovision-timeout': '5',
};

const linux = (script: 'start' | 'report'): string =>
  `^# azure-vm-to-vhd linux ${script}\\nmarker='(?<marker>[0-9a-f]{32})'$`;

const windows = (word: string): string =>
  `^\\$marker = '(?<marker>[0-9a-f]{32})'$[\\s\\S]*^Write-Report '${word}' `;

/** The start script of a Linux guest tells that the deprovisioning began, or what else is given. */
export function linuxStarts(
  effects: readonly ScenarioEffect[],
  lines: readonly string[] = ['fact distribution Debian 12', 'fact agent 2.7.3.0', 'end started'],
): ScenarioAct {
  return { script: linux('start'), output: lines.map((line) => `@{marker} ${line}`), effects };
}

/** What a Linux guest answers when it is asked how far it is. */
export function linuxReports(...lines: readonly string[]): ScenarioAct {
  return { script: linux('report'), output: lines.map((line) => `@{marker} ${line}`) };
}

/** A Linux guest stops its agent, tells of its steps on the serial console and goes off. */
export const linuxSucceeds: readonly ScenarioEffect[] = [
  { afterSeconds: 20, do: 'stopAgent' },
  { afterSeconds: 25, do: 'serial', text: '[   25.1] @{marker} step stop-agent ok' },
  { afterSeconds: 30, do: 'serial', text: '@{marker} step deprovision-agent ok -deprovision+user' },
  { afterSeconds: 35, do: 'serial', text: '@{marker} end ok' },
  { afterSeconds: 40, do: 'powerOff' },
];

function reports(word: string, content: unknown, more: Partial<ScenarioAct> = {}): ScenarioAct {
  const text = JSON.stringify(content);
  return { script: windows(word), output: [`@{marker} ${word} ${text}`, '@{marker} end'], ...more };
}

/** What a Windows guest is like. */
export function windowsIs(
  facts: Partial<Record<keyof typeof healthyGuest, object>> = {},
): ScenarioAct {
  return reports('facts', { ...healthyGuest, ...facts });
}

/** Sysprep is started in a Windows guest. */
export const sysprepStarts: ScenarioAct = reports('sysprep', {
  started: true,
  imageState: 'IMAGE_STATE_COMPLETE',
  bootTime: '2026-11-21T08:00:00Z',
  processes: { count: 0, names: [] },
  code: 0,
  removed: { count: 1, names: ['C:\\Windows\\Panther'] },
  left: { count: 0, names: [] },
});

/** How Sysprep is seen, so many times or from then on. */
export function sysprepIs(
  imageState: string,
  more: Readonly<Record<string, unknown>> = {},
  times?: number,
): ScenarioAct {
  const state = {
    imageState: `IMAGE_STATE_${imageState}`,
    processes: { count: 0, names: [] },
    bootTime: '2026-11-21T08:00:00Z',
    succeededTag: false,
    errors: [],
    tail: [],
    ...more,
  };
  return reports('state', state, times === undefined ? {} : { times });
}
