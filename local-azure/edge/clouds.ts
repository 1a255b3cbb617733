import type { CloudName } from '../scenario.ts';

/** The host names of one Azure cloud. */
export interface Cloud {
  readonly arm: string;
  readonly authority: string;
  /** Every name that the cloud's sign-in service answers to; the first is the authority. */
  readonly authorityAliases: readonly string[];
  readonly storageSuffix: string;
  /** Old name of the ARM audience, which is still accepted. */
  readonly classicManagement: string;
  readonly batchAudience: string;
}

/** The clouds and their endpoints, https://learn.microsoft.com/azure/developer/identity/authentication-national-cloud. */
export const clouds: Readonly<Record<CloudName, Cloud>> = {
  AzureCloud: {
    arm: 'management.azure.com',
    authority: 'login.microsoftonline.com',
    authorityAliases: [
      'login.microsoftonline.com',
      'login.windows.net',
      'login.microsoft.com',
      'sts.windows.net',
    ],
    storageSuffix: 'core.windows.net',
    classicManagement: 'management.core.windows.net',
    batchAudience: 'batch.core.windows.net',
  },
  AzureUSGovernment: {
    arm: 'management.usgovcloudapi.net',
    authority: 'login.microsoftonline.us',
    authorityAliases: ['login.microsoftonline.us', 'login.usgovcloudapi.net'],
    storageSuffix: 'core.usgovcloudapi.net',
    classicManagement: 'management.core.usgovcloudapi.net',
    batchAudience: 'batch.core.usgovcloudapi.net',
  },
  AzureChinaCloud: {
    arm: 'management.chinacloudapi.cn',
    authority: 'login.chinacloudapi.cn',
    authorityAliases: ['login.chinacloudapi.cn', 'login.partner.microsoftonline.cn'],
    storageSuffix: 'core.chinacloudapi.cn',
    classicManagement: 'management.core.chinacloudapi.cn',
    batchAudience: 'batch.chinacloudapi.cn',
  },
};
