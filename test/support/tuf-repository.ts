import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import { Key, Metadata, MetaFile, Root, Signature, Snapshot, TargetFile, Targets, Timestamp } from "@tufjs/models";
import { listen } from "../../base/listen.ts";

/** What a repository holds, and until when. */
interface TufContent {
  readonly targets: Readonly<Record<string, string>>;
  /** When its timestamp, or its newest root, ends; default: in an hour. */
  readonly timestampExpires?: Date;
  readonly rootExpires?: Date;
}

/** A TUF repository of one test, with keys of its own, served by HTTP: https://theupdateframework.github.io/specification/latest */
export interface TufRepository {
  readonly mirror: string;
  /** Its first `root.json`; the one of today is the second, with another key. */
  readonly root: Buffer;
  /** What is served, by path; a test may change it. A function answers as it likes. */
  readonly files: Map<string, Buffer | RequestListener>;
  stop(): Promise<void>;
}

const ROLES = ["root", "timestamp", "snapshot", "targets"] as const;

/** Starts a repository with consistent snapshots, as the public one of sigstore has. */
export async function startTufRepository(content: TufContent): Promise<TufRepository> {
  const { root, files } = signed(content);
  const server = createServer((request, response) => {
    const found = files.get(request.url ?? "");
    if (typeof found === "function") return found(request, response);
    response.writeHead(found === undefined ? 404 : 200).end(found);
  });
  const { port } = await listen(server, { host: "127.0.0.1", port: 0 });
  return {
    mirror: `http://127.0.0.1:${port}`,
    root,
    files,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function signed({ targets, timestampExpires = inAnHour(), rootExpires = inAnHour() }: TufContent) {
  const [first, second, timestampKey, snapshotKey, targetsKey] = [signer(), signer(), signer(), signer(), signer()];
  const rootOf = (version: number, key: Signer, expires: Date) => {
    const root = new Root({ version, expires: expires.toISOString(), consistentSnapshot: true, specVersion: "1.0.31" });
    for (const [at, each] of [key, timestampKey, snapshotKey, targetsKey].entries()) root.addKey(each.key, ROLES[at] ?? "");
    return root;
  };
  const files = new Map<string, Buffer | RequestListener>();
  const put = (path: string, bytes: Buffer) => {
    files.set(path, bytes);
    return new MetaFile({ version: 1, length: bytes.length, hashes: { sha256: sha256(bytes) } });
  };
  const common = { version: 1, expires: inAnHour().toISOString(), specVersion: "1.0.31" };

  const list = new Targets({ ...common, targets: {} });
  for (const [path, text] of Object.entries(targets)) {
    const bytes = Buffer.from(text);
    list.addTarget(new TargetFile({ path, length: bytes.length, hashes: { sha256: sha256(bytes) } }));
    put(`/targets/${sha256(bytes)}.${path}`, bytes);
  }
  const listed = put("/1.targets.json", printed(list, targetsKey));
  const snapshot = put("/1.snapshot.json", printed(new Snapshot({ ...common, meta: { "targets.json": listed } }), snapshotKey));
  put(
    "/timestamp.json",
    printed(new Timestamp({ ...common, expires: timestampExpires.toISOString(), snapshotMeta: snapshot }), timestampKey),
  );
  put("/2.root.json", printed(rootOf(2, second, rootExpires), first, second));
  return { root: printed(rootOf(1, first, inAnHour()), first), files };
}

interface Signer {
  readonly key: Key;
  sign(data: Buffer): Signature;
}

function signer(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const pem = publicKey.export({ format: "pem", type: "spki" }).toString();
  const keyID = sha256(Buffer.from(pem));
  return {
    key: new Key({ keyID, keyType: "ed25519", scheme: "ed25519", keyVal: { public: pem } }),
    sign: (data) => new Signature({ keyID, sig: sign(null, data, privateKey).toString("hex") }),
  };
}

function printed(content: Root | Timestamp | Snapshot | Targets, ...signers: readonly Signer[]): Buffer {
  const metadata = new Metadata(content);
  for (const each of signers) metadata.sign(each.sign);
  return Buffer.from(JSON.stringify(metadata.toJSON()));
}

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const inAnHour = () => new Date(Date.now() + 3_600_000);
