import type { ApiFailure } from "../../model/kube.ts";
import type { Result } from "../../model/result.ts";
import type { Crd } from "./narrowing.ts";

/** What the API server said, or why it did not. Status 404: there is none; 403: whoever asks may not know. */
export type Fact<T> = Result<T, ApiFailure>;

interface Meta {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

interface Container {
  readonly name: string;
  readonly image?: string;
  readonly args?: readonly string[];
}

interface Volume {
  readonly name: string;
  readonly persistentVolumeClaim?: { readonly claimName: string };
}

interface PodSpec {
  readonly serviceAccountName?: string;
  readonly nodeName?: string;
  readonly hostNetwork?: boolean;
  readonly containers: readonly Container[];
  readonly volumes?: readonly Volume[];
}

interface ContainerStatus {
  readonly name: string;
  readonly image?: string;
  readonly restartCount?: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly terminated?: { readonly reason?: string; readonly exitCode?: number };
}

export interface Pod {
  readonly metadata: Meta;
  readonly spec: PodSpec;
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

export interface Deployment {
  readonly metadata: Meta;
  readonly spec: { readonly replicas?: number; readonly template: { readonly spec: PodSpec } };
  readonly status?: { readonly readyReplicas?: number; readonly conditions?: readonly Condition[] };
}

export interface Namespace {
  readonly metadata: Meta;
  readonly status?: { readonly phase?: string };
}

export interface Webhook {
  readonly webhooks?: readonly {
    readonly name: string;
    readonly failurePolicy?: string;
    readonly clientConfig: {
      readonly caBundle?: string;
      readonly service?: { readonly namespace: string; readonly name: string; readonly port?: number };
    };
  }[];
}

export interface EndpointSlice {
  readonly ports?: readonly { readonly name?: string; readonly port?: number }[];
  readonly endpoints?: readonly { readonly conditions?: { readonly ready?: boolean } }[];
}

export interface Claim {
  readonly metadata: Meta;
  readonly status?: { readonly phase?: string };
}

/** Bytes of a claim, as the kubelet of its pod measured them. */
export interface VolumeUse {
  readonly used: number;
  readonly capacity: number;
}

/** A right that was asked for. */
export interface Access {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly allowed: boolean;
}

/** What one look at a cluster found. Every part may be missing; the rules say what that means. */
export interface Facts {
  /** Of this machine, in milliseconds since the epoch. */
  readonly now: number;
  /** Where Weir is looked for. */
  readonly namespace: string;
  readonly version: Fact<string>;
  /** Who asks, and the API server's time, to the second. */
  readonly self: Fact<{ readonly user: string; readonly time: number }>;
  readonly kinds: readonly { readonly wanted: Crd; readonly found: Fact<Crd> }[];
  /** What `weir apply`, `get` and `rollback` need, for whoever asks. */
  readonly own: Fact<readonly Access[]>;
  /** What Weir's ServiceAccount needs for what its Deployment is told to do; `undefined` without a Deployment. */
  readonly weirs: Fact<readonly Access[]> | undefined;
  /** Deployments of any Weir, in every namespace, or where that may not be seen in `namespace`. */
  readonly deployments: Fact<readonly Deployment[]>;
  /** Pods of the Weir in `namespace`. */
  readonly pods: Fact<readonly Pod[]>;
  readonly webhook: Fact<Webhook>;
  /** Endpoints of the webhook's Service; `undefined` where no webhook names one. */
  readonly endpoints: Fact<readonly EndpointSlice[]> | undefined;
  /** What became of a pod that was made only to be looked at (dry run) in a labelled namespace; `undefined` where there is no such namespace. */
  readonly trial: Fact<Pod> | undefined;
  /** The configuration by which WasmFilters are judged before they are stored. */
  readonly admission: Fact<Webhook>;
  /** Whether Weir's Deployment is told to judge them. */
  readonly admits: boolean;
  /** What became of a WasmFilter that cannot be, made only to be looked at (dry run); `undefined` where no configuration leads to Weir. */
  readonly refusal: Fact<unknown> | undefined;
  /** Namespaces with the label `weir.dev/inject: "true"`. */
  readonly injected: Fact<readonly Namespace[]>;
  /** Pods of those namespaces. */
  readonly workloads: Fact<readonly Pod[]>;
  /** Whether the API server knows pod certificates and trust bundles, in versions that Weir knows. */
  readonly podCertificates: Fact<boolean>;
  readonly claims: readonly { readonly name: string; readonly found: Fact<Claim>; readonly use: Fact<VolumeUse> | undefined }[];
}
