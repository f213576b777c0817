// Generated from crds/wasmfilters.weir.dev.yaml by scripts/generate-crd-types.ts. Do not edit; run: npm run generate

export const API_VERSION = "weir.dev/v1alpha1";
export const KIND = "WasmFilter";

/** The part of Kubernetes' ObjectMeta that Weir reads. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/ */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly resourceVersion?: string;
  /** RFC 3339. */
  readonly creationTimestamp?: string;
  /** RFC 3339; set once deletion was asked for. */
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * A WasmFilter puts one WebAssembly filter into the Envoy proxies of its namespace. Weir resolves the image to a digest, proves that the
 * module loads, serves it over xDS, and reports in the status which proxy runs which digest.
 */
export interface WasmFilter {
  /** The version of this API, weir.dev/v1alpha1. */
  readonly apiVersion?: string;
  /** The kind of this object, WasmFilter. */
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  /** What the proxies should run. */
  readonly spec: WasmFilterSpec;
  /**
   * What the proxies really run. Written by Weir alone. observedGeneration -1: no Weir has seen the object yet. Default:
   * {"observedGeneration":-1}.
   */
  readonly status?: WasmFilterStatus;
}

/** What the proxies should run. */
export interface WasmFilterSpec {
  /**
   * The kind of filter that the module implements: HTTP (streams of requests and responses) or Network (bytes of a TCP connection).
   * Default: "HTTP".
   */
  readonly type?: "HTTP" | "Network";
  /**
   * OCI reference of the module, as registry/repository:tag, registry/repository@sha256:..., or oci-layout:DIR:TAG for an OCI image layout
   * folder on the operator's disk. Set exactly one of image and url.
   */
  readonly image?: string;
  /** HTTP or HTTPS address of the module itself, for modules that are in no registry. Needs sha256. */
  readonly url?: string;
  /** SHA-256 of the module that url returns, as 64 hex digits with or without "sha256:" before them. Anything else is refused. */
  readonly sha256?: string;
  /**
   * Digest of the image manifest (or image index) to run, whatever the tag points to. Setting it rolls the filter back or forward to that
   * digest; removing it follows the tag again.
   */
  readonly digest?: string;
  /**
   * Takes the highest version among the tags of image, which then has no tag. Looked at as a tag is: once, or with pullPolicy Always every
   * interval. A move is a new revision, and status.resolved.tag says which tag it is. Absent, image names its tag.
   */
  readonly tagPolicy?: WasmFilterSpecTagPolicy;
  /**
   * IfNotPresent looks at the tag once: the reference keeps its digest until image changes or someone asks (weir refresh, or a new value of
   * the annotation weir.dev/refresh). Always looks at it again every interval and rolls out what it then points to. Default:
   * "IfNotPresent".
   */
  readonly pullPolicy?: "IfNotPresent" | "Always";
  /**
   * How often the tag is looked at again when pullPolicy is Always, and the longest time after which what is missing is looked for again. A
   * duration such as 60s or 1h30m, at least 1s. Default: "60s".
   */
  readonly interval?: string;
  /** Secrets of type kubernetes.io/dockerconfigjson in the filter's namespace, with the credentials of the registry. */
  readonly pullSecrets?: readonly WasmFilterSpecPullSecret[];
  /** Signatures that the image must carry. Every entry must hold; otherwise the image is refused and nothing changes. */
  readonly verify?: readonly WasmFilterSpecVerifyItem[];
  /**
   * What becomes of a revision that runs and no longer has the signatures that are asked for, since a key or verify changed: Keep serves it
   * on and says so in the condition Verified; RollBack goes back to the last revision that has them, and keeps it where there is none.
   * Default: Keep.
   */
  readonly whenUnverified?: "Keep" | "RollBack";
  /**
   * The plugin's configuration. A string reaches the plugin as it is; an object (or any other JSON value) reaches it as JSON text. Leave it
   * out when configFrom is set.
   */
  readonly config?: unknown;
  /**
   * Takes the plugin's configuration from a Secret or a ConfigMap of the filter's namespace. A change there is rolled out like any other.
   */
  readonly configFrom?: WasmFilterSpecConfigFrom;
  /** Root context id, for modules that register several root contexts. Default: "". */
  readonly rootId?: string;
  /** The slot of the proxy's own config that the filter goes into: the HTTP filter named weir/<slot>. Default: "default". */
  readonly slot?: string;
  /** Filters of a slot run from the highest priority to the lowest; equal ones by namespace and name. Default: 0. */
  readonly priority?: number;
  /**
   * Which proxies of the filter's namespace run the filter, by their labels. Absent or empty selects them all. In the operator's own
   * namespace it selects among the proxies of every namespace.
   */
  readonly selector?: WasmFilterSpecSelector;
  /**
   * The requests that the filter sees: those that are of one of these kinds. Absent, it sees all of them. Only for filters of type HTTP.
   */
  readonly match?: readonly WasmFilterSpecMatchItem[];
  /**
   * What a proxy does with requests when the filter's VM has failed at run time: Reload starts a new VM and answers 503 until it is up,
   * Closed answers 503 for good, Open lets requests pass without the filter. Default: "Reload".
   */
  readonly failurePolicy?: "Reload" | "Closed" | "Open";
  /**
   * What a proxy does with requests while it never loaded this filter (the image cannot be had, the module is refused, the proxy rejects
   * it): Closed answers 503 in the filter's place, Open lets them pass without it. By default Closed with failurePolicy Closed, else Open.
   * A change of it alone makes no new revision.
   */
  readonly whenMissing?: "Open" | "Closed";
  /**
   * Lets the filter hold the headers of a message while it reads the body: StopIteration from its headers callback stops the headers alone.
   * Absent or false, it stops the body too, until the filter lets the headers go. Needs Envoy 1.35 or newer.
   */
  readonly allowOnHeadersStopIteration?: boolean;
  /**
   * How the module is proved before any proxy sees it. It is no part of a revision: a change of it alone proves the module again, and rolls
   * out nothing.
   */
  readonly preflight?: WasmFilterSpecPreflight;
  /** Environment variables that the module sees. */
  readonly env?: readonly WasmFilterSpecEnvItem[];
  /** Restricts what the module may call and which of its callbacks run. Absent: exactly what the module imports and exports. */
  readonly capabilities?: WasmFilterSpecCapabilities;
  /**
   * How a new revision moves through the proxies. Without steps it goes to all of them at once, is watched for 15 s when every proxy runs
   * it, and goes back to the revision before if it does worse.
   */
  readonly rollout?: WasmFilterSpecRollout;
  /** How many past revisions are kept to roll back to. Default: 10. */
  readonly revisionHistoryLimit?: number;
  /** true: keep serving what is served and take no change. Default: false. */
  readonly suspend?: boolean;
}

