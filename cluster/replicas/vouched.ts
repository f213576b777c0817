import type { Vouched, VouchedPod, VouchedToken } from "../../model/identity.ts";
import {
  FromCaller,
  type VouchedPod as PodMessage,
  type VouchedToken as TokenMessage,
  type Vouched as VouchedMessage,
} from "../gen/weir/v1/replicas.ts";

/** In one message: a pod has 256 labels at most, which are 100 KB. */
const [TOKENS_AT_ONCE, PODS_AT_ONCE] = [1_000, 20];

/** As messages, each encoded when it is asked for: a fleet of 10,000 takes some 500. */
export function* encodeVouched({ tokens, pods }: Vouched): Generator<Uint8Array, undefined> {
  for (const some of pieces(tokens, TOKENS_AT_ONCE)) yield message({ tokens: some.map((token) => ({ ...token })) });
  for (const some of pieces(pods, PODS_AT_ONCE)) yield message({ pods: some.map(podMessage) });
}

function message(vouched: VouchedMessage): Uint8Array {
  return FromCaller.encode({ said: { $case: "vouched", vouched } }).finish();
}

/** Reads a message. What is not whole is passed over. */
export function decodeVouched({ tokens = [], pods = [] }: VouchedMessage): Vouched {
  return { tokens: tokens.flatMap(readToken), pods: pods.flatMap(readPod) };
}

function podMessage({ labels, addresses, ...names }: VouchedPod): PodMessage {
  const place = addresses === "shared" ? { sharesAddresses: true } : { addresses: [...addresses] };
  return { ...names, labels: { ...labels }, ...place };
}

function readToken({ hash = "", namespace = "", name = "", uid = "", until = 0 }: TokenMessage): VouchedToken[] {
  const isWhole = [hash, namespace, name, uid].every((text) => text !== "");
  return isWhole ? [{ hash, namespace, name, uid, until }] : [];
}

function readPod({
  namespace = "",
  name = "",
  uid = "",
  version = "",
  labels = {},
  addresses = [],
  sharesAddresses,
}: PodMessage): VouchedPod[] {
  const isWhole = [namespace, name, uid, version].every((text) => text !== "");
  return isWhole ? [{ namespace, name, uid, version, labels, addresses: sharesAddresses === true ? "shared" : addresses }] : [];
}

function pieces<T>(all: readonly T[], most: number): (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / most) }, (_, index) => all.slice(index * most, (index + 1) * most));
}
