import type { WasmPolicySpec } from "../../model/gen/wasmpolicy.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import type { Subject, SubjectSource } from "./subject.ts";

/** One policy, one filter, and what is said of it. */
export interface JudgedCase {
  readonly name: string;
  readonly spec: WasmPolicySpec;
  readonly subject: Subject;
  /** Exact words. Empty: nothing is wrong with it. */
  readonly says: readonly string[];
}

const image = (repository: string, isPinned = false): SubjectSource => ({ kind: "image", repository, isPinned });
const OURS = image("registry.example/filters/add-header");
const URL_SOURCE: SubjectSource = { kind: "url" };

export function subject(more: Partial<Subject> = {}, settings: Partial<Subject["settings"]> = {}): Subject {
  return { source: OURS, place: 1, ...more, settings: { ...DEFAULT_SETTINGS, ...settings } };
}

const proved = (imports: readonly string[], loadMs: number | undefined = 10) => ({ proved: { imports, loadMs } });
const said = (rule: string, text: string) => [`${text} (WasmPolicy base, rule ${rule})`];

const IMAGES: WasmPolicySpec = { images: [{ pattern: "registry.example/filters/*" }] };
const DIGESTS: WasmPolicySpec = {
  images: [{ pattern: "registry.example/**" }, { pattern: "registry.example/filters/*", digestOnly: true }],
};