/**
 * Takes the highest version among the tags of image, which then has no tag. Looked at as a tag is: once, or with pullPolicy Always every
 * interval. A move is a new revision, and status.resolved.tag says which tag it is. Absent, image names its tag.
 */
export interface WasmFilterSpecTagPolicy {
  /**
   * The range of versions, e.g. ~1.2, ^1.2.3, 1.x or ">=1.2 <2 || 3.x", as Flux's OCIRepository has it. Tags that are no full version
   * (1.2.3 or v1.2.3) do not count.
   */
  readonly semver: string;
  /** true: versions such as 1.3.0-rc.1 count too, wherever the range reaches. Default: false. */
  readonly prerelease?: boolean;
}

/** One Secret with registry credentials. */
export interface WasmFilterSpecPullSecret {
  /** Name of the Secret. */
  readonly name: string;
}

/** One signature that must be there. */
export interface WasmFilterSpecVerifyItem {
  /**
   * A signature as cosign makes them, stored beside the image in its registry: of the image, or with attestation, of a statement about it.
   * It is of who holds a key (publicKey, publicKeySecret), or of who has an identity (keyless).
   */
  readonly cosign: WasmFilterSpecVerifyItemCosign;
}

/**
 * A signature as cosign makes them, stored beside the image in its registry: of the image, or with attestation, of a statement about it. It
 * is of who holds a key (publicKey, publicKeySecret), or of who has an identity (keyless).
 */
