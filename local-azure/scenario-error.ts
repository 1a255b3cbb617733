/** A scenario, or a part of one, that cannot be used: every problem as `path: message`. */
export class ScenarioError extends Error {
  readonly problems: readonly string[];

  constructor(source: string, problems: readonly string[]) {
    const list = problems.map((problem) => `\n  ${problem}`).join('');
    super(
      problems.length === 1
        ? `${source} has a problem: ${problems.join('')}`
        : `${source} has ${problems.length} problems:${list}`,
    );
    this.name = 'ScenarioError';
    this.problems = problems;
  }
}
