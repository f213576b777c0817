import type { PathPolicy } from "./path-policy.ts";

/** One port of an app in a pod whose requests go through the slots. */
export interface InboundPort {
  /** The app's port. */
  readonly app: number;
  /** Where Envoy takes its requests; absent: they are captured on their way to the app's port. */
  readonly listen?: number;
  /** `detected`: connections that do not begin as HTTP pass as they are, without filters. */
  readonly protocol: "http" | "detected";
}

/** A check of the kubelet that reaches the app beside the filters. */
export type ProbeRoute =
  | {
      readonly kind: "http";
      /** Path at the probe listener. */
      readonly path: string;
      readonly app: number;
      /** Path, and query, at the app. */
      readonly appPath: string;
      /** False: the probe brings a Host header of its own. */
      readonly rewriteHost: boolean;
    }
  | { readonly kind: "tcp"; readonly path: string; readonly app: number }
  /** `listen`: a gRPC probe has no path to tell it by, so it has a port. */
  | { readonly kind: "grpc"; readonly listen: number; readonly app: number };

/** What the Envoy of a pod is told. Texts in it may hold `$(NAME)`, which Kubernetes replaces. */
export interface PodProxy {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Where Weir answers proxies. */
  readonly xds: { readonly host: string; readonly port: number };
  /** In the order in which a request meets them. */
  readonly slots: readonly string[];
  /** How paths of requests are written before a filter sees them. */
  readonly paths: PathPolicy;
  readonly inbound: readonly InboundPort[];
  /** Where the captured ports lead to; absent when none is captured. */
  readonly capture?: number;
  /** Where the app listens. */
  readonly appHost: string;
  /** The address to listen on: `0.0.0.0`, or `::` for both families. */
  readonly listenHost: string;
  /** Port of `/ready` and of the probes' paths. */
  readonly readyPort: number;
  readonly adminPort: number;
  /** Path at that port by which Envoy learns that its pod ends: from then on it tells clients to go elsewhere, and answers as before. */
  readonly drainPath: string;
  readonly probes: readonly ProbeRoute[];
  readonly credentials: PodCredentials;
}

/** Files in the pod's containers by which an Envoy proves who it is and knows Weir. */
export interface PodCredentials {
  /** Weir's authorities (PEM). */
  readonly ca: string;
  readonly token: string;
  /** A name in Weir's certificate. */
  readonly serverName: string;
  /** Where the small files are that name the other two: `PodConfiguration.files`. */
  readonly folder: string;
}

export interface PodConfiguration {
  /** The bootstrap without node.id, YAML. */
  readonly bootstrap: string;
  /** Files of `PodCredentials.folder`, by name. */
  readonly files: Readonly<Record<string, string>>;
}

/** Makes the configuration of the Envoy in a pod. */
export type RenderPodProxy = (proxy: PodProxy) => PodConfiguration;