export interface WasmFilterSpecVerifyItemCosign {
  /** The public key in PEM form. */
  readonly publicKey?: string;
  /** The Secret of the filter's namespace that holds the public key in PEM form. */
  readonly publicKeySecret?: WasmFilterSpecVerifyItemCosignPublicKeySecret;
  /**
   * Who signed, as a certificate of Fulcio names them. A transparency log (Rekor) or a timestamp authority must say that they signed while
   * the certificate was valid.
   */
  readonly keyless?: WasmFilterSpecVerifyItemCosignKeyless;
  /** The signature is of an in-toto statement about the image, as cosign attest makes them, rather than of the image. */
  readonly attestation?: WasmFilterSpecVerifyItemCosignAttestation;
}

/** The Secret of the filter's namespace that holds the public key in PEM form. */
export interface WasmFilterSpecVerifyItemCosignPublicKeySecret {
  /** Name of the Secret. */
  readonly name: string;
  /** Key inside the Secret, e.g. cosign.pub. */
  readonly key: string;
}

/**
 * Who signed, as a certificate of Fulcio names them. A transparency log (Rekor) or a timestamp authority must say that they signed while
 * the certificate was valid.
 */
export interface WasmFilterSpecVerifyItemCosignKeyless {
  /** The OpenID Connect issuer, e.g. https://token.actions.githubusercontent.com. */
  readonly issuer?: string;
  /** A regular expression (RE2) that covers the whole issuer. */
  readonly issuerRegExp?: string;
  /** The email address or URI of who signs. */
  readonly identity?: string;
  /** A regular expression (RE2) that covers the whole email address or URI. */
  readonly identityRegExp?: string;
  /**
   * Whom to trust: a sigstore trust root (trusted_root.json) in a ConfigMap of the filter's namespace. Absent, the one that Weir was
   * started with (--trust-root).
   */
  readonly trustRoot?: WasmFilterSpecVerifyItemCosignKeylessTrustRoot;
}

/**
 * Whom to trust: a sigstore trust root (trusted_root.json) in a ConfigMap of the filter's namespace. Absent, the one that Weir was started
 * with (--trust-root).
 */
export interface WasmFilterSpecVerifyItemCosignKeylessTrustRoot {
  /** A key of a ConfigMap. */
  readonly configMapKeyRef: WasmFilterSpecVerifyItemCosignKeylessTrustRootConfigMapKeyRef;
}

/** A key of a ConfigMap. */
export interface WasmFilterSpecVerifyItemCosignKeylessTrustRootConfigMapKeyRef {
  /** Name of the ConfigMap. */
  readonly name: string;
  /** Key inside the ConfigMap, e.g. trusted_root.json. */
  readonly key: string;
}

/** The signature is of an in-toto statement about the image, as cosign attest makes them, rather than of the image. */
export interface WasmFilterSpecVerifyItemCosignAttestation {
  /** What the statement says, by its URI, e.g. https://slsa.dev/provenance/v1, https://spdx.dev/Document or https://cyclonedx.org/bom. */
  readonly predicateType: string;
  /** The id of the builder that a SLSA provenance must name. */
  readonly builder?: string;
  /** The repository that a SLSA provenance must name as what was built, e.g. https://github.com/me/filters. */
  readonly source?: string;
}

