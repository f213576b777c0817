import { systemClock } from "../../model/clock.ts";
import type { Chain, ChainEntry, DeliveredFilter, Fleet, Rejection, SlotDelivery } from "../../model/delivery.ts";
import { silentLog } from "../../model/log.ts";
import { parseProxyKey } from "../../model/proxy-key.ts";
import { createXdsServer } from "../../xds/index.ts";
import { entryModules } from "./chain-entry.ts";
import { startOnReservedPort } from "./ports.ts";
import { eventually } from "./process.ts";

/** The desired content of each slot: the same for every proxy, or by node.id. */
export type Desired<T = Chain> = Readonly<Record<string, T>> | ((proxy: string) => Readonly<Record<string, T>>);

/** A real xDS server. The test stands in for the operator and says what every proxy should hold. */
export interface Control {
  readonly port: number;
  readonly fleet: Fleet;
  /** Sets the chain of each slot, for connected proxies and for those that connect later. */
  desire(slots: Desired<Chain | "hold">): void;
  /** `desire`, then waits until each of `count` connected proxies acknowledged it: milliseconds it took. */
  apply(slots: Desired, count?: number): Promise<number>;
  /** `desire`, then waits until the proxy rejects the slot's chain. */
  refused(slots: Desired, slot?: string): Promise<Rejection>;
  slot(proxy: string, slot?: string): SlotDelivery | undefined;
  stop(): Promise<void>;
}

export interface ControlOptions {
  /** Set it to start a server again at the same port; a reserved port by default. */
  readonly port?: number;
}

export function startControl({ port }: ControlOptions = {}): Promise<Control> {
  return port === undefined ? startOnReservedPort(listen) : listen(port);
}

async function listen(port: number): Promise<Control> {
  const server = createXdsServer({ address: `127.0.0.1:${port}`, clock: systemClock, log: silentLog, modules: entryModules });
  const { fleet } = server;
  let desired: Desired<Chain | "hold"> | undefined;
  fleet.onChange((keys) => assign(keys));
  const listening = await server.listen();

  function assign(keys: Iterable<string>): void {
    if (desired === undefined) return;
    for (const key of keys) fleet.assign(key, new Map(Object.entries(of(desired, parseProxyKey(key).id))));
  }

  function desire(slots: Desired<Chain | "hold">): void {
    desired = slots;
    assign(Array.from(fleet.proxies(), ({ key }) => key));
  }

  return {
    port: listening.port,
    fleet,
    desire,
    async apply(slots, count = 1) {
      const started = performance.now();
      desire(slots);
      await eventually(
        `${count} proxies to acknowledge`,
        () => connected(fleet).filter((proxy) => holds(proxy.slots, of(slots, proxy.id))).length >= count,
        30_000,
        5,
      );
      return performance.now() - started;
    },
    refused(slots, slot = "default") {
      desire(slots);
      return eventually("a rejection", () => connected(fleet)[0]?.slots.get(slot)?.rejection, 30_000, 5);
    },
    slot: (proxy, slot = "default") => [...fleet.proxies()].find(({ id }) => id === proxy)?.slots.get(slot),
    stop: () => server.close(),
  };
}

function of<T>(desired: Desired<T>, proxy: string): Readonly<Record<string, T>> {
  return typeof desired === "function" ? desired(proxy) : desired;
}

function connected(fleet: Fleet) {
  return [...fleet.proxies()].filter((proxy) => proxy.connected);
}

function holds(slots: ReadonlyMap<string, SlotDelivery>, wanted: Readonly<Record<string, Chain>>): boolean {
  if (slots.size === 0) return false;
  return [...slots.values()].every(({ slot, running }) => running !== undefined && same(running, wanted[slot] ?? []));
}

function same(running: readonly DeliveredFilter[], chain: readonly ChainEntry[]): boolean {
  return running.length === chain.length && running.every(({ hash }, i) => hash === chain[i]?.hash);
}