export const JUDGED: readonly JudgedCase[] = [
  { name: "an image that matches a pattern", spec: IMAGES, subject: subject(), says: [] },
  {
    name: "an image of another registry",
    spec: IMAGES,
    subject: subject({ source: image("registry.other/filters/add-header") }),
    says: said(
      "images",
      "spec.image: registry.other/filters/add-header is not allowed; take the image from one of registry.example/filters/*",
    ),
  },
  {
    name: "an image of Docker Hub by its short name",
    spec: IMAGES,
    subject: subject({ source: image("docker.io/library/add-header") }),
    says: said("images", "spec.image: docker.io/library/add-header is not allowed; take the image from one of registry.example/filters/*"),
  },
  {
    name: "an image below a pattern of one star",
    spec: IMAGES,
    subject: subject({ source: image("registry.example/filters/team/add-header") }),
    says: said(
      "images",
      "spec.image: registry.example/filters/team/add-header is not allowed; take the image from one of registry.example/filters/*",
    ),
  },
  {
    name: "a URL beside images that are allowed, which says nothing of URLs",
    spec: IMAGES,
    subject: subject({ source: URL_SOURCE }),
    says: said("urls", "spec.url: URLs are not allowed; push the module to a registry and name it by spec.image"),
  },
  { name: "a URL that is allowed beside images", spec: { ...IMAGES, urls: "Allow" }, subject: subject({ source: URL_SOURCE }), says: [] },
  {
    name: "a tag where one of the patterns that it matches demands a digest",
    spec: DIGESTS,
    subject: subject(),
    says: said("images", "spec.image: a tag alone is not allowed; name the digest too, by spec.digest or image@sha256:..."),
  },
  { name: "a digest", spec: DIGESTS, subject: subject({ source: image("registry.example/filters/f", true) }), says: [] },
  {
    name: "a tag where no pattern that it matches demands a digest",
    spec: DIGESTS,
    subject: subject({ source: image("registry.example/f") }),
    says: [],
  },
  {
    name: "a URL",
    spec: { urls: "Deny" },
    subject: subject({ source: URL_SOURCE }),
    says: said("urls", "spec.url: URLs are not allowed; push the module to a registry and name it by spec.image"),
  },
  { name: "an image where URLs are denied", spec: { urls: "Deny" }, subject: subject(), says: [] },
  {
    name: "a module that imports what is denied",
    spec: { capabilities: { deny: ["proxy_http_call", "proxy_call_foreign_function"] } },
    subject: subject(proved(["proxy_log", "proxy_http_call"])),
    says: said(
      "capabilities.deny",
      "spec.image: the module imports proxy_http_call: denied; build it without, or keep it from the module by spec.capabilities.allow",
    ),
  },
  { name: "a module that is not proved yet", spec: { capabilities: { deny: ["proxy_http_call"] } }, subject: subject(), says: [] },
  {
    name: "a module whose filter keeps from it what is denied",
    spec: { capabilities: { deny: ["proxy_http_call"] } },
    subject: subject(proved(["proxy_log", "proxy_http_call"]), { capabilities: ["proxy_log"] }),
    says: [],
  },
  {
    name: "a filter that asks for what is denied, before anything is fetched",
    spec: { capabilities: { deny: ["proxy_set_property"] } },
    subject: subject({}, { capabilities: ["proxy_log", "proxy_set_property"] }),
    says: said("capabilities.deny", "spec.capabilities.allow: proxy_set_property: denied; leave it out"),
  },
  {
    name: "a module that imports what is not among those allowed",
    spec: { capabilities: { allow: ["proxy_log"] } },
    subject: subject({ source: URL_SOURCE, ...proved(["fd_write", "proxy_get_property", "proxy_log", "proxy_set_property"]) }),
    says: said(
      "capabilities.allow",
      "spec.url: the module imports proxy_get_property, proxy_set_property: not among proxy_log; build it without, or keep it from the module by spec.capabilities.allow",
    ),
  },
  {
    name: "functions of WASI, the module's language and callbacks beside those allowed",
    spec: { capabilities: { allow: ["proxy_log"] } },
    subject: subject(proved(["fd_write", "emscripten_notify_memory_growth", "proxy_log", "proxy_on_vm_start", "proxy_on_request_headers"])),
    says: [],
  },
  {
    name: "a filter that asks for what is not among those allowed",
    spec: { capabilities: { allow: [] } },
    subject: subject({}, { capabilities: ["proxy_log", "proxy_on_request_headers"] }),
    says: said("capabilities.allow", "spec.capabilities.allow: proxy_log: not among none; leave it out"),
  },
  {
    name: "another slot",
    spec: { slots: ["auth", "edge"] },
    subject: subject(),
    says: said("slots", "spec.slot: slot default is not allowed; choose one of auth, edge"),
  },
  { name: "a slot that is allowed", spec: { slots: ["auth", "edge"] }, subject: subject({}, { slot: "edge" }), says: [] },
  { name: "the last filter that fits into a slot", spec: { maxFiltersPerSlot: 2 }, subject: subject({ place: 2 }), says: [] },
  {
    name: "one filter more",
    spec: { maxFiltersPerSlot: 2 },
    subject: subject({ place: 3 }),
    says: said(
      "maxFiltersPerSlot",
      "spec.slot: slot default has 2 of at most 2 filters of this namespace already; delete one of them, or choose another slot",
    ),
  },
  { name: "a module of just the size", spec: { maxModuleSize: "1Ki" }, subject: subject({ size: 1_024 }), says: [] },
  {
    name: "a module that is larger",
    spec: { maxModuleSize: "1Ki" },
    subject: subject({ size: 1_025 }),
    says: said("maxModuleSize", "spec.image: the module has 1025 bytes, more than 1024; make it smaller"),
  },
  { name: "a module that loads just fast enough", spec: { maxLoad: "10ms" }, subject: subject(proved([], 10)), says: [] },
  {
    name: "a module that loads for longer",
    spec: { maxLoad: "10ms" },
    subject: subject(proved([], 1_500)),
    says: said("maxLoad", "spec.image: the module loads in 1.5 s of CPU, and at most 10 ms are allowed; make it smaller"),
  },
  {
    name: "a module whose load could not be measured",
    spec: { maxLoad: "10ms" },
    subject: subject({ proved: { imports: [], loadMs: undefined } }),
    says: said("maxLoad", "spec.image: how long the module loads could not be measured, and at most 10 ms are allowed; make it smaller"),
  },
  {
    name: "another failure policy",
    spec: { failurePolicies: ["Closed"] },
    subject: subject(),
    says: said("failurePolicies", "spec.failurePolicy: Reload is not allowed; choose one of Closed"),
  },
  {
    name: "a failure policy that is allowed",
    spec: { failurePolicies: ["Closed"] },
    subject: subject({}, { failurePolicy: "Closed" }),
    says: [],
  },
  {
    name: "a policy that is only audited",
    spec: { slots: ["edge"], mode: "Audit" },
    subject: subject(),
    says: ["spec.slot: slot default is not allowed; choose one of edge (WasmPolicy base, rule slots, audited)"],
  },
  {
    name: "an image without a signature that a policy asks for, which is only audited",
    spec: { ...IMAGES, mode: "Audit" },
    subject: subject({ unsigned: new Map([["base", "images[0].verify[0]: it is not signed; sign it"]]) }),
    says: ["spec.image: images[0].verify[0]: it is not signed; sign it (WasmPolicy base, rule images.verify, audited)"],
  },
  {
    name: "an image without a signature that another policy asks for",
    spec: { ...IMAGES, mode: "Audit" },
    subject: subject({ unsigned: new Map([["other", "images[0].verify[0]: it is not signed; sign it"]]) }),
    says: [],
  },
  {
    name: "everything at once",
    spec: { ...IMAGES, slots: ["edge"], failurePolicies: ["Open"], maxModuleSize: "1Ki" },
    subject: subject({ source: image("a.example/b"), size: 2_000 }),
    says: [
      ...said("images", "spec.image: a.example/b is not allowed; take the image from one of registry.example/filters/*"),
      ...said("slots", "spec.slot: slot default is not allowed; choose one of edge"),
      ...said("maxModuleSize", "spec.image: the module has 2000 bytes, more than 1024; make it smaller"),
      ...said("failurePolicies", "spec.failurePolicy: Reload is not allowed; choose one of Open"),
    ],
  },
];