/** Takes the plugin's configuration from a Secret or a ConfigMap of the filter's namespace. A change there is rolled out like any other. */
export interface WasmFilterSpecConfigFrom {
  /** A key of a Secret. Its text is held in memory only and never written into a revision. */
  readonly secretKeyRef?: WasmFilterSpecConfigFromSecretKeyRef;
  /** A key of a ConfigMap. */
  readonly configMapKeyRef?: WasmFilterSpecConfigFromConfigMapKeyRef;
}

/** A key of a Secret. Its text is held in memory only and never written into a revision. */
export interface WasmFilterSpecConfigFromSecretKeyRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Key inside the Secret. */
  readonly key: string;
}

/** A key of a ConfigMap. */
export interface WasmFilterSpecConfigFromConfigMapKeyRef {
  /** Name of the ConfigMap. */
  readonly name: string;
  /** Key inside the ConfigMap. */
  readonly key: string;
}

/**
 * Which proxies of the filter's namespace run the filter, by their labels. Absent or empty selects them all. In the operator's own
 * namespace it selects among the proxies of every namespace.
 */
export interface WasmFilterSpecSelector {
  /** Labels that a proxy must have, with these values. */
  readonly matchLabels?: Readonly<Record<string, string>>;
  /** Requirements on a proxy's labels. All of them must hold. */
  readonly matchExpressions?: readonly WasmFilterSpecSelectorMatchExpression[];
}

/** One requirement on a label. */
export interface WasmFilterSpecSelectorMatchExpression {
  /** The label's key. */
  readonly key: string;
  /** How the label is compared with values. */
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  /** Values for In and NotIn; none for Exists and DoesNotExist. */
  readonly values?: readonly string[];
}

/** One kind of request. Everything that is set must hold. */
export interface WasmFilterSpecMatchItem {
  /** The path of the request, without its query. */
  readonly path?: WasmFilterSpecMatchItemPath;
  /** The host that the request is for, without a port. Upper and lower case are the same. */
  readonly host?: string;
  /** The method of the request, e.g. GET. */
  readonly method?: string;
  /** Headers of the request. All of them must hold. */
  readonly headers?: readonly WasmFilterSpecMatchItemHeader[];
}

/** The path of the request, without its query. */
export interface WasmFilterSpecMatchItemPath {
  /** What the path begins with. /api is the beginning of /api/a and of /apis too. */
  readonly prefix?: string;
  /** The whole path. */
  readonly exact?: string;
  /** A regular expression of RE2 that covers the whole path. Neither lookaround nor backreferences. */
  readonly regex?: string;
}

/** One header. */
export interface WasmFilterSpecMatchItemHeader {
  /** The header's name in lower case. */
  readonly name: string;
  /** The header's whole value. Values of several headers of this name are joined by commas. */
  readonly exact?: string;
  /** What the header's value begins with. */
  readonly prefix?: string;
  /** true: the header is there, whatever its value. false: it is not. */
  readonly present?: boolean;
}

/**
 * How the module is proved before any proxy sees it. It is no part of a revision: a change of it alone proves the module again, and rolls
 * out nothing.
 */
export interface WasmFilterSpecPreflight {
  /**
   * What a proof does with a module that loads and then fails a request (it traps, makes a message that cannot be sent, or holds one for
   * good): Enforce refuses it, Report tells it in the condition Validated and lets it through. Absent: Enforce. What would hang or crash a
   * proxy, or takes too much memory, is refused whatever this says.
   */
  readonly traffic?: "Enforce" | "Report";
  /**
   * What real requests to the filter look like, sent to it one after the other in place of the synthetic ones. The upstream answers each
   * with 200. Absent or empty: the synthetic ones. They are no place for real credentials: whoever reads this object reads them.
   */
  readonly requests?: readonly WasmFilterSpecPreflightRequest[];
}

/** One request. */
export interface WasmFilterSpecPreflightRequest {
  /** Its method. Absent: GET. */
  readonly method?: string;
  /** Its path, with the query. Absent: /. */
  readonly path?: string;
  /** Its headers, in their order; host is the authority. Absent: those that every request has, with host preflight.example. */
  readonly headers?: readonly WasmFilterSpecPreflightRequestHeader[];
  /** Its body, as text. Absent: none. */
  readonly body?: string;
}

