/** Reads what a step wrote to GITHUB_OUTPUT or GITHUB_STATE: `name=value`, or `name<<DELIMITER` and lines. */
export function parseFileCommands(text: string): Readonly<Record<string, string>> {
  const values: Record<string, string> = {};
  const lines = text.split(/\r?\n/);
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line === '') continue;
    const heredoc = /^([^=]+?)<<(.+)$/.exec(line);
    if (heredoc?.[1] === undefined || heredoc[2] === undefined) {
      const equals = line.indexOf('=');
      if (equals < 1) throw new Error(`Not a file command: "${line}"`);
      values[line.slice(0, equals)] = line.slice(equals + 1);
      continue;
    }
    const end = lines.indexOf(heredoc[2], at + 1);
    if (end < 0) throw new Error(`The value of "${heredoc[1]}" has no end`);
    values[heredoc[1]] = lines.slice(at + 1, end).join('\n');
    at = end;
  }
  return values;
}
