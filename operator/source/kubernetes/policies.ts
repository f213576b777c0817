import type { Clock } from "../../../model/clock.ts";
import { POLICY_KIND, type WasmPolicyStatus } from "../../../model/gen/wasmpolicy.ts";
import type { ApiFailure, Fields, KubeApi, KubeObject, Reflector } from "../../../model/kube.ts";
import type { Log } from "../../../model/log.ts";
import { ok, type Result } from "../../../model/result.ts";
import { withinBounds } from "../../parse/bounds.ts";
import { isFields } from "../../parse/defaults.ts";
import { NO_POLICIES, type Policies, UNREAD_POLICIES } from "../policies.ts";
import { wordsOf } from "../words.ts";
import { GROUP } from "./group.ts";
import { startReflector } from "./reflector.ts";

export interface PolicyWatchOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  /** This server sees one namespace alone, and may have no right to what is in none. */
  readonly isOfOneNamespace: boolean;
  /** There is another snapshot. */
  readonly onChange: () => void;
}

/** Follows WasmPolicies, and the labels of namespaces where there is a policy. */
export interface PolicyWatch {
  snapshot(): Policies;
  /** Writes the status of a policy, if that is still the one that is known. */
  writeStatus(name: string, status: WasmPolicyStatus): Promise<Result<void>>;
  /** Resolves when the policies were listed, or it is known why they cannot be. */
  readonly answered: Promise<void>;
  stop(): Promise<void>;
}

type Labels = Readonly<Record<string, string>>;

export function startPolicyWatch(options: PolicyWatchOptions): PolicyWatch {
  return new LazyPolicyWatch(options);
}

class LazyPolicyWatch implements PolicyWatch {
  private readonly options: PolicyWatchOptions;
  private readonly objects = new Map<string, KubeObject>();
  private readonly first = Promise.withResolvers<void>();
  private readonly reflector: Reflector;
  private namespaces: Reflector | undefined;
  /** `undefined`: not listed yet. */
  private labels: Map<string, Labels> | undefined;
  private isListed = false;
  private problem: string | undefined;
  private now: Policies = UNREAD_POLICIES;
  /** Counts lists and troubles: what is found out of an earlier one does not count. */
  private round = 0;

  constructor(options: PolicyWatchOptions) {
    this.options = options;
    this.reflector = startReflector({
      ...this.shared(),
      path: `${GROUP}/wasmpolicies`,
      onList: (objects) => {
        const listed = new Set(objects.map(({ metadata }) => metadata.name));
        for (const name of [...this.objects.keys()]) if (!listed.has(name)) this.objects.delete(name);
        for (const object of objects) this.put(object);
        this.isListed = true;
        this.round += 1;
        this.publish();
      },
      onEvent: (type, object) => {
        if (type === "DELETED") this.objects.delete(object.metadata.name);
        else if (!this.put(object)) return;
        this.publish();
      },
      onTrouble: (failure) => void this.onTrouble(failure),
    });
  }

  get answered(): Promise<void> {
    return this.first.promise;
  }

  snapshot(): Policies {
    return this.now;
  }

  async writeStatus(name: string, status: WasmPolicyStatus): Promise<Result<void>> {
    const { api } = this.options;
    const known = this.objects.get(name);
    const path = `${GROUP}/wasmpolicies/${encodeURIComponent(name)}`;
    const newest = known === undefined ? undefined : await api.request({ path });
    if (newest === undefined || (!newest.ok && newest.error.status === 404)) return ok(undefined);
    if (!newest.ok) return newest;
    const { uid, generation } = newest.value.metadata as Fields;
    // The watch brings what is there now, and then that is reported.
    if (uid !== known?.metadata.uid || generation !== known?.metadata.generation) return ok(undefined);
    const body = { ...newest.value, status };
    const written = await api.request({ method: "PUT", path: `${path}/status`, query: { fieldManager: "weir" }, body });
    return written.ok ? ok(undefined) : written;
  }

