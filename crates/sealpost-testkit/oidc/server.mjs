// An OIDC issuer for tests: node-oidc-provider with the client credentials grant and JWT access tokens, whose signing keys can
// be changed while it runs.
//
// Started as: node server.mjs SETTINGS.json, where SETTINGS has
//   modules  the folder above node_modules
//   port     on 127.0.0.1
//   store    a file for the private keys, so that a restart has the same ones
//   clients  [{ id, secret, scopes }]
//   scopes   what the service knows
//   keys     [{ kid, alg }], used when the store is empty; the first one signs
//
// POST /control/keys [{ kid, alg }] replaces the keys: known ids stay as they are, new ones are made.

import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
// The packages are not beside this file: nothing is installed into the clone.
const found = createRequire(`${settings.modules}/`).resolve('oidc-provider');
const { default: Provider } = await import(pathToFileURL(found).href);

const issuer = `http://127.0.0.1:${settings.port}`;
const kinds = {
  RS: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES: (alg) => generateKeyPairSync('ec', { namedCurve: alg === 'ES384' ? 'P-384' : 'P-256' }),
  Ed: () => generateKeyPairSync('ed25519'),
};

let keys = existsSync(settings.store) ? JSON.parse(readFileSync(settings.store, 'utf8')) : [];
let provider;

function useKeys(wanted) {
  keys = wanted.map(({ kid, alg }) => keys.find((key) => key.kid === kid)
    ?? { ...kinds[alg.slice(0, 2)](alg).privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' });
  writeFileSync(settings.store, JSON.stringify(keys));
  provider = new Provider(issuer, {
    jwks: { keys },
    clients: settings.clients.map(({ id, secret, scopes }) => ({
      client_id: id,
      client_secret: secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      scope: scopes.join(' '),
      token_endpoint_auth_method: 'client_secret_post',
      id_token_signed_response_alg: keys[0].alg,
    })),
    scopes: settings.scopes,
    enabledJWA: {
      idTokenSigningAlgValues: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA', 'Ed25519'],
    },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (context, resource) => ({
          scope: settings.scopes.join(' '),
          audience: resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
          jwt: { sign: { alg: keys[0].alg, kid: keys[0].kid } },
        }),
      },
    },
  });
}

useKeys(keys.length > 0 ? keys : settings.keys);

createServer((request, response) => {
  if (request.method !== 'POST' || request.url !== '/control/keys') {
    provider.callback()(request, response);
    return;
  }
  let body = '';
  request.on('data', (part) => { body += part; });
  request.on('end', () => {
    try {
      useKeys(JSON.parse(body));
      response.writeHead(204).end();
    } catch (error) {
      response.writeHead(400).end(String(error.stack));
    }
  });
}).listen(settings.port, '127.0.0.1', () => console.log(`listening on ${issuer}`));
