import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { findJournal, resumeJournal, startJournal, type State } from '../../src/journal.ts';
import type { Lease } from '../../src/lease.ts';

const snapshot: Lease = { kind: 'snapshot', id: '/snapshots/os', key: 'k' };
const grant: Lease = { kind: 'grant', id: '/snapshots/os', key: 'k' };
const blob: Lease = { kind: 'blob', url: 'https://a/vhds/x.vhd', key: 'k' };

let directory = '';
let path = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'journal-test-'));
  path = join(directory, 'journal.jsonl');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** The state that the runner carries from main to post. */
function literalState(): State & { readonly saved: ReadonlyMap<string, string> } {
  const saved = new Map<string, string>();
  return {
    saved,
    saveState: (name, value) => saved.set(name, value),
    getState: (name) => saved.get(name) ?? '',
  };
}

test('only the path of the journal goes into the state, and the post step finds it there', () => {
  const state = literalState();
  expect(findJournal(state)).toBeUndefined();
  startJournal(path, state).open(snapshot);
  expect([...state.saved.values()]).toEqual([path]);
  expect(findJournal(state)).toBe(path);
});

test('a journal begins empty', () => {
  writeFileSync(path, 'of an earlier run\n');
  startJournal(path, literalState());
  expect(readFileSync(path, 'utf8')).toBe('');
});

test('a journal is for its owner only', () => {
  startJournal(path, literalState());
  expect(statSync(path).mode & 0o077).toBe(0);
});

test('what was opened and not closed is open, newest first', () => {
  const journal = startJournal(path, literalState());
  for (const lease of [snapshot, grant, blob]) journal.open(lease);
  journal.close(grant);
  expect(resumeJournal(path).open).toEqual([blob, snapshot]);
});

test('what is opened again after its end is open once, as the newest', () => {
  const journal = startJournal(path, literalState());
  for (const lease of [snapshot, blob, snapshot]) journal.open(lease);
  expect(resumeJournal(path).open).toEqual([snapshot, blob]);
  journal.close(snapshot);
  expect(resumeJournal(path).open).toEqual([blob]);
});

test('a line that a kill cut off is left out, and the lines before it count', () => {
  const journal = startJournal(path, literalState());
  journal.open(snapshot);
  appendFileSync(path, '{"op":"open","lease":{"kind":"bl');
  expect(resumeJournal(path).open).toEqual([snapshot]);
});

test('a resumed journal goes on where the last one ended', () => {
  startJournal(path, literalState()).open(snapshot);
  const { open, journal } = resumeJournal(path);
  for (const lease of open) journal.close(lease);
  expect(resumeJournal(path).open).toEqual([]);
});

test('a journal that is gone has nothing open', () => {
  expect(resumeJournal(join(directory, 'none.jsonl')).open).toEqual([]);
});
