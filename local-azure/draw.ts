import { createHash } from 'node:crypto';

/** A number from 0 to 1 (exclusive) that looks random and is the same for the same seed and text in every run. */
export function drawShare(seed: number, text: string): number {
  const bytes = createHash('sha256').update(`${seed}/${text}`).digest();
  return bytes.readUIntBE(0, 6) / 2 ** 48;
}

/** Half of all values lie below `p50`, and one in a hundred above `p99`. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
}

/** Where the normal distribution has its 99th hundredth. */
const NORMAL_P99 = 2.3263;

/** A value of a log-normal distribution, in the unit of the spread; the same for the same seed and text in every run. */
export function drawFrom({ p50, p99 }: Spread, seed: number, text: string): number {
  const radius = Math.sqrt(-2 * Math.log(1 - drawShare(seed, `${text}/radius`)));
  const normal = radius * Math.cos(2 * Math.PI * drawShare(seed, `${text}/angle`));
  return p50 * (p99 / p50) ** (normal / NORMAL_P99);
}
