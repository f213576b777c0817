import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type AddressClass, type AddressRange, addressClass, createAddressPolicy, parseAddressRange } from "./address.ts";

const TABLE: Readonly<Record<AddressClass, readonly string[]>> = {
  public: [
    ...["8.8.8.8", "1.0.0.0", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "128.0.0.1", "169.253.0.1", "172.15.255.255"],
    ...["172.32.0.1", "192.167.0.1", "192.169.0.1", "223.255.255.255"],
    ...["2606:4700::1111", "2a00::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"],
  ],
  loopback: [
    ...["127.0.0.1", "127.255.255.255", "127.1.2.3", "::1", "0:0:0:0:0:0:0:1"],
    ...["::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1"],
  ],
  "link-local": ["169.254.0.1", "169.254.255.255", "fe80::1", "fe80::1%eth0", "febf::1", "::ffff:169.254.1.1", "64:ff9b::169.254.1.1"],
  metadata: [
    ...["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"],
    ...["::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::169.254.169.254"],
  ],
  private: [
    ...["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "100.127.255.255"],
    ...["fc00::1", "fd00::2", "fdff::1", "fec0::1", "64:ff9b:1::a00:1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::1"],
  ],
  multicast: ["224.0.0.1", "239.255.255.255", "ff02::1", "::ffff:224.0.0.1"],
  unspecified: ["0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0", "64:ff9b::"],
  reserved: [
    ...["192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "240.0.0.1", "255.255.255.255", "192.88.99.1"],
    ...["2001:db8::1", "2001::1", "3fff::1", "100::1", "4000::1", "5f00::1"],
  ],
};

function range(text: string): AddressRange {
  const read = parseAddressRange(text);
  assert.ok(read.ok, text);
  return read.value;
}

test("each address has its class, in whatever form it is written", () => {
  for (const [name, addresses] of Object.entries(TABLE)) {
    for (const address of addresses) assert.equal(addressClass(address), name, address);
  }
});

describe("what may be reached", () => {
  const refusals = (policy: ReturnType<typeof createAddressPolicy>, reach: "registry" | "linked") =>
    Object.entries(TABLE).flatMap(([name, addresses]) =>
      addresses.some((address) => policy.refused(address, reach) !== undefined) ? [name] : [],
    );

  test("in a cluster a registry may be private, a link is public; without one both may be on loopback", () => {
    const cluster = createAddressPolicy({ loopback: false, allowed: [] });
    const local = createAddressPolicy({ loopback: true, allowed: [] });
    const never = ["link-local", "metadata", "multicast", "unspecified"];
    assert.deepEqual(refusals(cluster, "registry").sort(), [...never, "loopback"].sort());
    assert.deepEqual(refusals(cluster, "linked").sort(), [...never, "loopback", "private", "reserved"].sort());
    assert.deepEqual(refusals(local, "registry").sort(), never);
    assert.deepEqual(refusals(local, "linked").sort(), [...never, "private", "reserved"].sort());
  });

  test("an allowed range opens that range and no more, in every form of its addresses", () => {
    const policy = createAddressPolicy({ loopback: false, allowed: [range("10.1.0.0/16"), range("fd00::/64"), range("169.254.169.254")] });
    for (const open of ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd00::2", "169.254.169.254"])
      assert.equal(policy.refused(open, "linked"), undefined, open);
    for (const shut of ["10.2.0.1", "fd00:0:0:1::2", "169.254.169.253", "127.0.0.1"]) assert.ok(policy.refused(shut, "linked"), shut);
  });

  test("a URL's host is judged as the URL parser reads it, and localhost is loopback whoever looks it up", () => {
    const policy = createAddressPolicy({ loopback: false, allowed: [] });
    const forms = ["127.1", "0x7f.1", "2130706433", "017700000001", "127.0.0.1.", "①②⑦.0.0.1", "[::ffff:127.0.0.1]", "[::1]"];
    for (const host of [...forms, "localhost", "localhost.", "LOCALHOST", "a.localhost", "ｌｏｃａｌｈｏｓｔ", "local%68ost"])
      assert.equal(policy.refusedHost(new URL(`http://${host}/`).hostname, "linked"), "loopback", host);
    assert.equal(policy.refusedHost(new URL("http://0/").hostname, "linked"), "unspecified");
    assert.equal(policy.refusedHost("localhost.example", "linked"), undefined);
    assert.equal(createAddressPolicy({ loopback: true, allowed: [] }).refusedHost("localhost", "linked"), undefined);
  });
});

test("a range is an address with a prefix that fits", () => {
  assert.deepEqual(range("10.0.0.0/8"), { address: "10.0.0.0", prefix: 8 });
  assert.deepEqual(range("[fd00::1]"), { address: "fd00::1", prefix: 128 });
  for (const bad of ["", "10.0.0.0/33", "fd00::/129", "10.0.0/8", "registry.local", "10.0.0.0/-1", "10.0.0.0/8/8", "fe80::1%eth0"])
    assert.equal(parseAddressRange(bad).ok, false, bad);
});
