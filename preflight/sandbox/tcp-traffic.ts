import type { Plugin } from "../host/index.ts";
import { CONNECTION } from "./samples.ts";
import { problemOf, type Traffic } from "./traffic.ts";

/** Sends one connection through the plugin, with ticks before and after. */
export function runTcp(plugin: Plugin): Traffic {
  plugin.tick();
  const effects: string[] = [];
  const { downstream, upstream } = plugin.connection(CONNECTION);
  if (downstream === undefined) effects.push("connection: holds or closes it before the upstream");
  else if (Buffer.compare(downstream, CONNECTION.downstream) !== 0) effects.push("connection: changes what the client sends");
  if (downstream !== undefined && upstream === undefined) effects.push("connection: holds or closes it before the client");
  else if (upstream !== undefined && Buffer.compare(upstream, CONNECTION.upstream) !== 0)
    effects.push("connection: changes what the upstream sends");
  plugin.tick();
  return { plugin, effects, answers: [], ...problemOf(plugin.fault()) };
}
