/** Runs a task with a signal that also ends at a deadline. Throws one clear line when it is the deadline that ended it. */
export async function withinDeadline<T>(
  deadlineMs: number,
  signal: AbortSignal,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort();
  }, deadlineMs);
  try {
    return await task(AbortSignal.any([signal, deadline.signal]));
  } catch (error) {
    if (!deadline.signal.aborted || signal.aborted) throw error;
    const minutes = deadlineMs / 60_000;
    throw new Error(`the operation has not ended after ${minutes} minutes`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
