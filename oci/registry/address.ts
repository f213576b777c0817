import { BlockList, isIP } from "node:net";
import { fail, ok, type Result } from "../../model/result.ts";

/** What an IP address is for. `public`: reachable over the internet. */
export type AddressClass = "public" | "private" | "reserved" | "loopback" | "link-local" | "metadata" | "multicast" | "unspecified";

/** An address with the length of its prefix: all of `10.0.0.0/8`. */
export interface AddressRange {
  readonly address: string;
  readonly prefix: number;
}

/**
 * How a request came to its host. `registry`: the image names it. `linked`: `spec.url`, a token realm or a redirect names it, which a
 * stranger writes.
 */
export type Reach = "registry" | "linked";

export interface AddressPolicy {
  /** The class of the address if nothing may be sent there, else `undefined`. */
  refused(address: string, reach: Reach): AddressClass | undefined;
  /** As `refused`, for a host of a URL. Names are looked up by others, but for those that always mean loopback. */
  refusedHost(hostname: string, reach: Reach): AddressClass | undefined;
}

/**
 * The special addresses, the narrower first. https://www.iana.org/assignments/iana-ipv4-special-registry and
 * iana-ipv6-special-registry. Metadata services are those of AWS, GCP, Azure, Alibaba Cloud, and Scaleway.
 */
const RANGES: readonly (readonly [AddressClass, readonly string[]])[] = [
  ["metadata", ["169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16"]],
  ["metadata", ["fd00:ec2::/32", "fd20:ce::254", "fd00:42::42"]],
  ["loopback", ["127.0.0.0/8", "::1"]],
  ["link-local", ["169.254.0.0/16", "fe80::/10"]],
  ["unspecified", ["0.0.0.0/8"]],
  ["multicast", ["224.0.0.0/4", "ff00::/8"]],
  ["private", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10", "64:ff9b:1::/48"]],
  ["reserved", ["192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4"]],
  ["reserved", ["2001::/23", "2001:db8::/32", "3fff::/20"]],
  ["public", ["0.0.0.0/0", "2000::/3"]],
];

const classes = RANGES.map(([name, texts]) => ({ name, list: listOf(texts.map((text) => readRange(text))) }));

/** The class of an IP address. IPv6 forms of IPv4 (mapped, compatible, translated, NAT64, 6to4) are of the class of what they carry. */
export function addressClass(address: string): AddressClass {
  return classes.find(({ list }) => contains(list, address))?.name ?? "reserved";
}

/** Beyond what is public. An image's registry may be private, as registries in clusters are. */
const ALLOWED: Readonly<Record<Reach, ReadonlySet<AddressClass>>> = {
  registry: new Set(["public", "private", "reserved"]),
  linked: new Set(["public"]),
};

/** What requests may reach: `loopback` where no cluster's tenants write the specs, and whatever is in `allowed`. */
export function createAddressPolicy(options: { readonly loopback: boolean; readonly allowed: readonly AddressRange[] }): AddressPolicy {
  const allowed = listOf(options.allowed);
  const refused: AddressPolicy["refused"] = (address, reach) => {
    const name = addressClass(address);
    if (ALLOWED[reach].has(name) || (name === "loopback" && options.loopback) || contains(allowed, address)) return undefined;
    return name;
  };
  return {
    refused,
    refusedHost(hostname, reach) {
      const bare = hostname.replace(/^\[|\]$/g, "");
      if (isIP(bare) !== 0) return refused(bare, reach);
      // https://www.rfc-editor.org/rfc/rfc6761#section-6.3
      return /^(?:.*\.)?localhost\.?$/i.test(bare) ? refused("127.0.0.1", reach) && refused("::1", reach) : undefined;
    },
  };
}

/** Reads `10.0.0.0/8`, `fd00::/8` or one address. Fails with `InvalidAddress`. */
export function parseAddressRange(text: string): Result<AddressRange> {
  const [, address = "", digits] = /^\[?([^[\]/]+)\]?(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = address.includes("%") ? 0 : isIP(address);
  const bits = family === 4 ? 32 : 128;
  const prefix = digits === undefined ? bits : Number(digits);
  if (family === 0 || prefix > bits)
    return fail("InvalidAddress", `${JSON.stringify(text)} is not an address range like 10.0.0.0/8 or fd00::/8`);
  return ok({ address, prefix });
}

function readRange(text: string): AddressRange {
  const range = parseAddressRange(text);
  if (!range.ok) throw new Error(range.error.message);
  return range.value;
}

/** The ranges, IPv4 also in the IPv6 forms that carry it; the mapped form is the list's own business. */
function listOf(ranges: readonly AddressRange[]): BlockList {
  const list = new BlockList();
  for (const { address, prefix } of ranges) {
    if (isIP(address) === 6) {
      list.addSubnet(address, prefix, "ipv6");
      continue;
    }
    list.addSubnet(address, prefix, "ipv4");
    // https://www.rfc-editor.org/rfc/rfc6052 (NAT64), rfc4291#section-2.5.5.1 (compatible), rfc2765 (translated)
    for (const start of ["64:ff9b::", "::", "::ffff:0:"]) list.addSubnet(`${start}${address}`, 96 + prefix, "ipv6");
    const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
    const hex = [(a << 8) | b, (c << 8) | d].map((part) => part.toString(16)).join(":");
    list.addSubnet(`2002:${hex}::`, 16 + prefix, "ipv6"); // 6to4: https://www.rfc-editor.org/rfc/rfc3056
  }
  return list;
}

function contains(list: BlockList, address: string): boolean {
  const bare = address.replace(/%.*$/, ""); // a zone id
  return list.check(bare, isIP(bare) === 4 ? "ipv4" : "ipv6");
}
