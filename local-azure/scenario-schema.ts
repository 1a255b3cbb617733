import { readFileSync } from 'node:fs';
import { Ajv, type AnySchemaObject, type ErrorObject, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import type { FaultRule, Scenario } from './scenario.ts';

const file = new URL('./scenario.schema.json', import.meta.url);
const schema = JSON.parse(readFileSync(file, 'utf8')) as AnySchemaObject;
const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, discriminator: true, verbose: true });
formats.default(ajv);

const isScenario = ajv.compile<Scenario>(schema);
const isFault = ajv.compile<FaultRule>({
  $ref: '#/definitions/fault',
  definitions: schema['definitions'] as AnySchemaObject,
});

/** The problems that the schema finds in a scenario, each as `path: message`. */
export function findSchemaProblems(value: unknown): readonly string[] {
  return findProblems(isScenario, value);
}

/** The problems that the schema finds in a fault rule. */
export function findFaultProblems(value: unknown): readonly string[] {
  return findProblems(isFault, value);
}

function findProblems(validate: ValidateFunction, value: unknown): readonly string[] {
  return validate(value) ? [] : (validate.errors ?? []).filter(isTelling).map(describeError);
}

/** An `if` only repeats what its `then` says. */
function isTelling({ keyword }: ErrorObject): boolean {
  return keyword !== 'if';
}

function describeError({ instancePath, keyword, message, params, data }: ErrorObject): string {
  return `${instancePath || '/'}: ${describeReason(keyword, message ?? keyword, params, data)}`;
}

function describeReason(
  keyword: string,
  message: string,
  params: ErrorObject['params'],
  data: unknown,
): string {
  switch (keyword) {
    case 'additionalProperties':
      return `unknown property "${String(params['additionalProperty'])}"`;
    case 'enum':
      return `must be one of ${(params['allowedValues'] as readonly string[]).join(', ')}, got ${JSON.stringify(data)}`;
    case 'discriminator':
      return 'unknown kind';
    case 'maxProperties':
      return 'a VHD file takes neither a seed nor data';
    case 'false schema':
      return 'is not for a disk with extents';
    case 'format':
    case 'pattern':
      return `${message}, got ${JSON.stringify(data)}`;
    default:
      return message;
  }
}
