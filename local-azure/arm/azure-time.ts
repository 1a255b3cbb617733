/** A time in the form of the compute service: seven digits of a second and an offset. */
export function formatTime(time: Date): string {
  return time.toISOString().replace('Z', '0000+00:00');
}
