import type { Express } from 'express';
import { acceptOperation, setProviderQuota } from './accept.ts';
import type { Acceptance } from './accept.ts';
import { handle } from './call.ts';
import type { Arm, Call } from './call.ts';
import { openList, openResource, required } from './gate.ts';
import type { Target } from './gate.ts';
import { readImageRequest } from './image-request.ts';
import { findImageContents } from './image-source.ts';
import { Image } from './image.ts';
import { requirePolicies } from './policies.ts';

const type = 'Microsoft.Compute/images';

/** Routes of managed images. */
export function addImageRoutes(app: Express, arm: Arm): void {
  app.get(`/subscriptions/:subscription/providers/${type}`, handle(arm, listImages));
  const inGroup = `/subscriptions/:subscription/resourceGroups/:group/providers/${type}`;
  app.get(inGroup, handle(arm, listImages));
  app.get(`${inGroup}/:name`, handle(arm, readImage));
  app.put(`${inGroup}/:name`, handle(arm, putImage));
  app.delete(`${inGroup}/:name`, handle(arm, deleteImage));
}

function listImages(arm: Arm, call: Call): void {
  const scope = openList(arm, call, type);
  setReadQuota(call);
  call.response.json({ value: arm.world.resources.list(scope, type).map(({ body }) => body) });
}

function readImage(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'read');
  const image = required(arm.world.resources.get(target.id), target);
  setReadQuota(call);
  call.response.json(image.body);
}

function setReadQuota(call: Call): void {
  setProviderQuota(call, 'GetImagesSubscriptionMaximum;359');
}

/** Answered with 201 or, for an image that is there, with 200; in both cases without a Location. */
async function putImage(arm: Arm, call: Call): Promise<void> {
  const target = openResource(arm, call, type, 'write');
  const request = readImageRequest(call.request.body);
  requirePolicies(arm, target, request.tags);
  setProviderQuota(call, 'CreateImagesSubscriptionMaximum;59');
  const { location, tags } = request;
  const contents = await findImageContents(arm, request);
  const image = new Image({ id: target.id, location, tags, ...contents });
  const status = arm.world.resources.get(target.id) === undefined ? 201 : 200;
  arm.world.resources.put(image);
  const plan = {
    kind: 'image' as const,
    succeed: () => {
      image.provisioningState = 'Succeeded';
    },
    fail: () => {
      image.provisioningState = 'Failed';
    },
  };
  const acceptance = { ...acceptanceOf(target, image), status, body: image.body } as const;
  acceptOperation(arm, call, plan, acceptance);
}

function deleteImage(arm: Arm, call: Call): void {
  const target = openResource(arm, call, type, 'delete');
  const image = arm.world.resources.get(target.id);
  if (!(image instanceof Image)) {
    call.response.status(204).end();
    return;
  }
  setProviderQuota(call, 'DeleteImages3Min;113', 'DeleteImages30Min;589');
  image.provisioningState = 'Deleting';
  const plan = {
    kind: 'delete' as const,
    succeed: () => {
      arm.world.resources.remove(image);
    },
    fail: () => {
      image.provisioningState = 'Succeeded';
    },
  };
  acceptOperation(arm, call, plan, acceptanceOf(target, image));
}

function acceptanceOf({ subscriptionId }: Target, { location }: Image): Acceptance {
  return { subscriptionId, location, service: 'operations', retryAfterSeconds: undefined };
}
