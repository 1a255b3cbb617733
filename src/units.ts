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

/** `1 h 5 min`, `2 min 3 s`, `12 s`; below ten seconds with one decimal. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