/** One header. */
export interface WasmFilterSpecPreflightRequestHeader {
  /** Its name. */
  readonly name: string;
  /** Its value. */
  readonly value: string;
}

/** One environment variable. */
export interface WasmFilterSpecEnvItem {
  /** Name of the variable. */
  readonly name: string;
  /** Value of the variable. */
  readonly value: string;
}

/** Restricts what the module may call and which of its callbacks run. Absent: exactly what the module imports and exports. */
export interface WasmFilterSpecCapabilities {
  /** Names of host functions and callbacks that are allowed, e.g. proxy_log or proxy_on_request_headers. */
  readonly allow: readonly string[];
}

/**
 * How a new revision moves through the proxies. Without steps it goes to all of them at once, is watched for 15 s when every proxy runs it,
 * and goes back to the revision before if it does worse.
 */
export interface WasmFilterSpecRollout {
  /**
   * Waves, each with a larger share of the proxies than the one before; the last is 100 percent. Absent: all of them at once, watched for
   * 15 s from then on. One step of 100 percent: all at once, not watched.
   */
  readonly steps?: readonly WasmFilterSpecRolloutStep[];
  /** How long a wave may take until all its proxies acknowledged, before the rollout counts as failed. Absent: 10m. */
  readonly progressDeadline?: string;
  /** true: a failed rollout returns to the stable revision by itself. false: it stops where it is. Absent: true. */
  readonly autoRollback?: boolean;
  /** When a wave counts as failed by what it does to requests, measured against the proxies still on the stable revision. */
  readonly analysis?: WasmFilterSpecRolloutAnalysis;
}

/** One wave. */
export interface WasmFilterSpecRolloutStep {
  /**
   * A dark step: on the proxies of this wave only requests that are of one of these kinds see the new revision, all others the stable one.
   * Dark steps come before the others.
   */
  readonly match?: readonly WasmFilterSpecRolloutStepMatchItem[];
  /**
   * Share of the selected proxies that run the new revision in this wave. In a dark step it may be left out: then it is that of the next
   * step.
   */
  readonly percent?: number;
  /** How long to watch the wave, once all its proxies acknowledged, before the next one starts. Absent, not at all. */
  readonly hold?: string;
  /** true: after this wave wait for a person (weir rollout promote) instead of a time. Absent: false. */
  readonly pause?: boolean;
}

/** One kind of request. Everything that is set must hold. */
export interface WasmFilterSpecRolloutStepMatchItem {
  /** The path of the request, without its query. */
  readonly path?: WasmFilterSpecRolloutStepMatchItemPath;
  /** The host that the request is for, without a port. Upper and lower case are the same. */
  readonly host?: string;
  /** The method of the request, e.g. GET. */
  readonly method?: string;
  /** Headers of the request. All of them must hold. */
  readonly headers?: readonly WasmFilterSpecRolloutStepMatchItemHeader[];
}

/** The path of the request, without its query. */
export interface WasmFilterSpecRolloutStepMatchItemPath {
  /** What the path begins with. /api is the beginning of /api/a and of /apis too. */
  readonly prefix?: string;
  /** The whole path. */
  readonly exact?: string;
  /** A regular expression of RE2 that covers the whole path. Neither lookaround nor backreferences. */
  readonly regex?: string;
}

/** One header. */
export interface WasmFilterSpecRolloutStepMatchItemHeader {
  /** The header's name in lower case. */
  readonly name: string;
  /** The header's whole value. Values of several headers of this name are joined by commas. */
  readonly exact?: string;
  /** What the header's value begins with. */
  readonly prefix?: string;
  /** true: the header is there, whatever its value. false: it is not. */
  readonly present?: boolean;
}

