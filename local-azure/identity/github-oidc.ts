import { randomBytes, randomUUID } from 'node:crypto';
import express, { type Express } from 'express';
import type { JWTPayload } from 'jose';
import { githubIssuerHost, githubRequestHost } from '../edge/hosts.ts';
import type { ScenarioGithub } from '../scenario.ts';
import type { SigningKey } from './signing-key.ts';

export const githubIssuer = `https://${githubIssuerHost}`;

/** Where a job asks for its ID token, and with what. */
export interface IdTokenRequest {
  /** `ACTIONS_ID_TOKEN_REQUEST_URL`; callers append `&audience=`. */
  readonly url: string;
  /** `ACTIONS_ID_TOKEN_REQUEST_TOKEN` */
  readonly token: string;
}

/** Makes the request address and token of a job that lives as long as the process. */
export function createIdTokenRequest(): IdTokenRequest {
  const plan = `${randomBytes(24).toString('hex')}/00000000-0000-0000-0000-000000000000`;
  return {
    url:
      `https://${githubRequestHost}/${plan}/_apis/distributedtask/hubs/Actions/plans/${randomUUID()}` +
      `/jobs/${randomUUID()}/idtoken?api-version=2.0`,
    token: randomBytes(32).toString('hex'),
  };
}

/**
 * GitHub's OIDC issuer and the address where a job gets its ID token.
 * https://docs.github.com/actions/reference/security/oidc
 */
export function createGithubOidcApp(
  github: ScenarioGithub,
  key: SigningKey,
  job: IdTokenRequest,
): Express {
  const app = express().disable('x-powered-by').disable('etag');
  app.get('/.well-known/openid-configuration', (_request, response) => {
    response.json({
      issuer: githubIssuer,
      jwks_uri: `${githubIssuer}/.well-known/jwks`,
      subject_types_supported: ['public', 'pairwise'],
      response_types_supported: ['id_token'],
      claims_supported: Object.keys(claimsOf(github, '')),
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid'],
    });
  });
  app.get('/.well-known/jwks', (_request, response) => {
    response.json({ keys: [key.jwk] });
  });
  app.get(new URL(job.url).pathname, async (request, response) => {
    const token = /^bearer +(\S+)$/i.exec(request.get('authorization') ?? '')?.[1];
    if (token !== job.token) {
      response.status(401).json({ message: 'The request token is missing or wrong.' });
      return;
    }
    const { audience } = request.query;
    const [owner = ''] = repositoryOf(github).split('/');
    const aud = typeof audience === 'string' ? audience : `https://github.com/${owner}`;
    response.json({ value: await key.sign(claimsOf(github, aud)) });
  });
  return app;
}

function claimsOf(github: ScenarioGithub, audience: string): JWTPayload {
  const repository = repositoryOf(github);
  const [owner] = repository.split('/');
  const workflow = `${repository}/.github/workflows/image.yml@refs/heads/main`;
  const now = Math.floor(Date.now() / 1000);
  return {
    jti: randomUUID(),
    sub: github.subject ?? `repo:${subjectOf(github)}:ref:refs/heads/main`,
    aud: audience,
    ref: 'refs/heads/main',
    ref_type: 'branch',
    ref_protected: 'false',
    sha: '0'.repeat(40),
    repository,
    repository_id: github.repositoryId ?? '1',
    repository_owner: owner,
    repository_owner_id: github.repositoryOwnerId ?? '1',
    repository_visibility: 'private',
    run_id: '1',
    run_number: '1',
    run_attempt: '1',
    actor: owner,
    actor_id: '1',
    event_name: 'workflow_dispatch',
    head_ref: '',
    base_ref: '',
    workflow: 'image',
    workflow_ref: workflow,
    workflow_sha: '0'.repeat(40),
    job_workflow_ref: workflow,
    job_workflow_sha: '0'.repeat(40),
    runner_environment: 'github-hosted',
    iss: githubIssuer,
    nbf: now - 600,
    exp: now + (github.assertionLifetimeSeconds ?? 300),
    iat: now,
  };
}

/**
 * The repository as a subject names it: repositories of later than July 2026 have their IDs in it.
 * https://docs.github.com/actions/reference/security/oidc
 */
function subjectOf(github: ScenarioGithub): string {
  const repository = repositoryOf(github);
  const { repositoryOwnerId, repositoryId } = github;
  if (repositoryOwnerId === undefined || repositoryId === undefined) return repository;
  const [owner = '', name = ''] = repository.split('/');
  return `${owner}@${repositoryOwnerId}/${name}@${repositoryId}`;
}

function repositoryOf(github: ScenarioGithub): string {
  return github.repository ?? 'octo-org/images';
}
