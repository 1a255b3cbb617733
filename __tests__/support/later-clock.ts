/**
 * Preloaded into a child process (NODE_OPTIONS=--import): for it, HOURS_LATER have passed, from its start or, with
 * LATER_FROM, from that signal on. Timers keep their time.
 */
const laterMs = Number(process.env['HOURS_LATER']) * 3600_000;
const from = process.env['LATER_FROM'];

let passedMs = from === undefined ? laterMs : 0;
if (from !== undefined) {
  process.once(from, () => {
    passedMs = laterMs;
  });
}

const { now } = Date;
const PlainDate = Date;

/** Dates that are made of nothing are later; those that are made of something are what they say. */
globalThis.Date = new Proxy(PlainDate, {
  construct: (target, values: unknown[]) =>
    values.length === 0
      ? new PlainDate(PlainDate.now())
      : (Reflect.construct(target, values) as object),
});
PlainDate.now = () => now.call(PlainDate) + passedMs;
