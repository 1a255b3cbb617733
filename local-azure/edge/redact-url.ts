/** Query parameters whose values say what a call does; every other value may be a secret. */
const shown = new Set([
  '$expand',
  '$filter',
  'access',
  'action',
  'api-version',
  'audience',
  'client_id',
  'comp',
  'copyid',
  'delimiter',
  'forcedeletion',
  'hibernate',
  'include',
  'maxresults',
  'monitor',
  'prefix',
  'resource',
  'restype',
  'skipshutdown',
  'snapshot',
  'timeout',
]);

/** The URL with the value of every query parameter that is not known to be harmless put as `...`. */
export function redactUrl(url: string): string {
  const start = url.indexOf('?');
  if (start < 0) return url;
  const query = url.slice(start + 1).split('&');
  return `${url.slice(0, start)}?${query.map(redactParameter).join('&')}`;
}

function redactParameter(parameter: string): string {
  const end = parameter.indexOf('=');
  if (end < 0) return parameter;
  const name = parameter.slice(0, end);
  return shown.has(name.replace('%24', '$').toLowerCase()) ? parameter : `${name}=...`;
}
