import { type Failure, fail } from "../../model/result.ts";
import type { AddressClass, Reach } from "./address.ts";
import { AddressRefused } from "./fetch.ts";

const KIND: Readonly<Record<Reach, string>> = {
  registry: "where no registry is expected",
  linked: "where no URL, token service or redirect may lead",
};

const CLASS: Readonly<Record<AddressClass, string>> = {
  public: "a public address",
  private: "a private address",
  reserved: "a reserved address",
  loopback: "a loopback address",
  "link-local": "a link-local address",
  metadata: "the address of a metadata service",
  multicast: "a multicast address",
  unspecified: "the unspecified address",
};

/** `AddressRefused`, if that is why a request was not sent. The address itself is not told: it is what a name server inside answers. */
export function refusalOf(error: unknown, url: URL, reach: Reach): Failure | undefined {
  const cause = innermost(error);
  if (!(cause instanceof AddressRefused)) return undefined;
  const message = `${url.host} has ${CLASS[cause.addressClass]}, ${KIND[reach]}; if it is meant, allow its range with --allow-address`;
  return fail("AddressRefused", message).error;
}

/** Why no answer came, without a word of the other side: a certificate's names, for example, are. */
export function causeOf(error: unknown): string {
  const cause = innermost(error);
  if (!(cause instanceof Error)) return "the connection failed";
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return `its certificate is for another name (${code}); use the name that the certificate has, or give the host one for this name`;
  return cause.message.includes(code) ? cause.message || code : `${cause.message} (${code})`;
}

/** The innermost cause: fetch itself says only "fetch failed". */
function innermost(error: unknown): unknown {
  let cause = error;
  while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause;
  return cause instanceof AggregateError && cause.errors.length > 0 ? cause.errors[0] : cause;
}
