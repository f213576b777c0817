import { generateKeyPairSync, type KeyObject, randomInt, sign } from "node:crypto";

/** A certificate and its private key, as PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Identity {
  /** A certificate for this name, as server and as client. `uri`: a name of that kind beside it; `until`: when it ends, by default never. */
  issue(name: string, more?: { readonly uri?: string; readonly until?: Date }): Identity;
}

/** A certificate authority. The files are made here, so that no test needs openssl. https://www.rfc-editor.org/rfc/rfc5280#section-4.1 */
export function createAuthority(name: string): Authority {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    cert: certificate({ name, key: pair.publicKey, ca: true }, { name, key: pair.privateKey }),
    key: pem(pair.privateKey),
    issue(subject, { uri, until } = {}) {
      const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
      return {
        cert: certificate({ name: subject, key: own.publicKey, ca: false, uri, until }, { name, key: pair.privateKey }),
        key: pem(own.privateKey),
      };
    },
  };
}

interface Party {
  readonly name: string;
  readonly key: KeyObject;
}

function pem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

interface Subject extends Party {
  readonly ca: boolean;
  readonly uri?: string | undefined;
  readonly until?: Date | undefined;
}

function certificate(subject: Subject, issuer: Party): string {
  const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"));
  const validity = sequence(der(0x18, Buffer.from("20200101000000Z")), der(0x18, Buffer.from(time(subject.until))));
  const names = [der(0x82, Buffer.from(subject.name)), ...(subject.uri === undefined ? [] : [der(0x86, Buffer.from(subject.uri))])];
  const subjectAltName = sequence(oid("551d11"), der(0x04, sequence(...names)));
  const basicConstraints = sequence(oid("551d13"), der(0x01, Buffer.from([0xff])), der(0x04, sequence(der(0x01, Buffer.from([0xff])))));
  const body = sequence(
    der(0xa0, integer(2)),
    integer(randomInt(1, 2 ** 31)),
    ecdsaWithSha256,
    commonName(issuer.name),
    validity,
    commonName(subject.name),
    subject.key.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(subject.ca ? basicConstraints : subjectAltName)),
  );
  const whole = sequence(body, ecdsaWithSha256, der(0x03, Buffer.from([0]), sign("sha256", body, issuer.key)));
  return `-----BEGIN CERTIFICATE-----\n${whole.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
}

function time(date: Date | undefined): string {
  return date === undefined ? "99991231235959Z" : `${date.toISOString().replace(/[-:T]|\..*/g, "")}Z`;
}

function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(name)))));
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function integer(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(value, 1);
  const first = bytes.findIndex((byte, at) => byte !== 0 || (bytes[at + 1] ?? 0x80) >= 0x80);
  return der(0x02, bytes.subarray(first));
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

/** A value of this tag. https://www.itu.int/rec/T-REC-X.690 */
function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
