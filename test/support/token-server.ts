import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createTempFolder } from "./temp-folder.ts";

/** Issues tokens for a registry: https://distribution.github.io/distribution/spec/auth/jwt/ */
export interface TokenServer {
  /** The part `auth.token` of the registry's configuration. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Tokens that were issued, as `user: scope`. */
  readonly issued: string[];
  stop(): Promise<void>;
}

export interface TokenUser {
  readonly password: string;
  /** What the user may do, by the beginning of a repository's name. */
  readonly may: Readonly<Record<string, readonly string[]>>;
}

const SERVICE = "weir-test";
const ISSUER = "weir-test-issuer";
const KEY = "key-1";

/** Users without a name are those who bring no credentials. */
export async function startTokenServer(users: Readonly<Record<string, TokenUser>>): Promise<TokenServer> {
  const folder = await createTempFolder("tokens");
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwks = join(folder.path, "jwks.json");
  await writeFile(jwks, JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: KEY, alg: "ES256", use: "sig" }] }));
  const issued: string[] = [];

  const tokenFor = (user: TokenUser, name: string, scopes: readonly string[]) => {
    const access = scopes.flatMap((scope) => {
      const [, type, repository = "", actions = ""] = /^([a-z]+):(.+):([a-z,*]+)$/.exec(scope) ?? [];
      const granted = Object.entries(user.may).flatMap(([prefix, may]) => (repository.startsWith(prefix) ? may : []));
      issued.push(`${name}: ${scope}`);
      return [{ type, name: repository, actions: actions.split(",").filter((action) => granted.includes(action)) }];
    });
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: ISSUER, sub: name, aud: SERVICE, exp: now + 300, nbf: now - 10, iat: now, jti: randomUUID(), access };
    const body = [{ typ: "JWT", alg: "ES256", kid: KEY }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    return `${body}.${sign("sha256", Buffer.from(body), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  };

  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://tokens");
    const [name = "", password = ""] = Buffer.from(request.headers.authorization?.replace(/^Basic /, "") ?? "", "base64")
      .toString()
      .split(/:(.*)/s);
    const user = users[name];
    if (user === undefined || user.password !== password) return void response.writeHead(401).end();
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ token: tokenFor(user, name, searchParams.getAll("scope")), expires_in: 300 }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  return {
    configuration: { realm, service: SERVICE, issuer: ISSUER, jwks, signingalgorithms: ["ES256"] },
    issued,
    async stop() {
      server.closeAllConnections();
      server.close();
      await folder.remove();
    },
  };
}
