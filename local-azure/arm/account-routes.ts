import type { Express } from 'express';
import { accountKeys } from '../blobs/account-keys.ts';
import { handle } from './call.ts';
import type { Arm, Call } from './call.ts';
import { openList, openResource, required } from './gate.ts';
import { valueAt } from './request-body.ts';

const type = 'Microsoft.Storage/storageAccounts';

/** Routes that read storage accounts and their keys. */
export function addStorageAccountRoutes(app: Express, arm: Arm): void {
  app.get(`/subscriptions/:subscription/providers/${type}`, handle(arm, listAccounts));
  const inGroup = `/subscriptions/:subscription/resourceGroups/:group/providers/${type}`;
  app.get(inGroup, handle(arm, listAccounts));
  app.get(`${inGroup}/:name`, handle(arm, readAccount));
  app.get(`${inGroup}/:name/blobServices/default`, handle(arm, readBlobService));
  app.post(`${inGroup}/:name/listKeys`, handle(arm, listKeys));
}

function listAccounts(arm: Arm, call: Call): void {
  const scope = openList(arm, call, type);
  call.response.json({ value: arm.world.resources.list(scope, type).map(({ body }) => body) });
}

function readAccount(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'read');
  call.response.json(required(arm.world.resources.get(target.id), target).body);
}

/** https://learn.microsoft.com/rest/api/storagerp/blob-services/get-service-properties. */
function readBlobService(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'blobServices/read');
  const { id, body } = required(arm.world.resources.get(target.id), target);
  const owner = arm.world.scenario.storageAccounts?.find(({ name }) => name === body.name);
  const days = owner?.blobSoftDeleteDays;
  call.response.json({
    sku: body['sku'],
    id: `${id}/blobServices/default`,
    name: 'default',
    type: `${type}/blobServices`,
    properties: {
      cors: { corsRules: [] },
      deleteRetentionPolicy:
        days === undefined
          ? { allowPermanentDelete: false, enabled: false }
          : { allowPermanentDelete: false, enabled: true, days },
    },
  });
}

/** https://learn.microsoft.com/rest/api/storagerp/storage-accounts/list-keys. */
function listKeys(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'listKeys/action');
  const { body } = required(arm.world.resources.get(target.id), target);
  const times = valueAt(body.properties, 'keyCreationTime');
  call.response.set('x-ms-ratelimit-remaining-subscription-resource-requests', '11999').json({
    keys: accountKeys(body.name).map(({ keyName, value }) => ({
      ...{ creationTime: valueAt(times, keyName), keyName, value, permissions: 'FULL' },
    })),
  });
}
