import type { Results } from './results.ts';
import { renderTable } from './table.ts';

interface Aim {
  readonly name: string;
  readonly aim: string;
  readonly measured: string;
  readonly isMet: boolean;
}

/** The aims of the copy engine, and whether the last measurements meet them. */
export function renderAims(results: Results): string {
  const aims = [...oneDiskAims(results), ...replicaAims(results), ...otherAims(results)];
  const rows = aims.map(({ name, aim, measured, isMet }) => [
    name,
    aim,
    measured,
    isMet ? 'met' : 'missed',
  ]);
  return `## Aims\n\n${renderTable(['', 'Aim', 'Measured', ''], rows)}`;
}

function oneDiskAims({ 'one-disk': measured }: Results): readonly Aim[] {
  if (measured === undefined) return [];
  const { limit, contestants } = measured.result;
  const [action, ...peers] = contestants.flatMap(({ copySeconds, ...contestant }) =>
    copySeconds === undefined ? [] : [{ ...contestant, copySeconds }],
  );
  if (action === undefined) return [];
  const name = 'One disk: all of the action, to the limit';
  return [
    atMost(
      'One disk: the copy, to the limit of the model',
      action.copySeconds / limit.copySeconds,
      1.1,
    ),
    ...(action.seconds === undefined ? [] : [atMost(name, action.seconds / limit.seconds, 1.1)]),
    ...peers.map((peer) => ({
      name: `One disk: the copy, against ${peer.name}`,
      aim: `less than ${peer.copySeconds.toFixed(1)} s`,
      measured: `${action.copySeconds.toFixed(1)} s`,
      isMet: action.copySeconds < peer.copySeconds,
    })),
  ];
}

function replicaAims({ replicas: measured }: Results): readonly Aim[] {
  if (measured === undefined) return [];
  const { runs } = measured.result;
  const worst = Math.max(...runs.map(({ copies, bound }) => copies / bound));
  const one = runs.find(({ replicas }) => replicas === 1);
  const ten = runs.find(({ replicas, accounts }) => replicas === 10 && accounts === 10);
  return [
    atMost('Replicas: the worst layout, to its bound', worst, 1.1),
    ...(one && ten ? [atMost('Ten replicas: against one', ten.copies / one.copies, 1.2)] : []),
  ];
}

function otherAims({ 'control-plane': control, cancel, runner }: Results): readonly Aim[] {
  const simulatedMiB = runner?.result.simulated.peakMiB;
  return [
    ...(control === undefined
      ? []
      : [
          atMost(
            'Control plane: an empty disk, to its critical path',
            control.result.seconds / control.result.limitSeconds,
            1.1,
          ),
        ]),
    ...(cancel === undefined
      ? []
      : [
          atMost(
            'Cancel: the last release sent, to the time that the runner gives',
            Math.max(
              ...cancel.result.map(({ sentSeconds, limitSeconds }) => sentSeconds / limitSeconds),
            ),
            1,
          ),
        ]),
    ...(simulatedMiB === undefined
      ? []
      : [
          {
            name: 'Runner: 200 replicas of 100 GiB, simulated',
            aim: 'under 256 MiB',
            measured: `${simulatedMiB.toFixed(0)} MiB`,
            isMet: simulatedMiB < 256,
          },
        ]),
  ];
}

function atMost(name: string, value: number, limit: number): Aim {
  const measured = value.toFixed(2);
  return { name, aim: `at most ${limit}`, measured, isMet: Number(measured) <= limit };
}
