import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { findCrossProblems } from './cross-checks.ts';
import { ScenarioError } from './scenario-error.ts';
import { findSchemaProblems } from './scenario-schema.ts';
import type { DiskContent, Scenario } from './scenario.ts';

/** Reads a scenario file and checks all of it; throws a ScenarioError that lists every problem, or an Error for a file that is no JSON. */
export async function loadScenario(file: string): Promise<Scenario> {
  return await resolveVhds(checkScenario(parseJson(file, await readText(file))), dirname(file));
}

/** Checks that a value is a scenario; throws a ScenarioError that lists every problem. */
export function checkScenario(value: unknown): Scenario {
  const inForm = findSchemaProblems(value);
  if (inForm.length > 0) throw new ScenarioError('The scenario', inForm);
  const scenario = value as Scenario;
  const inSense = findCrossProblems(scenario);
  if (inSense.length > 0) throw new ScenarioError('The scenario', inSense);
  return scenario;
}

/** The scenario with absolute paths of its VHD files and roots; throws a ScenarioError for every file that is missing. */
export async function resolveVhds(scenario: Scenario, folder: string): Promise<Scenario> {
  const problems: string[] = [];
  const resolveOne = async <D extends { readonly content?: DiskContent }>(
    disk: D,
    path: string,
  ): Promise<D> => {
    if (disk.content === undefined || !('vhd' in disk.content)) return disk;
    const vhd = resolve(folder, disk.content.vhd);
    const isFile = await stat(vhd).then(
      (found) => found.isFile(),
      () => false,
    );
    if (!isFile) problems.push(`${path}/content/vhd: no such file: ${vhd}`);
    return { ...disk, content: { vhd } };
  };
  const { virtualMachines = [], disks = [] } = scenario;
  const resolved = {
    ...scenario,
    virtualMachines: await Promise.all(
      virtualMachines.map(async (vm, index) => ({
        ...vm,
        ...(vm.guest?.root === undefined
          ? {}
          : { guest: { ...vm.guest, root: resolve(folder, vm.guest.root) } }),
        osDisk: await resolveOne(vm.osDisk, `/virtualMachines/${index}/osDisk`),
        dataDisks: await Promise.all(
          (vm.dataDisks ?? []).map((disk, at) =>
            resolveOne(disk, `/virtualMachines/${index}/dataDisks/${at}`),
          ),
        ),
      })),
    ),
    disks: await Promise.all(disks.map((disk, index) => resolveOne(disk, `/disks/${index}`))),
  };
  if (problems.length > 0) throw new ScenarioError('The scenario', problems);
  return resolved;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The scenario "${file}" cannot be read: ${reason}`, { cause: error });
  }
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The scenario "${file}" is not JSON: ${reason}`, { cause: error });
  }
}
