export const MEBIBYTE = 1024 ** 2;
export const GIBIBYTE = 1024 ** 3;
export const TEBIBYTE = 1024 ** 4;

/** `8.0 GiB`, `512 MiB`, `3 KiB`, `17 B`. */
export function formatBytes(bytes: number): string {
  if (bytes >= TEBIBYTE) return `${(bytes / TEBIBYTE).toFixed(1)} TiB`;
  if (bytes >= GIBIBYTE) return `${(bytes / GIBIBYTE).toFixed(1)} GiB`;
  if (bytes >= MEBIBYTE) return `${(bytes / MEBIBYTE).toFixed(0)} MiB`;
  if (bytes >= 1024) return `${(bytes / 1024).toFixed(0)} KiB`;
  return `${bytes} B`;
}

/** `1210 MiB/s`, `7.2 MiB/s`, `300 KiB/s`: what still moves is never shown as 0. */
export function formatRate(bytesPerSecond: number): string {
  if (bytesPerSecond >= 10 * MEBIBYTE) return `${(bytesPerSecond / MEBIBYTE).toFixed(0)} MiB/s`;
  if (bytesPerSecond >= MEBIBYTE) return `${(bytesPerSecond / MEBIBYTE).toFixed(1)} MiB/s`;
  return `${formatBytes(Math.ceil(bytesPerSecond))}/s`;
}

/** `1 h 5 min`, `2 min 3 s`, `12 s`; below ten seconds with one decimal. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** `7,680`. */
export function formatNumber(whole: number): string {
  return String(whole).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 replica`, `7,680 replicas`; the plural has an s. */
export function formatCount(count: number, noun: string): string {
  return `${formatNumber(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `62 %` of a whole; `<1 %` and `>99 %` for what is neither nothing nor all of it. */
export function formatShare(part: number, whole: number): string {
  const percent = whole === 0 ? 0 : Math.round((100 * part) / whole);
  if (percent === 0 && part > 0) return '<1 %';
  if (percent === 100 && part < whole) return '>99 %';
  return `${percent} %`;
}
