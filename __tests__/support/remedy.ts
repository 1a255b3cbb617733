/** Verbs that tell the user what to do. */
const verbs = [
  ...['run again', 'running again', 'grant', 'check', 'compare', 'look', 'let', 'remove', 'ask'],
  ...['report', 'add', 'set', 'choose', 'wait', 'see', 'give', 'delete', 'start', 'correct'],
  ...['resize', 'capture'],
];
const remedy = new RegExp(`(?:[.;:] |, | and )((?:${verbs.join('|')})\\b[^.]{8,}.*)$`, 'i');

/** What an error says to do next; undefined where it says nothing of the kind. */
export function remedyIn(line: string): string | undefined {
  return remedy.exec(line)?.[1];
}
