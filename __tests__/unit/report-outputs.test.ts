import { describe, expect, test } from '@jest/globals';
import type { Plan } from '../../src/plan.ts';
import { renderOutputs } from '../../src/report/outputs.ts';
import { finishedReplicas } from '../../src/report/result.ts';
import { inputsOf, replicasOf } from '../support/facts.ts';
import {
  plan,
  copied,
  finished,
  partlyFailed,
  refused,
  resultOf,
  adopted,
  withVm,
} from '../support/results.ts';

describe('the outputs', () => {
  const [os1, os2, os3, data] = replicasOf(plan).map(({ url }) => url);

  test('of a finished run tell all VHDs', () => {
    expect(renderOutputs(finished, '/tmp/manifest.json')).toEqual({
      'vhd-uris': JSON.stringify([os1, os2, os3]),
      'os-vhd-uri': os1,
      'data-vhd-uris': JSON.stringify({ 2: data }),
      'os-type': 'Linux',
      'os-state': 'Generalized',
      'hyper-v-generation': 'V2',
      'security-type': 'Standard',
      'batch-os-disk': JSON.stringify({ imageUris: [os1, os2, os3], caching: 'readWrite' }),
      manifest: '/tmp/manifest.json',
    });
  });

  test('of a partly failed run leave out what failed', () => {
    expect(renderOutputs(partlyFailed, 'm')).toMatchObject({
      'vhd-uris': JSON.stringify([os1, os3]),
      'os-vhd-uri': os1,
    });
  });

  test('of an adopted set are those of a finished one', () => {
    expect(renderOutputs(adopted, 'm')).toMatchObject({
      'vhd-uris': JSON.stringify([os1, os2, os3]),
    });
  });

  test('of a run that made nothing are empty lists, and only the manifest without a plan', () => {
    const nothing = renderOutputs(resultOf(plan, [], { capture: undefined }), 'm');
    expect(nothing).toMatchObject({ 'vhd-uris': '[]', 'os-vhd-uri': '', 'data-vhd-uris': '{}' });
    expect(renderOutputs(refused, 'm')).toEqual({ manifest: 'm' });
  });

  test('are in the order of the replicas, whichever ended first', () => {
    const outcomes = replicasOf(plan)
      .map((replica) => copied(replica))
      .reverse();
    const result = resultOf(plan, outcomes);
    expect(finishedReplicas(result, 'os').map(({ replica }) => replica.number)).toEqual([1, 2, 3]);
  });

  test.each<readonly [string, Plan, object]>([
    [
      'a specialized Windows VM',
      withVm({ osType: 'Windows' }, inputsOf({ generalize: 'none' })),
      { 'os-state': 'Specialized', 'os-type': 'Windows' },
    ],
    [
      'a VM that was generalized before',
      withVm({ isGeneralized: true }),
      { 'os-state': 'Generalized' },
    ],
    [
      'a VM that does not tell its generation',
      withVm({ hyperVGeneration: undefined }),
      { 'hyper-v-generation': 'V2' },
    ],
    [
      'Trusted Launch',
      withVm({ securityType: 'TrustedLaunch' }),
      { 'security-type': 'TrustedLaunch' },
    ],
    [
      'no disk that tells its generation',
      { ...withVm({ hyperVGeneration: undefined }), osDiskGeneration: undefined },
      { 'hyper-v-generation': 'V1' },
    ],
  ])('name the state of %s', (_name, vmPlan, expected) => {
    expect(renderOutputs(resultOf(vmPlan), 'm')).toMatchObject(expected);
  });
});
