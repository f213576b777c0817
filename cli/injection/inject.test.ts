import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { createAuthority } from "../../base/testing/certificates.ts";
import { runWeir } from "../testing/weir.ts";

const GOLDEN = new URL("testing/after.yaml.txt", import.meta.url);
const BEFORE = readFileSync(new URL("testing/before.yaml.txt", import.meta.url), "utf8");

let dir: string;
const authority = createAuthority("authority");

before(() => {
  dir = mkdtempSync(join(tmpdir(), "weir-inject-"));
  writeFileSync(join(dir, "ca.crt"), `${authority.issue("x").key}${authority.cert}`);
});
after(() => rmSync(dir, { recursive: true }));

const inject = (text: string, ...flags: string[]) => {
  writeFileSync(join(dir, "in.yaml"), text);
  return runWeir(dir, ["inject", "-f", join(dir, "in.yaml"), "--tls-ca", join(dir, "ca.crt"), "--proxy-image", "r.example/e:1", ...flags]);
};

describe("weir inject", () => {
  test("prints documents with Envoy in their pods, and the others as they are (golden; WRITE_GOLDEN=1 writes it anew)", async () => {
    const { status, out, err } = await inject(BEFORE);
    assert.equal(status, 0, err);
    assert.doesNotMatch(out, /PRIVATE KEY/, "only certificates of --tls-ca are shown to everybody");
    const told = out.replaceAll(/-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----/g, "AUTHORITY");
    if (process.env.WRITE_GOLDEN === "1") writeFileSync(GOLDEN, told);
    assert.equal(told, readFileSync(GOLDEN, "utf8"));
    const documents = BEFORE.split("---\n");
    for (const index of [0, 2, 4]) assert.ok(out.includes(documents[index] ?? "?"), `document ${index} keeps every byte`);
    assert.deepEqual(err.split("\n"), [
      "Deployment shop/web: what does not begin as HTTP passes port 9000 without filters; name the port http, or tcp",
      "Pod strict/one: requests pass the filters at port 15080: make it the Service's targetPort; port 8080 itself has no filters",
      "Pod default/worker: the pod has no filters of Weir: no container of it declares a TCP port for HTTP (containerPort)",
      "",
    ]);
  });

  test("what it printed comes back the same", async () => {
    const { out } = await inject(BEFORE);
    const again = await inject(out);
    assert.equal(again.out, out);
    assert.match(again.err, /Deployment shop\/web is printed as it is: it is injected already/);
  });

  test("takes JSON, stdin and several files, which it prints one after the other", async () => {
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p" },
      spec: { containers: [{ name: "a", ports: [{ containerPort: 80 }] }] },
    };
    const flags = ["--tls-ca", join(dir, "ca.crt"), "--proxy-image", "r.example/e:1"];
    writeFileSync(join(dir, "pod.json"), JSON.stringify(pod));
    const { out } = await runWeir(dir, ["inject", "-f", "-", "-f", join(dir, "pod.json"), ...flags], { input: "kind: ConfigMap\n" });
    const documents = parseAllDocuments(out).map((document) => document.toJS());
    assert.deepEqual(
      documents.map(({ kind, spec }) => [kind, spec?.initContainers?.length]),
      [
        ["ConfigMap", undefined],
        ["Pod", 2],
      ],
    );
  });

  test("says what is wrong, and where", async () => {
    const pod = (annotation: string) =>
      `kind: Pod\nmetadata: {name: p, annotations: {${annotation}}}\nspec: {containers: [{name: a, ports: [{containerPort: 80}]}]}\n`;
    const wrong = await inject(pod("weir.dev/slots: A"));
    assert.equal(wrong.status, 1);
    assert.equal(wrong.out, "", "nothing is applied by a pipe that was cut");
    assert.match(wrong.err, /in\.yaml: Pod default\/p: annotation weir\.dev\/slots takes .*, not "A"/);
    assert.match((await inject("a: [")).err, /in\.yaml: line 1.*not YAML/);
    writeFileSync(join(dir, "key.pem"), authority.issue("y").key);
    assert.match((await inject("", "--tls-ca", join(dir, "key.pem"))).err, /--tls-ca .*key\.pem holds no certificate; it must be PEM/);
    assert.match((await inject("", "--tls-ca", join(dir, "none"))).err, /--tls-ca .*none cannot be read/);
    const [strict = ""] = BEFORE.split("---\n").slice(2, 3);
    const refused = await inject(
      `${strict.replace(/, annotations.*/, "}")}---\n${pod("").replace("name: p,", "name: p, namespace: strict,")}`,
    );
    assert.match(refused.err, /enforces the Pod Security level restricted/);
  });
});