/** When a wave counts as failed by what it does to requests, measured against the proxies still on the stable revision. */
export interface WasmFilterSpecRolloutAnalysis {
  /** Requests that the wave must have served before it is judged. Absent: 50. */
  readonly minRequests?: number;
  /** Rise of the share of 5xx responses, in percentage points, that fails the wave. Absent: 5. */
  readonly max5xxRisePercent?: number;
  /** Ratio of the mean latency to that of the stable revision that fails the wave. Absent: 3. */
  readonly maxLatencyRatio?: number;
}

/**
 * What the proxies really run. Written by Weir alone. observedGeneration -1: no Weir has seen the object yet. Default:
 * {"observedGeneration":-1}.
 */
export interface WasmFilterStatus {
  /** The metadata.generation that this status describes. */
  readonly observedGeneration?: number;
  /** Digest of the image manifest that is served (of the stable revision). */
  readonly digest?: string;
  /** SHA-256 of the module's bytes, which is what Envoy runs. */
  readonly wasmDigest?: string;
  /** Number of the revision that the proxies are meant to run. */
  readonly revision?: number;
  /** Number of the last revision that every selected proxy acknowledged. */
  readonly stableRevision?: number;
  /** The last look at the tag. Absent while the digest is from a look of a version that did not note it. */
  readonly resolved?: WasmFilterStatusResolved;
  /** Short texts for kubectl get. */
  readonly summary?: WasmFilterStatusSummary;
  /** How many proxies there are, by what they do with the revision. */
  readonly proxies?: WasmFilterStatusProxies;
  /** The first 10 proxies that refused the revision, with what they said. */
  readonly rejections?: readonly WasmFilterStatusRejection[];
  /** Progress of the rollout that is under way, or of the last one. */
  readonly rollout?: WasmFilterStatusRollout;
  /** Past and present revisions, the newest first. */
  readonly history?: readonly WasmFilterStatusHistoryItem[];
  /**
   * Accepted (the spec is valid), Permitted (every policy holds; absent where there is none), Resolved (the reference has a digest),
   * Verified (signatures hold), Validated (the module passed preflight), Programmed (every selected proxy acknowledged), Progressing,
   * RolledBack, and Ready, which sums them up. While Ready is not True, Reconciling is there if waiting may help, else Stalled. Reconciling
   * is there too while a revision in force is watched.
   */
  readonly conditions?: readonly WasmFilterStatusCondition[];
}

/** The last look at the tag. Absent while the digest is from a look of a version that did not note it. */
export interface WasmFilterStatusResolved {
  /** The reference that was looked at. */
  readonly image?: string;
  /** The manifest digest that it stood for. With pullPolicy IfNotPresent the reference keeps it while image and tagPolicy are the same. */
  readonly digest?: string;
  /** The tag that tagPolicy chose. */
  readonly tag?: string;
  /** The policy that chose it. */
  readonly tagPolicy?: WasmFilterStatusResolvedTagPolicy;
  /** The last value of the annotation weir.dev/refresh that was obeyed, or its SHA-256 where it is longer than 128 characters. */
  readonly refresh?: string;
}

/** The policy that chose it. */
export interface WasmFilterStatusResolvedTagPolicy {
  /** The range of versions. */
  readonly semver?: string;
  /** Whether pre-releases counted. */
  readonly prerelease?: boolean;
}

/** Short texts for kubectl get. */
export interface WasmFilterStatusSummary {
  /** The first 12 hex digits of digest. */
  readonly digest?: string;
  /** Updated of matched proxies, e.g. 12/40. */
  readonly proxies?: string;
  /** What each proxy spends on loading the module of the target revision, e.g. 3.4 s of CPU. */
  readonly load?: string;
}

/** How many proxies there are, by what they do with the revision. */
export interface WasmFilterStatusProxies {
  /** Proxies that the selector matches and that have the slot. */
  readonly matched: number;
  /** Connected proxies that acknowledged the revision. */
  readonly updated: number;
  /** Proxies that refused the revision and run what they ran before. */
  readonly rejected: number;
  /** Proxies that have not answered yet, wait for their wave, or lost their connection. */
  readonly pending: number;
}

