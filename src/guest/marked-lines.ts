/** The lines of a guest script's own report. Nothing else in the guest knows the marker of this run. */
export function markedLines(output: string, marker: string): readonly string[] {
  const head = `@${marker} `;
  return output.split(/\r?\n/).flatMap((line) => {
    const at = line.indexOf(head);
    return at < 0 ? [] : [line.slice(at + head.length).trimEnd()];
  });
}
