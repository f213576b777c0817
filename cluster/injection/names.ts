// Names and numbers of an injected pod. Charts, tests and documentation rely on them.

/** Of a namespace (label) or a pod (label or annotation): `true` or `false`. */
export const INJECT = "weir.dev/inject";

/** Annotations of a pod or its namespace that change how it is injected. */
export const PORTS = "weir.dev/ports";
export const EXCLUDE_PORTS = "weir.dev/exclude-inbound-ports";
export const SLOTS = "weir.dev/slots";
export const PATHS = "weir.dev/paths";
export const PROXY_IMAGE = "weir.dev/proxy-image";
export const PROXY_CPU = "weir.dev/proxy-cpu";
export const PROXY_MEMORY = "weir.dev/proxy-memory";
export const PROXY_LOG_LEVEL = "weir.dev/proxy-log-level";

/** Annotation of an injected pod: how its ports lead through Envoy. */
export const INBOUND = "weir.dev/inbound";
/** What the annotations of a pod begin with that become files of `FOLDER`; the file's name follows. */
export const FILE_PREFIX = "weir.dev/";

export const ENVOY = "weir-envoy";
export const IPTABLES = "weir-iptables";
export const TOKEN_VOLUME = "weir-token";
export const FILES_VOLUME = "weir-sds";

export const FOLDER = "/etc/weir";
export const CA_FILE = "ca.crt";
export const TOKEN_FOLDER = "/var/run/secrets/weir.dev";
/** Seconds; the kubelet writes a new one after four fifths of it. */
export const TOKEN_SECONDS = 3600;

export const ADMIN_PORT = 15000;
export const CAPTURE_PORT = 15006;
export const READY_PORT = 15021;
/** The first of those that lead gRPC probes to the app, one for each of its ports that has one. */
export const GRPC_PROBE_PORT = 15030;
export const MAX_GRPC_PROBES = 16;

/** The non-root user of Weir's images. */
export const USER = 65532;
