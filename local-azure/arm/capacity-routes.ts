import type { Express } from 'express';
import { handle, parameter } from './call.ts';
import type { Arm, Call } from './call.ts';
import { requireAction, requireSubscription } from './gate.ts';
import { isSameLocation } from './resource-id.ts';
import { coresOf, sizesAt, vmsAt } from './vm-capacity.ts';
import type { VmSize } from './vm-capacity.ts';

/** Routes that tell what a subscription may still use, and which sizes there are. */
export function addCapacityRoutes(app: Express, arm: Arm): void {
  const provider = '/subscriptions/:subscription/providers/Microsoft.Compute';
  app.get(`${provider}/locations/:location/usages`, handle(arm, listUsages));
  app.get(`${provider}/skus`, handle(arm, listSizes));
}

/** https://learn.microsoft.com/rest/api/compute/usage/list */
function listUsages(arm: Arm, call: Call): void {
  const location = parameter(call, 'location');
  const subscriptionId = open(arm, call, 'Microsoft.Compute/locations/usages/read');
  const usage = (value: string, localizedValue: string, currentValue: number, limit: number) => ({
    ...{ unit: 'Count', currentValue, limit, name: { value, localizedValue } },
  });
  const families = [...new Set(sizesAt(arm).map(({ family }) => family))];
  call.response.json({
    value: [
      usage(
        'virtualMachines',
        'Virtual Machines',
        vmsAt(arm, subscriptionId, location).length,
        25_000,
      ),
      ...['cores', ...families].map((name) => {
        const { used, limit } = coresOf(arm, subscriptionId, location, name);
        return usage(
          name,
          name === 'cores' ? 'Total Regional vCPUs' : `${name} vCPUs`,
          used,
          limit,
        );
      }),
    ],
  });
}

/** https://learn.microsoft.com/rest/api/compute/resource-skus/list: the sizes of VMs, in the region of the filter. */
function listSizes(arm: Arm, call: Call): void {
  open(arm, call, 'Microsoft.Compute/skus/read');
  const asked = /location eq '([^']+)'/i.exec(call.query.get('$filter') ?? '')?.[1];
  const regions = new Set(arm.world.scenario.resourceGroups.map(({ location }) => location));
  const locations = [...regions].filter((one) => asked === undefined || isSameLocation(one, asked));
  const unavailable = arm.world.scenario.capacity?.unavailableSizes ?? [];
  call.response.json({
    value: locations.flatMap((location) =>
      sizesAt(arm).map((size) => showSize(size, location, unavailable.includes(size.name))),
    ),
  });
}

function showSize(
  { name, family, cores, hasTemporaryDisk }: VmSize,
  location: string,
  isUnavailable: boolean,
): Record<string, unknown> {
  const capabilities = {
    MaxResourceVolumeMB: hasTemporaryDisk ? cores * 37_500 : 0,
    vCPUs: cores,
    MemoryGB: cores * 4,
    HyperVGenerations: name.startsWith('Standard_A') ? 'V1' : 'V1,V2',
    PremiumIO: 'True',
    EncryptionAtHostSupported: 'True',
    DiskControllerTypes: 'SCSI,NVMe',
  };
  return {
    ...{ resourceType: 'virtualMachines', name, family },
    tier: 'Standard',
    size: name.replace(/^[^_]*_/, ''),
    locations: [location],
    locationInfo: [{ location, zones: ['1', '2', '3'], zoneDetails: [] }],
    capabilities: Object.entries(capabilities).map(([key, value]) => ({
      name: key,
      value: `${value}`,
    })),
    restrictions: isUnavailable
      ? [
          {
            type: 'Location',
            values: [location],
            restrictionInfo: { locations: [location] },
            reasonCode: 'NotAvailableForSubscription',
          },
        ]
      : [],
  };
}

function open(arm: Arm, call: Call, action: string): string {
  const subscriptionId = parameter(call, 'subscription');
  requireSubscription(arm, subscriptionId);
  requireAction(call.principal, action, `/subscriptions/${subscriptionId}`);
  return subscriptionId;
}
