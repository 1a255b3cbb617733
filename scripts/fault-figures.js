/** Prints at the end of the fault matrix how many cases ran, failed, and left something behind. */
export default class FaultFigures {
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
