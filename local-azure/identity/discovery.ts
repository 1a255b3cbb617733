import { clouds } from '../edge/clouds.ts';

const networks = [
  { ...pair('login.microsoftonline.com', 'login.windows.net'), aliases: aliasesOf('AzureCloud') },
  {
    ...pair('login.partner.microsoftonline.cn', 'login.partner.microsoftonline.cn'),
    aliases: aliasesOf('AzureChinaCloud'),
  },
  {
    ...pair('login.microsoftonline.us', 'login.microsoftonline.us'),
    aliases: aliasesOf('AzureUSGovernment'),
  },
];

/** The answer of `/common/discovery/instance`: the authorities that clients may trust. */
export function instanceDiscovery(authority: string, tenantId: string): object {
  return {
    tenant_discovery_endpoint: `https://${authority}/${tenantId}/v2.0/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: networks,
  };
}

/** The OpenID configuration of a tenant, https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc. */
export function openidConfiguration(authority: string, tenantId: string, version: 1 | 2): object {
  const base = `https://${authority}/${tenantId}`;
  const oauth = version === 2 ? `${base}/oauth2/v2.0` : `${base}/oauth2`;
  return {
    token_endpoint: `${oauth}/token`,
    token_endpoint_auth_methods_supported: [
      'client_secret_post',
      'private_key_jwt',
      'client_secret_basic',
    ],
    jwks_uri: version === 2 ? `${base}/discovery/v2.0/keys` : `${base}/discovery/keys`,
    response_modes_supported: ['query', 'fragment', 'form_post'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    issuer: version === 2 ? `${base}/v2.0` : `https://sts.windows.net/${tenantId}/`,
    request_uri_parameter_supported: false,
    authorization_endpoint: `${oauth}/authorize`,
    device_authorization_endpoint: `${oauth}/devicecode`,
    http_logout_supported: true,
    frontchannel_logout_supported: true,
    end_session_endpoint: `${oauth}/logout`,
    claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'tid', 'ver'],
    cloud_instance_name: authority.replace(/^login\./, ''),
  };
}

function pair(preferredNetwork: string, preferredCache: string): object {
  return { preferred_network: preferredNetwork, preferred_cache: preferredCache };
}

function aliasesOf(cloudName: keyof typeof clouds): readonly string[] {
  return clouds[cloudName].authorityAliases;
}
