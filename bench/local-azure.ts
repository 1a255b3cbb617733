/** Prints how fast the local Azure is itself, with its model off: node bench/local-azure.ts */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ClientSecretCredential } from '@azure/identity';
import { BlobServiceClient, type ContainerClient, type PageBlobClient } from '@azure/storage-blob';
import type { Scenario } from '../local-azure/scenario.ts';

const MIB = 1024 * 1024;
const TIB = 1024 ** 2 * MIB;
const PIECE_BYTES = 4 * MIB;
const IN_FLIGHT = 16;
const DATA_MIB = 1024;
const ARM_CALLS = 200;

const tenantId = '11111111-1111-4111-8111-111111111111';
const subscriptionId = '22222222-2222-4222-8222-222222222222';
const clientId = '33333333-3333-4333-8333-333333333333';

const scenario: Scenario = {
  tenantId,
  subscriptions: [{ id: subscriptionId }],
  resourceGroups: [{ name: 'bench', location: 'westeurope' }],
  disks: [
    { resourceGroup: 'bench', name: 'source', sizeGiB: 2, content: { seed: 1, dataMiB: DATA_MIB } },
    { resourceGroup: 'bench', name: 'huge', sizeGiB: 8191, content: { seed: 2, dataMiB: 1 } },
  ],
  storageAccounts: [{ resourceGroup: 'bench', name: 'bench1', containers: [{ name: 'vhds' }] }],
  identities: [
    {
      name: 'bench',
      clientId,
      clientSecret: 'secret',
      roleAssignments: [{ role: 'Contributor' }, { role: 'Storage Blob Data Contributor' }],
    },
  ],
};

interface Clients {
  readonly compute: ComputeManagementClient;
  readonly vhds: ContainerClient;
  /** Where the local Azure keeps its data. */
  readonly dataFolder: string;
}

const folder = await mkdtemp(join(tmpdir(), 'local-azure-bench-'));
let child: ChildProcess | undefined;
try {
  print('cores', String(availableParallelism()));
  const startedMs = performance.now();
  child = await start(folder);
  print('start-up', `${Math.round(performance.now() - startedMs)} ms`);
  const clients = await connect(join(folder, 'environment'));
  await measureArm(clients);
  await measureCopies(clients);
  await measureSparse(clients);
} finally {
  if (child?.exitCode === null) {
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  }
  await rm(folder, { recursive: true, force: true });
}

async function start(at: string): Promise<ChildProcess> {
  const scenarioFile = join(at, 'scenario.json');
  await writeFile(scenarioFile, JSON.stringify(scenario));
  const main = fileURLToPath(new URL('../local-azure/main.ts', import.meta.url));
  const files = ['--scenario', scenarioFile, '--env-file', join(at, 'environment')];
  // Without the dashes Node would take --env-file for an option of its own.
  const started = fork(main, files, {
    execArgv: ['--'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await Promise.race([
    once(started, 'message'),
    once(started, 'exit').then(() => {
      throw new Error('The local Azure did not start.');
    }),
  ]);
  return started;
}

async function connect(environmentFile: string): Promise<Clients> {
  const lines = (await readFile(environmentFile, 'utf8')).split('\n');
  const environment = Object.fromEntries(
    lines
      .filter((line) => line.includes('='))
      .map(
        (line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const,
      ),
  );
  Object.assign(process.env, environment);
  const caFile = environment['NODE_EXTRA_CA_CERTS'] ?? '';
  setDefaultCACertificates([...getCACertificates('default'), await readFile(caFile, 'utf8')]);
  const credential = new ClientSecretCredential(tenantId, clientId, 'secret');
  const service = new BlobServiceClient('https://bench1.blob.core.windows.net', credential);
  return {
    compute: new ComputeManagementClient(credential, subscriptionId),
    vhds: service.getContainerClient('vhds'),
    dataFolder: dirname(caFile),
  };
}

async function measureArm({ compute }: Clients): Promise<void> {
  await compute.disks.get('bench', 'source');
  const seconds = await time(async () => {
    for (let call = 0; call < ARM_CALLS; call += 1) await compute.disks.get('bench', 'source');
  });
  print('ARM call', `${((seconds / ARM_CALLS) * 1000).toFixed(1)} ms, SDK included`);
}

async function measureCopies({ compute, vhds }: Clients): Promise<void> {
  const sas = await grant(compute, 'source');
  const copied = vhds.getPageBlobClient('copied.vhd');
  const copySeconds = await time(async () => {
    const poller = await copied.beginCopyFromURL(sas, { intervalInMs: 20 });
    await poller.pollUntilDone();
  });
  print('Copy Blob, from an export', describeRate(copySeconds));
  const written = vhds.getPageBlobClient('written.vhd');
  print('Put Page From URL, from an export', describeRate(await writeFrom(sas, copied, written)));
  const again = vhds.getPageBlobClient('again.vhd');
  const fromBlob = await writeFrom(copied.url, copied, again);
  print('Put Page From URL, from a blob', describeRate(fromBlob));
}

/** Writes the data ranges of a blob from a URL with the same bytes; gives the seconds. */
async function writeFrom(
  url: string,
  model: PageBlobClient,
  target: PageBlobClient,
): Promise<number> {
  const { contentLength = 0 } = await model.getProperties();
  await target.create(contentLength);
  const pieces: { readonly start: number; readonly bytes: number }[] = [];
  for await (const range of model.listPageRanges()) {
    for (let start = range.start; start <= range.end; start += PIECE_BYTES) {
      pieces.push({ start, bytes: Math.min(PIECE_BYTES, range.end + 1 - start) });
    }
  }
  const queue = pieces.values();
  return await time(async () => {
    const work = async () => {
      for (const { start, bytes } of queue) {
        await target.uploadPagesFromURL(url, start, start, bytes);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  });
}

/** The largest blob there is, and an export of nearly that size. */
async function measureSparse({ compute, vhds, dataFolder }: Clients): Promise<void> {
  const before = await sizeOnDisk(dataFolder);
  const seconds = await time(async () => {
    await vhds.getPageBlobClient('huge.vhd').create(8 * TIB);
    await grant(compute, 'huge');
  });
  const bytes = (await sizeOnDisk(dataFolder)) - before;
  print('blob of 8 TiB and export of 8191 GiB', `${bytes} bytes on disk, ${seconds.toFixed(2)} s`);
}

async function grant({ disks }: ComputeManagementClient, name: string): Promise<string> {
  const access = { access: 'Read', durationInSeconds: 3600 };
  const poller = disks.grantAccess('bench', name, access, { updateIntervalInMs: 10 });
  const { accessSAS = '' } = await poller.pollUntilDone();
  return accessSAS;
}

/** Bytes of the blocks that the files below a folder take. */
async function sizeOnDisk(at: string): Promise<number> {
  const entries = await readdir(at, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map(async (file) => (await stat(join(file.parentPath, file.name))).blocks * 512),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
}

function describeRate(seconds: number): string {
  return `${Math.round(DATA_MIB / seconds)} MiB/s (${DATA_MIB} MiB in ${seconds.toFixed(1)} s)`;
}

function print(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(38)} ${figure}\n`);
}
