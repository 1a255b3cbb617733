import type { Replicas } from './replicas.ts';

const WIDTH = 720;
const HEIGHT = 420;
const MARGIN = { left: 60, right: 190, top: 20, bottom: 50 };
const MOST_REPLICAS = 1000;
const MOST_COPIES = 100;

interface Series {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly Point[];
  /** Shown as a line between the points, or as points alone. */
  readonly line: 'solid' | 'dashed' | 'none';
}

interface Point {
  readonly replicas: number;
  readonly copies: number;
}

/** The plot of time over replicas as an SVG, both axes logarithmic. */
export function renderPlot(replicas: Replicas): string {
  const series = seriesOf(replicas);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    '<title>Time of all replicas, in copies of one blob, over their number</title>',
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    ...axes(),
    ...series.map(drawSeries),
    ...series.map(drawLegend),
    '</svg>',
    '',
  ].join('\n');
}

function seriesOf({
  runs,
  peers,
  simulated,
}: Pick<Replicas, 'runs' | 'peers' | 'simulated'>): readonly Series[] {
  const shared = simulated.filter(({ model }) => model === 'shared');
  const many = shared.filter(({ replicas, exports }) => exports > 1 || replicas === 1);
  const single = shared.filter(({ exports }) => exports === 1);
  const bound = many.map(({ replicas, bound: copies }) => ({ replicas, copies }));
  const peer = (name: string, colour: string): Series => {
    const points = peers.flatMap(({ name: peer, replicas, copies }) =>
      peer === name && copies !== undefined ? [{ replicas, copies }] : [],
    );
    return { name: `${name} (measured)`, colour, points, line: 'solid' };
  };
  return [
    { name: 'Action, measured', colour: '#0969da', points: runs, line: 'none' },
    { name: 'Action, simulated', colour: '#0969da', points: many, line: 'solid' },
    { name: 'Simulated, one export', colour: '#8250df', points: single, line: 'solid' },
    { name: 'Bound', colour: '#57606a', points: bound, line: 'dashed' },
    peer('AzCopy', '#cf222e'),
    peer('az', '#bc4c00'),
    { name: 'One after another', colour: '#afb8c1', points: proportional, line: 'dashed' },
  ].filter(({ points }) => points.length > 0) as readonly Series[];
}

/** What one export gives to replicas that do not serve each other. */
const proportional: readonly Point[] = [
  { replicas: 1, copies: 1 },
  { replicas: MOST_COPIES, copies: MOST_COPIES },
];

function axes(): readonly string[] {
  const [left, right] = [xOf(1), xOf(MOST_REPLICAS)];
  const [bottom, top] = [yOf(1), yOf(MOST_COPIES)];
  const grid = (x1: number, y1: number, x2: number, y2: number) =>
    `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="#d0d7de"/>`;
  const label = (x: number, y: number, text: string, more = '') =>
    `<text x="${x}" y="${y}" fill="#24292f" text-anchor="middle"${more}>${text}</text>`;
  const middle = (top + bottom) / 2;
  return [
    ...[1, 5, 10, 50, 100, 1000].flatMap((replicas) => [
      grid(xOf(replicas), top, xOf(replicas), bottom),
      label(xOf(replicas), bottom + 18, String(replicas)),
    ]),
    ...[1, 2, 5, 10, 20, 50, 100].flatMap((copies) => [
      grid(left, yOf(copies), right, yOf(copies)),
      label(left - 18, yOf(copies) + 4, String(copies)),
    ]),
    label((left + right) / 2, HEIGHT - 10, 'replicas'),
    label(16, middle, 'time, in copies', ` transform="rotate(-90 16 ${middle})"`),
  ];
}

function drawSeries({ colour, points, line }: Series): string {
  const at = points.map(({ replicas, copies }) => [xOf(replicas), yOf(copies)] as const);
  if (line === 'none') {
    return at.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="4" fill="${colour}"/>`).join('\n');
  }
  const dashes = line === 'dashed' ? ' stroke-dasharray="5 4"' : '';
  const path = at.map(([x, y]) => `${x},${y}`).join(' ');
  return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"${dashes}/>`;
}

function drawLegend({ name, colour }: Series, index: number): string {
  const x = WIDTH - MARGIN.right + 16;
  const y = MARGIN.top + 14 + index * 20;
  return (
    `<rect x="${x}" y="${y - 9}" width="12" height="10" fill="${colour}"/>` +
    `<text x="${x + 18}" y="${y}" fill="#24292f">${name}</text>`
  );
}

function xOf(replicas: number): number {
  const width = WIDTH - MARGIN.left - MARGIN.right;
  return round(MARGIN.left + (width * Math.log(replicas)) / Math.log(MOST_REPLICAS));
}

function yOf(copies: number): number {
  const height = HEIGHT - MARGIN.top - MARGIN.bottom;
  const share = Math.log(Math.max(1, copies)) / Math.log(MOST_COPIES);
  return round(HEIGHT - MARGIN.bottom - height * Math.min(1, share));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