/** One proxy's refusal. */
export interface WasmFilterStatusRejection {
  /** The proxy's node id. */
  readonly proxy: string;
  /** The proxy's namespace. Without it, that of the filter. */
  readonly namespace?: string;
  /** Envoy's own words. */
  readonly message: string;
}

/** Progress of the rollout that is under way, or of the last one. */
export interface WasmFilterStatusRollout {
  /**
   * Progressing (a wave awaits its proxies), Holding (a wave is being watched), Paused (waits for a person), Succeeded, RolledBack (failed,
   * the stable revision serves), Rejected (failed with no revision to go back to) or Failed (stopped where it is, autoRollback being off).
   */
  readonly state: "Progressing" | "Holding" | "Paused" | "Succeeded" | "RolledBack" | "Rejected" | "Failed";
  /** The present wave, from 1. */
  readonly step?: number;
  /** How many waves there are. */
  readonly steps?: number;
  /** In a dark step, the requests that see the target. */
  readonly match?: readonly Readonly<Record<string, unknown>>[];
  /** Share of the proxies that may run the revision now. */
  readonly percent?: number;
  /** When the rollout started. */
  readonly startTime?: string;
  /**
   * Proxies whose position on the wave line (a hash of filter, namespace and node id, 0 to 4294967295) is below it may run the revision.
   */
  readonly threshold?: number;
  /** How proxies get their position: by HMAC-SHA256 with a key of Weir's own. Absent in rollouts that began before there was one. */
  readonly order?: "hmac";
  /** When the present wave started. */
  readonly stepTime?: string;
  /** When every proxy of the present wave had acknowledged; the hold counts from here. */
  readonly holdTime?: string;
  /** When the next wave starts at the earliest, while a wave is held. */
  readonly nextStepTime?: string;
  /**
   * Present while a revision that goes to every proxy at once is rolled out and watched. When the watch began, it says what its proxies had
   * answered before.
   */
  readonly watch?: WasmFilterStatusRolloutWatch;
  /** What it waits for, or why it ended. */
  readonly message?: string;
}

/**
 * Present while a revision that goes to every proxy at once is rolled out and watched. When the watch began, it says what its proxies had
 * answered before.
 */
export interface WasmFilterStatusRolloutWatch {
  /** Requests. */
  readonly requests?: number;
  /** Those with a 5xx response. */
  readonly errors5xx?: number;
  /** Milliseconds that the requests took, in all. */
  readonly latencySumMs?: number;
  /** Requests whose time was measured. */
  readonly latencyCount?: number;
}

/** One revision. */
export interface WasmFilterStatusHistoryItem {
  /** Number of the revision. */
  readonly revision: number;
  /** Digest of its image manifest. */
  readonly digest: string;
  /** SHA-256 of its module. */
  readonly wasmDigest: string;
  /** The reference as the manifest wrote it then. */
  readonly image: string;
  /** When the revision was made. */
  readonly time: string;
  /** What became of it. */
  readonly result: "Progressing" | "Succeeded" | "RolledBack" | "Rejected" | "Superseded";
  /** Why, in words. */
  readonly message?: string;
  /** The metadata.generation when it was decided. A failed revision is not tried again while it is the same. */
  readonly generation?: number;
  /** When it was decided. */
  readonly endTime?: string;
}

/** One aspect of the filter's state. */
export interface WasmFilterStatusCondition {
  /** Which aspect. */
  readonly type: string;
  /** Whether it holds. */
  readonly status: "True" | "False" | "Unknown";
  /** The cause as one CamelCase word. */
  readonly reason: string;
  /** The cause in words, and what to do about it. */
  readonly message: string;
  /** The metadata.generation that the condition describes. */
  readonly observedGeneration?: number;
  /** When status changed last. */
  readonly lastTransitionTime: string;
}
