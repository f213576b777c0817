import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PodProxy } from "../../model/pod-proxy.ts";
import { type Injection, type InjectionSettings, inject } from "./inject.ts";
import { patchOf } from "./patch.ts";
import { readPod } from "./pod.ts";
import { type NamespaceView, namespaceView } from "./wishes.ts";
import { injectObject } from "./workloads.ts";

let proxy: PodProxy | undefined;

const settings: InjectionSettings = {
  proxyImage: { image: "r.example/envoy:1" },
  xds: { host: "weir.weir-system.svc", port: 18000 },
  ca: "CA",
  ownNamespace: "weir-system",
  ipv6: false,
  render(asked) {
    proxy = asked;
    return { bootstrap: "BOOTSTRAP", files: { "sds-a.yaml": "A" } };
  },
};

const labelled = { labels: { "weir.dev/inject": "true" } };

function namespace(metadata: object = labelled, name = "shop"): NamespaceView {
  return namespaceView(name, { metadata });
}

interface Given {
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly ports?: unknown;
  readonly container?: object;
  readonly spec?: object;
}

function podOf({ labels, annotations, ports = [{ containerPort: 8080, name: "http" }], container, spec }: Given = {}) {
  const app = { name: "app", image: "app:1", ports, ...container };
  const read = readPod({ metadata: { labels, annotations }, spec: { containers: [app], ...spec } });
  assert(read.ok);
  return read.value;
}

function injected(given?: Given, view = namespace(), changed: Partial<InjectionSettings> = {}): Injection {
  proxy = undefined;
  const done = inject(podOf(given), view, { ...settings, ...changed });
  assert(done.ok, done.ok ? "" : done.error.message);
  return done.value;
}

function refusal(given: Given, view = namespace()): string {
  const done = inject(podOf(given), view, settings);
  assert(!done.ok, "it was not refused");
  return `${done.error.reason}: ${done.error.message}`;
}

const initNames = ({ pod }: Injection) => (pod.spec.initContainers ?? []).map(({ name }) => name);

