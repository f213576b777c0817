import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import { createAuthority } from "../../base/testing/certificates.ts";
import { runWeir } from "../testing/weir.ts";

let dir: string;
const authority = createAuthority("authority");

before(() => {
  dir = mkdtempSync(join(tmpdir(), "weir-in-cluster-"));
  writeFileSync(join(dir, "ca.crt"), `${authority.cert}\n${authority.key}`);
});
after(() => rmSync(dir, { recursive: true }));

const bootstrap = (...words: string[]) => runWeir(dir, ["bootstrap", "--in-cluster", "--tls-ca", join(dir, "ca.crt"), ...words]);

describe("weir bootstrap --in-cluster", () => {
  test("prints a ConfigMap with all that an Envoy in a pod needs to prove itself by its token, and no key", async () => {
    const { out, err, status } = await bootstrap("-n", "edge", "--upstream", "web.shop.svc:80");
    assert.equal(status, 0, err);
    assert.doesNotMatch(out, /PRIVATE KEY/);
    const { kind, metadata, data } = parse(out);
    assert.deepEqual([kind, metadata], ["ConfigMap", { name: "weir-bootstrap", namespace: "edge" }]);
    assert.deepEqual(Object.keys(data), ["envoy.yaml", "ca.crt", "sds-ca.yaml", "sds-token.yaml"]);
    const envoy = parse(data["envoy.yaml"]);
    assert.equal(envoy.node.id, undefined, "the pod says its name");
    const [weir] = envoy.static_resources.clusters;
    const endpoint = weir.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address;
    assert.deepEqual(endpoint, { address: "weir.weir-system.svc", port_value: 18000 });
    assert.equal(weir.transport_socket.typed_config.sni, "weir.weir-system.svc");
    assert.match(data["sds-token.yaml"], /"\/var\/run\/secrets\/weir\.dev\/token"/);
    assert.match(data["sds-ca.yaml"], /"\/etc\/weir\/ca\.crt"/);
  });

  test("may lead to a Weir elsewhere", async () => {
    const { out } = await bootstrap("--xds", "10.0.0.9:18000", "--tls-server-name", "weir.example");
    assert.match(out, /address: "10\.0\.0\.9", port_value: 18000/);
    assert.match(out, /sni: "weir\.example"/);
  });

  test("needs an authority, and takes no other proof than the pod's", async () => {
    assert.match((await runWeir(dir, ["bootstrap", "--in-cluster"])).err, /--in-cluster needs --tls-ca/);
    for (const words of [
      ["--node", "a"],
      ["--token-file", "f"],
      ["--tls-cert", "f"],
      ["--out", "d"],
    ])
      assert.match((await bootstrap(...words)).err, new RegExp(`leave ${words[0]} out`));
  });
});
