/** What Sysprep does to a server role. */
export interface RoleSupport {
  readonly title: string;
  readonly support: 'none' | 'conditional' | 'unsettled';
  /** What must hold, for roles that are supported on a condition. */
  readonly condition?: string;
}

/**
 * Server roles, by the names of `Get-WindowsFeature`, that Sysprep does not support or supports on a condition.
 * Roles that are not here are supported or not concerned (DNS Server).
 * See https://learn.microsoft.com/windows-hardware/manufacture/desktop/sysprep-support-for-server-roles, for
 * web servers https://support.microsoft.com/kb/942060, and for network policy
 * https://learn.microsoft.com/windows-hardware/manufacture/desktop/sysprep--generalize--a-windows-installation.
 * The list ends with Windows Server 2012; what it does not settle is in docs/assumptions.md.
 */
export const roleSupport: ReadonlyMap<string, RoleSupport> = new Map<string, RoleSupport>([
  ['AD-Certificate', { title: 'Active Directory Certificate Services', support: 'none' }],
  ['AD-Domain-Services', { title: 'Active Directory Domain Services', support: 'none' }],
  ['ADFS-Federation', { title: 'Active Directory Federation Services', support: 'none' }],
  ['ADLDS', { title: 'Active Directory Lightweight Directory Services', support: 'none' }],
  ['ADRMS', { title: 'Active Directory Rights Management Services', support: 'none' }],
  ['DHCP', { title: 'DHCP Server', support: 'none' }],
  ['Fax', { title: 'Fax Server', support: 'none' }],
  [
    'Hyper-V',
    {
      title: 'Hyper-V',
      support: 'conditional',
      condition: 'delete its virtual switches before Sysprep',
    },
  ],
  [
    'NPAS',
    {
      title: 'Network Policy and Access Services',
      support: 'conditional',
      condition: 'remove RADIUS clients and remote RADIUS server groups before Sysprep',
    },
  ],
  [
    'Web-Server',
    {
      title: 'Web Server (IIS)',
      support: 'conditional',
      condition:
        'its configuration must hold no encrypted properties: their key is not in the image',
    },
  ],
  ['Remote-Desktop-Services', { title: 'Remote Desktop Services', support: 'unsettled' }],
  ['UpdateServices', { title: 'Windows Server Update Services', support: 'unsettled' }],
  ['WDS', { title: 'Windows Deployment Services', support: 'unsettled' }],
  ['HostGuardianServiceRole', { title: 'Host Guardian Service', support: 'unsettled' }],
]);
