/** Between two lines of how far it is, in cases. */
const STEP = 50;

/** Tells at once which case of the fault matrix fails; at the end how many ran, failed, and left something behind. */
export default class FaultFigures {
  #done = 0;
  #failed = 0;

  onTestCaseResult(_test, { status, fullName, failureMessages }) {
    this.#done += 1;
    if (status === 'failed') {
      this.#failed += 1;
      console.log(`Failed: ${fullName}\n${failureMessages.join('\n')}`);
    }
    if (this.#done % STEP === 0) console.log(`${this.#done} cases, ${this.#failed} failed`);
  }

  onRunComplete(_contexts, { testResults }) {
    const groups = Map.groupBy(
      testResults.flatMap((file) => file.testResults).filter(({ status }) => status !== 'pending'),
      ({ ancestorTitles }) => ancestorTitles.join(' '),
    );
    console.log('| Fault | Cases | Failed | Left behind |\n| --- | --- | --- | --- |');
    for (const [name, cases] of groups) {
      const failed = cases.filter(({ status }) => status === 'failed');
      const left = failed.filter(({ failureMessages }) =>
        failureMessages.join().includes('Left behind'),
      );
      console.log(`| ${name} | ${cases.length} | ${failed.length} | ${left.length} |`);
    }
  }
}
