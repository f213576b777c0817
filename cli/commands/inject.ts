import { fail, ok, type Result } from "../../model/result.ts";
import { CLUSTER_XDS_ADDRESS, parseAddress } from "../args/address.ts";
import { defineCommand } from "../args/command.ts";
import type { Terminal } from "../terminal.ts";

export const inject = defineCommand({
  name: "inject",
  summary: "Put Envoy beside the apps of manifests, as Weir's webhook does in a cluster",
  about: `Reads pods and everything that has a template for them (Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob, List) and prints them with Envoy in their
    pods. Other documents, and pods that have it or say weir.dev/inject: "false", are printed as they are. Warnings go to stderr.

    Use it where the webhook is not wanted, and to see what it would do.`,
  args: {},
  flags: {
    file: {
      type: "string",
      short: "f",
      multiple: true,
      required: true,
      value: "FILE",
      completes: "file",
      help: "a manifest, or - for stdin",
    },
    namespace: {
      type: "string",
      short: "n",
      value: "NAMESPACE",
      completes: "namespace",
      help: "the namespace of objects that name none",
      fallback: "default",
    },
    "tls-ca": {
      type: "string",
      required: true,
      value: "FILE",
      completes: "file",
      help: "the authorities of Weir's certificate (PEM); in a cluster the webhook configuration's caBundle has them",
    },
    xds: { type: "string", value: "HOST:PORT", help: "where Weir answers proxies", fallback: CLUSTER_XDS_ADDRESS },
    "proxy-image": {
      type: "string",
      required: true,
      value: "IMAGE",
      help: "the image with Envoy and nft",
      env: "WEIR_PROXY_IMAGE",
    },
    ipv6: { type: "boolean", help: "pods have IPv6 addresses too" },
  },
  examples: [
    {
      does: "a Deployment, to the cluster",
      command: "weir inject -f web.yaml --tls-ca ca.crt --proxy-image registry.example/weir-envoy:1.40.0 | kubectl apply -f -",
    },
  ],
  async run({ flags }, terminal) {
    const xds = parseAddress(flags.xds, "--xds");
    if (!xds.ok) return xds;
    const { readAuthorities } = await import("../injection/authority.ts");
    const ca = await readAuthorities("--tls-ca", flags["tls-ca"]);
    if (!ca.ok) return ca;
    const { renderPodProxy } = await import("../../xds/index.ts");
    const { injectText } = await import("../injection/documents.ts");
    const settings = {
      proxyImage: { image: flags["proxy-image"] },
      xds: xds.value,
      ca: ca.value,
      ownNamespace: undefined,
      ipv6: flags.ipv6,
      render: renderPodProxy,
    };
    for (const [index, path] of flags.file.entries()) {
      const text = await readText(path, terminal);
      if (!text.ok) return text;
      const done = injectText(text.value, flags.namespace, settings);
      if (!done.ok) return { ok: false, error: { ...done.error, message: `${path}: ${done.error.message}` } };
      const mark = index > 0 && !done.value.text.startsWith("---") ? "---\n" : "";
      // Bytes: another program reads them.
      terminal.out(Buffer.from(`${mark}${done.value.text}${done.value.text.endsWith("\n") ? "" : "\n"}`));
      for (const { what, warnings, unchanged } of done.value.looked) {
        if (warnings.length === 0 && unchanged !== undefined) terminal.err(`${what} is printed as it is: ${unchanged}\n`);
        for (const warning of warnings) terminal.err(`${what}: ${warning}\n`);
      }
    }
    return ok(undefined);
  },
});

async function readText(path: string, terminal: Terminal): Promise<Result<string>> {
  const { MAX_FILE_BYTES, readManifestText } = await import("../../operator/index.ts");
  if (path === "-") return terminal.readInput(MAX_FILE_BYTES);
  const text = await readManifestText(path);
  return text.ok ? text : fail(text.error.reason, `${path}: ${text.error.message}`);
}
