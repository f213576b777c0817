import { readFileSync } from "node:fs";
import { setPriority } from "node:os";
import { createKubeClient } from "./kube.ts";
import { applyObjects, pointElsewhere, shipModules } from "./objects.ts";
import type { Orders, Tally } from "./orders.ts";
import { attackHttp, attackXds } from "./sockets.ts";

/** `node main.ts ORDERS.json`: attacks with everything at once until it is ended, and prints each second how often. */
const orders = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Orders;
const tally: Tally = new Map();

// A tenant has machines of its own: what its attacks cost it must not slow down what is attacked.
setPriority(19);
process.on("uncaughtException", (error) => console.error(error));

const kube = await createKubeClient(orders.kubeconfig);
const attacks = [
  ...[shipModules, applyObjects, pointElsewhere].map((attack) => attack(orders, kube, tally)),
  ...attackXds(orders, tally),
  ...attackHttp(orders, tally),
];
setInterval(() => console.log(JSON.stringify(Object.fromEntries(tally))), 1_000);
await Promise.all(attacks);
