import type { Inputs } from '../inputs.ts';
import { isComplete } from '../plan.ts';
import { foundAccounts, foundBlobs, foundDisks, type Survey } from '../survey.ts';
import { accountRules } from './account-rules.ts';
import { batchRules } from './batch-rules.ts';
import { cloneRules } from './clone-rules.ts';
import { deletionRules } from './deletion-rules.ts';
import { diskRules } from './disk-rules.ts';
import { guestRules } from './guest-rules.ts';
import { lockRules } from './lock-rules.ts';
import { nameRules } from './name-rules.ts';
import { permissionRules } from './permission-rules.ts';
import type { Facts, Level, Rule } from './rule.ts';
import { vmRules } from './vm-rules.ts';

/** What a rule found. */
export interface Finding {
  readonly rule: string;
  readonly level: Level;
  readonly message: string;
}

/** Every rule of the platform, of Batch and of this action. */
export const rules: readonly Rule[] = [
  ...vmRules,
  ...guestRules,
  ...diskRules,
  ...accountRules,
  ...batchRules,
  ...nameRules,
  ...cloneRules,
  ...deletionRules,
  ...lockRules,
  ...permissionRules,
];

/** Rules on what a run does not do that finds every VHD there. */
const ofChanges: readonly Rule[] = [...cloneRules, ...deletionRules];

/** Findings of one rule that are told one by one; a thousand blobs that exist would drown the rest. */
const MAX_FINDINGS_PER_RULE = 10;

/** What the rules see of a survey. */
export function factsOf(inputs: Inputs, survey: Survey): Facts {
  return {
    inputs,
    survey,
    layout: survey.layout,
    vm: survey.vm.kind === 'found' ? survey.vm.value : undefined,
    disks: [...foundDisks(survey.disks).values()],
    accounts: foundAccounts(survey.accounts),
  };
}

/** Judges a survey by every rule. */
export function check(inputs: Inputs, survey: Survey): readonly Finding[] {
  const facts = factsOf(inputs, survey);
  const isDone = isComplete(inputs, survey.layout, foundBlobs(survey.blobs));
  const active = isDone ? rules.filter((rule) => !ofChanges.includes(rule)) : rules;
  return active.flatMap(({ id, level, look }) =>
    shorten(look(facts)).map((message) => ({ rule: id, level, message })),
  );
}

function shorten(messages: readonly string[]): readonly string[] {
  const more = messages.length - MAX_FINDINGS_PER_RULE;
  if (more < 2) return messages;
  return [...messages.slice(0, MAX_FINDINGS_PER_RULE), `And ${more} more of this kind.`];
}