describe("which pods are injected", () => {
  test("those of a namespace that asks for it, and those that ask themselves", () => {
    assert.deepEqual(initNames(injected()), ["weir-iptables", "weir-envoy"]);
    for (const own of [{ labels: labelled.labels }, { annotations: labelled.labels }])
      assert.deepEqual(initNames(injected(own, namespace({}))), ["weir-iptables", "weir-envoy"]);
    assert.match(injected({}, namespace({})).unchanged ?? "", /neither it nor its namespace/);
  });

  test("not those that say no, nor those of kube-system and of Weir, whatever they say", () => {
    assert.match(injected({ annotations: { "weir.dev/inject": "false" } }).unchanged ?? "", /is "false"/);
    assert.match(injected({ labels: { "weir.dev/inject": "false" } }).unchanged ?? "", /is "false"/);
    for (const name of ["kube-system", "weir-system"])
      assert.match(injected({ labels: labelled.labels }, namespace(labelled, name)).unchanged ?? "", /left alone/);
  });

  test("one in which Envoy can do nothing is left alone with a warning, and refused when it asks itself", () => {
    const cases: [Given, RegExp][] = [
      [{ spec: { hostNetwork: true } }, /node's network/],
      [{ spec: { os: { name: "windows" } } }, /Windows/],
      [{ annotations: { "kubernetes.io/config.mirror": "x" } }, /kubelet's own/],
      [{ ports: [] }, /declares a TCP port/],
      [{ ports: [{ containerPort: 53, protocol: "UDP" }] }, /declares a TCP port/],
      [{ ports: [{ containerPort: 5432, name: "tcp-db" }] }, /declares a TCP port/],
    ];
    for (const [given, words] of cases) {
      const { unchanged, warnings, pod } = injected(given);
      assert.match(unchanged ?? "", words);
      assert.match(warnings.join(), words);
      assert.equal(pod.spec.initContainers, undefined);
      assert.match(refusal({ ...given, labels: labelled.labels }), words);
    }
  });

  test("one that is injected already does not change", () => {
    const once = injected({ container: { livenessProbe: { httpGet: { port: 8080 } } } }).pod;
    const twice = inject(once, namespace(), settings);
    assert(twice.ok);
    assert.equal(twice.value.pod, once);
    assert.deepEqual(patchOf(once, twice.value.pod), []);
  });
});

describe("an injected pod", () => {
  test("has Envoy before everything else, as nobody, and a token and the files of its annotations", () => {
    const { pod } = injected({ annotations: { a: "1" }, spec: { initContainers: [{ name: "migrate" }], volumes: [{ name: "v" }] } });
    assert.deepEqual(initNames({ pod, warnings: [] }), ["weir-iptables", "weir-envoy", "migrate"]);
    const [capture, envoy] = pod.spec.initContainers ?? [];
    assert.deepEqual([envoy?.image, envoy?.restartPolicy], ["r.example/envoy:1", "Always"]);
    assert.deepEqual((envoy?.args as string[] | undefined)?.slice(0, 4), [
      "--config-yaml",
      "BOOTSTRAP",
      "--service-node",
      "$(WEIR_POD_NAME)",
    ]);
    const restricted = {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: 65532,
      runAsGroup: 65532,
      seccompProfile: { type: "RuntimeDefault" },
    };
    assert.deepEqual(envoy?.securityContext, restricted);
    const root = { runAsNonRoot: false, runAsUser: 0, runAsGroup: 0, capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] } };
    assert.deepEqual(capture?.securityContext, { ...restricted, ...root });
    assert.deepEqual(
      pod.spec.volumes?.map(({ name }) => name),
      ["v", "weir-token", "weir-sds"],
    );
    assert.deepEqual(pod.metadata.annotations, {
      a: "1",
      "weir.dev/inbound": "capture 8080 (http)",
      "weir.dev/ca": "CA",
      "weir.dev/sds-a.yaml": "A",
    });
    assert.deepEqual(pod.metadata.labels, { "weir.dev/injected": "true" });
  });

  test("tells Envoy when its end begins, at a path that only who reads the pod knows, the same for the same pod", () => {
    const pathOf = (given?: Given) => {
      const [, envoy] = injected(given).pod.spec.initContainers ?? [];
      return (envoy as { lifecycle?: { preStop?: { httpGet?: { path?: string } } } }).lifecycle?.preStop?.httpGet?.path;
    };
    assert.match(pathOf() ?? "", /^\/drain-[0-9a-f]{32}$/);
    assert.equal(pathOf(), proxy?.drainPath);
    assert.equal(pathOf(), pathOf());
    assert.notEqual(pathOf(), pathOf({ labels: { app: "other" } }));
    injected({}, namespace(), { hash: () => Buffer.alloc(32, 7) });
    assert.equal(proxy?.drainPath, `/drain-${"07".repeat(16)}`, "by the hash that it is given");
  });

  test("has its image pulled as it is told", () => {
    const policies = (changed: Partial<InjectionSettings>) =>
      injected({}, namespace(), changed).pod.spec.initContainers?.map(({ imagePullPolicy }) => imagePullPolicy);
    assert.deepEqual(policies({}), [undefined, undefined]);
    assert.deepEqual(policies({ proxyImage: { image: "r.example/envoy:1", imagePullPolicy: "Always" } }), ["Always", "Always"]);
  });

  test("is asked for as its annotations say, and where they say nothing as its namespace does", () => {
    const view = namespace({ ...labelled, annotations: { "weir.dev/slots": "edge, app", "weir.dev/proxy-cpu": "1" } });
    const own = {
      "weir.dev/proxy-cpu": "250m",
      "weir.dev/proxy-memory": "1Gi",
      "weir.dev/proxy-image": "e:2",
      "weir.dev/proxy-log-level": "debug",
      "weir.dev/paths": "base",
    };
    const envoy = injected({ annotations: own }, view).pod.spec.initContainers?.at(-1);
    assert.deepEqual([proxy?.slots, proxy?.paths], [["edge", "app"], "base"]);
    assert.equal(envoy?.image, "e:2");
    assert.deepEqual(envoy?.resources, { requests: { cpu: "250m", memory: "1Gi" }, limits: { memory: "1Gi" } });
    assert.equal((envoy?.args as string[] | undefined)?.at(-1), "debug");
  });

  test("a wrong annotation is refused, with its name and what it takes", () => {
    const wrong: [string, string, RegExp][] = [
      ["inject", "yes", /weir\.dev\/inject takes "true" or "false", not "yes"/],
      ["ports", "8080", /takes pairs .* 8080=15080/],
      ["ports", "8080=8080", /names a port twice/],
      ["ports", "8080=99999", /takes pairs/],
      ["ports", "8080=1=2", /takes pairs/],
      ["ports", "", /takes pairs/],
      ["exclude-inbound-ports", "web", /takes ports with commas/],
      ["exclude-inbound-ports", Array.from({ length: 65 }, (_, i) => i + 1).join(), /takes ports/],
      ["slots", "a,a", /different names/],
      ["slots", "A", /lower-case/],
      ["slots", Array.from({ length: 17 }, (_, i) => `s${i}`).join(), /up to 16/],
      ["proxy-image", "two words", /the reference of an image/],
      ["proxy-cpu", "0", /number of processors/],
      ["proxy-cpu", "lots", /100m or 1/],
      ["proxy-memory", "16Mi", /at least 32Mi/],
      ["proxy-memory", "128", /for example 128Mi/],
      ["paths", "raw", /one of normal, base, as-written, not "raw"/],
      ["proxy-log-level", "loud\u001b[31m", /one of trace, debug.* not "loud\\u001b/],
    ];
    for (const [name, value, words] of wrong) {
      const message = refusal({ annotations: { [`weir.dev/${name}`]: value } });
      assert.match(message, /^InvalidAnnotation: /);
      assert.match(message, words, value);
    }
    assert.match(refusal({ labels: labelled.labels, annotations: { "weir.dev/inject": "false" } }), /true as label .* false as annotation/);
    assert.ok(refusal({ annotations: { "weir.dev/proxy-image": `${"x".repeat(100_000)} ` } }).length < 300);
  });

  test("that has something of the same name is refused", () => {
    assert.match(
      refusal({ spec: { containers: [{ name: "weir-envoy", ports: [{ containerPort: 1 }] }] } }),
      /container weir-envoy of its own/,
    );
    assert.match(refusal({ spec: { volumes: [{ name: "weir-token" }] } }), /volume weir-token of its own/);
  });

  test("whose ports and slots make a configuration that Linux starts no program with is refused, with what to do", () => {
    const render = (text: string) => () => ({ bootstrap: text, files: {} });
    const longest = `$(WEIR_POD_IP)${"x".repeat(128 * 1024 - 1 - 39)}`;
    injected({}, namespace(), { render: render(longest) });
    const done = inject(podOf(), namespace(), { ...settings, render: render(`${longest}x`) });
    assert.match(done.ok ? "" : done.error.message, /1 ports with 1 slots each .*131072 bytes of 131071.*weir\.dev\/exclude-inbound-ports/);
  });

  test("that brings an Envoy of its own, and declares no port, keeps its volumes", () => {
    const spec = { containers: [{ name: "envoy" }], volumes: [{ name: "weir-token" }] };
    const result = inject({ metadata: {}, spec }, namespace(), settings);
    assert.ok(result.ok && result.value.unchanged !== undefined);
  });
});

describe("the ports that lead through Envoy", () => {
  const inbound = (given: Given, view = namespace()) => {
    const { warnings } = injected(given, view);
    return { ports: proxy?.inbound, warnings };
  };

  test("are those that containers declare: HTTP by name, others looked at, known other protocols left alone", () => {
    const names = ["http", "http-api", "grpc", "http2", "tcp", "https", "mysql-x", "redis", "web", undefined];
    const ports = names.map((name, index) => ({ containerPort: 8000 + index, ...(name === undefined ? {} : { name }) }));
    const { ports: found, warnings } = inbound({ ports: [...ports, { containerPort: 3306 }, { containerPort: 53, protocol: "UDP" }] });
    assert.deepEqual(found, [
      ...[8000, 8001, 8002, 8003].map((app) => ({ app, protocol: "http" })),
      ...[8008, 8009].map((app) => ({ app, protocol: "detected" })),
    ]);
    assert.deepEqual(warnings, [
      "what does not begin as HTTP passes port 8008 without filters; name the port http, or tcp",
      "what does not begin as HTTP passes port 8009 without filters; name the port http, or tcp",
    ]);
  });

  test("are those of sidecars too, and not those that are excluded", () => {
    const sidecar = { name: "s", restartPolicy: "Always", ports: [{ containerPort: 9000, name: "grpc" }] };
    const job = { name: "j", ports: [{ containerPort: 9001, name: "http" }] };
    const annotations = { "weir.dev/exclude-inbound-ports": "8080" };
    assert.deepEqual(inbound({ annotations, spec: { initContainers: [sidecar, job] } }).ports, [{ app: 9000, protocol: "http" }]);
  });

  test("are captured in one transaction that may run again, except for what the pod sends itself", () => {
    const capture = injected().pod.spec.initContainers?.[0];
    const [script = ""] = (capture?.args ?? []) as string[];
    assert.match(script, /^add table inet weir; delete table inet weir; add table inet weir; /);
    assert.match(script, /iifname != "lo" tcp dport \{ 8080 \} redirect to :15006$/);
    assert.deepEqual([proxy?.capture, proxy?.appHost, proxy?.listenHost], [15006, "$(WEIR_POD_IP)", "0.0.0.0"]);
    injected({}, namespace(), { ipv6: true });
    assert.equal(proxy?.listenHost, "::");
  });

  test("are mapped where the pod says so: nothing is captured, and the warning says what the Service needs", () => {
    const { pod, warnings } = injected({ annotations: { "weir.dev/ports": "8080=15080" } });
    assert.deepEqual(initNames({ pod, warnings }), ["weir-envoy"]);
    assert.deepEqual(proxy?.inbound, [{ app: 8080, listen: 15080, protocol: "http" }]);
    assert.deepEqual([proxy?.capture, proxy?.appHost], [undefined, "127.0.0.1"]);
    assert.match(warnings.join(), /port 15080: make it the Service's targetPort/);
    assert.equal(pod.metadata.annotations?.["weir.dev/inbound"], "ports 8080=15080");
    assert.deepEqual(pod.spec.initContainers?.[0]?.ports, [{ containerPort: 15080, protocol: "TCP" }]);
  });

  test("a namespace's mapping counts for pods that have the port; others are captured", () => {
    const view = namespace({ ...labelled, annotations: { "weir.dev/ports": "8080=15080,9090=15090" } });
    assert.deepEqual(inbound({}, view).ports, [{ app: 8080, listen: 15080, protocol: "http" }]);
    assert.deepEqual(inbound({ ports: [{ containerPort: 7000, name: "http" }] }, view).ports, [{ app: 7000, protocol: "http" }]);
  });

  test("where the Pod Security level forbids capture, a pod is refused with what to write", () => {
    for (const level of ["baseline", "restricted"]) {
      const labels = { ...labelled.labels, "pod-security.kubernetes.io/enforce": level };
      assert.match(
        refusal({}, namespace({ labels })),
        new RegExp(`^CaptureForbidden: namespace shop enforces the Pod Security level ${level}.*weir.dev/ports: "8080=15080"`),
      );
      const mapped = injected({ annotations: { "weir.dev/ports": "8080=15080" } }, namespace({ labels }));
      assert.deepEqual(initNames(mapped), ["weir-envoy"]);
      assert.equal(injected({ ports: [] }, namespace({ labels })).pod.spec.initContainers, undefined);
    }
    const privileged = { ...labelled.labels, "pod-security.kubernetes.io/enforce": "privileged" };
    assert.equal(initNames(injected({}, namespace({ labels: privileged }))).length, 2);
  });

  test("that Envoy needs itself are refused", () => {
    for (const containerPort of [15000, 15006, 15021, 15035])
      assert.match(refusal({ ports: [{ containerPort, name: "http" }] }), new RegExp(`^PortTaken: the pod uses port ${containerPort}`));
    assert.match(refusal({ annotations: { "weir.dev/ports": "9000=8080" } }), /listen on port 8080, which is in use/);
    assert.match(refusal({ annotations: { "weir.dev/ports": "8080=15021" } }), /listen on port 15021, which is in use/);
  });
});

describe("what the kubelet calls", () => {
  const app = (injection: Injection) => injection.pod.spec.containers[0];

  test("is led to the app beside the filters where its port is captured", () => {
    const container = {
      startupProbe: { grpc: { port: 8080, service: "s" }, periodSeconds: 3 },
      readinessProbe: { httpGet: { path: "/ok?a=$(B)", port: "http", httpHeaders: [{ name: "host", value: "shop" }] }, periodSeconds: 1 },
      livenessProbe: { tcpSocket: { port: 8080 } },
      lifecycle: { preStop: { httpGet: { port: 8080 } }, postStart: { exec: { command: ["x"] } } },
    };
    const after = app(injected({ container }));
    assert.deepEqual(after?.startupProbe, { grpc: { port: 15030, service: "s" }, periodSeconds: 3 });
    const headers = [{ name: "host", value: "shop" }];
    assert.deepEqual(after?.readinessProbe, {
      httpGet: { path: "/probes/app/readinessProbe", port: 15021, httpHeaders: headers },
      periodSeconds: 1,
    });
    assert.deepEqual(after?.livenessProbe, { httpGet: { path: "/probes/app/livenessProbe", port: 15021 } });
    assert.deepEqual(after?.lifecycle, {
      preStop: { httpGet: { path: "/probes/app/preStop", port: 15021 } },
      postStart: { exec: { command: ["x"] } },
    });
    assert.deepEqual(proxy?.probes, [
      { kind: "grpc", listen: 15030, app: 8080 },
      { kind: "http", path: "/probes/app/readinessProbe", app: 8080, appPath: "/ok?a=$$(B)", rewriteHost: false },
      { kind: "tcp", path: "/probes/app/livenessProbe", app: 8080 },
      { kind: "http", path: "/probes/app/preStop", app: 8080, appPath: "/", rewriteHost: true },
    ]);
  });

  test("stays where no port is captured, over TLS, to other hosts, and inside of the container", () => {
    const container = {
      startupProbe: { exec: { command: ["true"] } },
      readinessProbe: { httpGet: { port: 8080, scheme: "HTTPS" } },
      livenessProbe: { httpGet: { port: 8080, host: "10.0.0.9" } },
    };
    const same = (one: Injection) => Object.keys(container).map((name) => app(one)?.[name]);
    assert.deepEqual(same(injected({ container })), Object.values(container));
    const other = {
      readinessProbe: { httpGet: { port: 9999 } },
      livenessProbe: { httpGet: { port: "none" } },
      startupProbe: container.startupProbe,
    };
    const mapped = injected({ container: other, annotations: { "weir.dev/ports": "8080=15080" } });
    assert.deepEqual([app(mapped)?.readinessProbe, app(mapped)?.livenessProbe], [other.readinessProbe, other.livenessProbe]);
    assert.deepEqual(proxy?.probes, []);
  });
});

describe("a pod that cannot be read", () => {
  test("is refused with the field named, and never throws", () => {
    const spec = { containers: [] };
    const bad: [unknown, RegExp][] = [
      [undefined, /no object/],
      [[], /no object/],
      [{ metadata: 1, spec }, /metadata is no object/],
      [{ metadata: { labels: { a: 1 } }, spec }, /metadata.labels/],
      [{}, /spec is no object/],
      [{ spec: {} }, /spec.containers/],
      [{ spec: { containers: [{ name: 1 }] } }, /spec.containers/],
      [{ spec: { containers: [{ name: "a", ports: [{ containerPort: "80" }] }] } }, /spec.containers/],
      [{ spec: { containers: Array.from({ length: 1001 }, () => ({ name: "a" })) } }, /spec.containers/],
      [{ spec: { containers: [], initContainers: {} } }, /spec.initContainers/],
      [{ spec: { containers: [], volumes: [{}] } }, /spec.volumes/],
    ];
    for (const [value, words] of bad) {
      const read = readPod(value);
      assert.match(read.ok ? "" : read.error.message, words, JSON.stringify(value));
    }
    assert(readPod({ metadata: { labels: null }, spec: { containers: [], initContainers: null, volumes: null } }).ok);
  });
});

describe("objects that make pods", () => {
  const template = { metadata: { name: "t" }, spec: { containers: [{ name: "app", ports: [{ containerPort: 80, name: "http" }] }] } };
  const run = (object: unknown) => {
    const done = injectObject(object, (name = "default") => namespace(labelled, name), settings);
    assert(done.ok, done.ok ? "" : done.error.message);
    return done.value;
  };

  test("of every kind get Envoy into their template, and nothing else changes", () => {
    for (const kind of ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"]) {
      const { object, looked } = run({ kind, metadata: { name: "x", namespace: "n" }, spec: { a: 1, template } });
      const { spec } = object as { spec: { a: number; template: { spec: { initContainers: unknown[] } } } };
      assert.deepEqual([spec.a, spec.template.spec.initContainers.length], [1, 2], kind);
      assert.deepEqual(looked, [{ what: `${kind} n/x`, warnings: [] }]);
    }
    const cron = run({ kind: "CronJob", spec: { jobTemplate: { spec: { template } } } });
    assert.match(JSON.stringify(cron.object), /weir-envoy/);
    const list = { kind: "List", items: [{ kind: "Service" }, { kind: "Pod", ...template }] };
    assert.match(JSON.stringify(run(list).object), /weir-envoy/);
  });

  test("of other kinds come back as the very same", () => {
    for (const object of [
      null,
      1,
      {},
      { kind: "Service" },
      { kind: "List", items: [{ kind: "Service" }] },
      { kind: "Deployment", spec: {} },
    ])
      assert.equal(run(object).object, object);
  });

  test("that are wrong are named", () => {
    const done = injectObject({ kind: "Job", metadata: { name: "j" }, spec: { template: { spec: {} } } }, () => namespace(), settings);
    assert.match(done.ok ? "" : done.error.message, /^Job shop\/j: the pod cannot be read/);
  });
});