  async stop(): Promise<void> {
    this.first.resolve();
    await Promise.all([this.reflector.stop(), this.namespaces?.stop()]);
  }

  /** False where only the status is another, which Weir writes. */
  private put(raw: KubeObject): boolean {
    const { name, generation, uid } = raw.metadata;
    const before = this.objects.get(name)?.metadata;
    if (before?.generation === generation && before?.uid === uid && generation !== undefined) return false;
    this.objects.set(name, withinBounds(raw) as KubeObject);
    return true;
  }

  private publish(): void {
    if (this.objects.size > 0) this.namespaces ??= this.followNamespaces();
    const { labels } = this;
    this.now = { objects: new Map(this.objects), labels: (namespace) => labels?.get(namespace) };
    this.tell();
  }

  private tell(): void {
    this.first.resolve();
    this.options.onChange();
  }

  /** Policies that are known stay in force, whatever happens to the watch. */
  private async onTrouble(failure: ApiFailure | undefined): Promise<void> {
    const { log } = this.options;
    if (failure === undefined) {
      if (this.problem !== undefined) log.info("WasmPolicies are watched again", {});
      this.problem = undefined;
      return;
    }
    this.round += 1;
    const { round } = this;
    const isAbsent = failure.status === 404 || (failure.status === 403 && !(await this.isKnownKind()));
    if (round !== this.round) return;
    if (this.isListed && !isAbsent) return this.warn(failure.message);
    if (isAbsent) {
      // The kind is of a later version than what is installed, or was taken away with its objects.
      this.objects.clear();
      this.isListed = false;
      this.now = NO_POLICIES;
    } else if (failure.status === 403 && this.options.isOfOneNamespace) {
      log.warn("WasmPolicies may not be read, and none is obeyed; grant this server get, list and watch of them", {
        problem: failure.message,
      });
      this.now = NO_POLICIES;
    } else {
      const problem = `the WasmPolicies cannot be read: ${wordsOf(failure.message)}${failure.status === 403 ? "; grant Weir its ClusterRole" : ""}`;
      this.now = { objects: undefined, problem, labels: () => undefined };
      this.warn(failure.message);
    }
    this.tell();
  }

  private warn(problem: string): void {
    if (this.problem !== problem) this.options.log.error("WasmPolicies cannot be watched; trying again", { problem });
    this.problem = problem;
  }

  /** Who may not read a kind is told so whether it is there or not: https://kubernetes.io/docs/reference/access-authn-authz/authorization/ */
  private async isKnownKind(): Promise<boolean> {
    const found = await this.options.api.request({ path: GROUP });
    if (!found.ok) return found.error.status !== 404;
    const { resources } = found.value;
    return !Array.isArray(resources) || resources.some((resource) => isFields(resource) && resource.kind === POLICY_KIND);
  }

  private followNamespaces(): Reflector {
    const set = (labels: Map<string, Labels>, { metadata }: KubeObject) => labels.set(metadata.name, (metadata.labels ?? {}) as Labels);
    return startReflector({
      ...this.shared(),
      path: "/api/v1/namespaces",
      metadataOnly: true,
      onList: (objects) => {
        this.labels = new Map();
        for (const object of objects) set(this.labels, object);
        this.publish();
      },
      onEvent: (type, object) => {
        this.labels ??= new Map();
        const before = this.labels.get(object.metadata.name);
        if (type === "DELETED") this.labels.delete(object.metadata.name);
        else set(this.labels, object);
        if (JSON.stringify(before) !== JSON.stringify(this.labels.get(object.metadata.name))) this.publish();
      },
      onTrouble: (failure) => {
        const problem = failure?.message;
        if (problem !== undefined)
          this.options.log.error("the labels of namespaces cannot be watched, by which WasmPolicies select them; trying again", {
            problem,
          });
      },
    });
  }

  private shared() {
    const { api, clock, log, random } = this.options;
    return { api, clock, log, random };
  }
}
