import type { Express, Request, Response } from 'express';
import { clouds } from '../edge/clouds.ts';
import type { CloudName } from '../scenario.ts';
import type { World } from '../world.ts';
import { audiencesOf } from './authentication.ts';
import { queryOf } from './call.ts';

/** The route by which a client learns a cloud's endpoints; it asks for no token. */
export function addMetadataRoutes(app: Express, world: World): void {
  app.get('/metadata/endpoints', (request: Request, response: Response) => {
    const version = queryOf(request).get('api-version') ?? '';
    const cloud = describeCloud(world);
    if (version < '2019') response.json(describeBriefly(world));
    // From 2019 to 2022 the answer was a list of clouds.
    else response.json(version < '2022-09-01' ? [cloud] : cloud);
  });
}

function describeBriefly(world: World): Record<string, unknown> {
  return {
    graphEndpoint: 'https://graph.windows.net/',
    graphAudience: 'https://graph.windows.net/',
    authentication: {
      loginEndpoint: `https://${world.hosts.authority}/`,
      audiences: classicAudiences(world),
    },
  };
}

function describeCloud(world: World): Record<string, unknown> {
  const { hosts } = world;
  const name: CloudName = world.scenario.cloud ?? 'AzureCloud';
  return {
    authentication: {
      loginEndpoint: `https://${hosts.authority}`,
      audiences: classicAudiences(world),
      tenant: 'common',
      identityProvider: 'AAD',
    },
    graphAudience: 'https://graph.windows.net/',
    graph: 'https://graph.windows.net/',
    name,
    suffixes: { storage: hosts.storageSuffix },
    batch: `https://${clouds[name].batchAudience}/`,
    resourceManager: `https://${hosts.arm}/`,
  };
}

function classicAudiences(world: World): readonly string[] {
  return audiencesOf(world)
    .filter((audience) => audience.endsWith('/'))
    .toReversed();
}
