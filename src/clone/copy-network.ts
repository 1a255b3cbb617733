import type { SecurityRule } from '../azure/network.ts';

/** What a copy may reach: Azure's public addresses by https, or nothing but the platform that it runs on. */
export type CopyOutbound = 'azure' | 'none';

/** Nothing else is in its network, so that any private range will do; one that guests seldom use inside. */
export const COPY_ADDRESS_PREFIX = '10.254.254.0/28';

const denyAll: Pick<SecurityRule, 'access' | 'protocol' | 'destination' | 'port'> = {
  access: 'Deny',
  protocol: '*',
  destination: '*',
  port: '*',
};

/**
 * The rules of a copy's network: nothing comes in, and out goes what its agent needs. The platform's own addresses,
 * 168.63.129.16 with the agent's ports and 169.254.169.254, are reached whatever the rules say, unless their service
 * tags are named. Run Command asks for port 443 of Azure's public addresses; newer agents go through the platform.
 * https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
 * https://learn.microsoft.com/azure/virtual-machines/run-command-overview
 */
export function copyRules(outbound: CopyOutbound): readonly SecurityRule[] {
  const out: readonly Omit<SecurityRule, 'priority' | 'direction'>[] =
    outbound === 'azure'
      ? [
          {
            name: 'allow-azure',
            access: 'Allow',
            protocol: 'Tcp',
            destination: 'AzureCloud',
            port: '443',
          },
        ]
      : [
          // Names are of no use without a way out, and what asks for them could be a tunnel.
          {
            name: 'deny-dns',
            access: 'Deny',
            protocol: '*',
            destination: 'AzurePlatformDNS',
            port: '53',
          },
        ];
  return [
    { name: 'deny-in', direction: 'Inbound', priority: 100, ...denyAll },
    ...out.map((rule) => ({ ...rule, direction: 'Outbound' as const, priority: 100 })),
    { name: 'deny-out', direction: 'Outbound', priority: 200, ...denyAll },
  ];
}

/** What a copy may reach, in a sentence for the plan. */
export function describeOutbound(outbound: CopyOutbound, subnetId: string | undefined): string {
  const where =
    subnetId === undefined ? 'in a network of its own' : `in subnet "${subnetId}", as asked`;
  const out =
    outbound === 'azure'
      ? 'port 443 of public addresses in Azure, which are also those of other services there'
      : 'nothing outside';
  return `The copy runs ${where}: nothing reaches it, and it reaches ${out}.`;
}
