import { createHub, type Hub, type HubOptions } from "../../hub/index.ts";
import { fail } from "../../model/result.ts";
import type { Address } from "../args/address.ts";

/** The HTTP server, and beside it one for health alone where it has an address of its own: they start and stop together. `listen` gives the first one's address. */
export function createHubs(
  shared: Omit<HubOptions, "address">,
  { http, health }: { readonly http: Address; readonly health: Address | undefined },
): Hub {
  const main = createHub({ ...shared, address: http });
  if (health === undefined) return main;
  const beside = createHub({ ...shared, address: health, healthOnly: true });
  return {
    async listen() {
      const first = await beside.listen();
      if (!first.ok) return fail("AddressUnavailable", first.error.message.replace("the read API", "health"));
      shared.log.info("health is served", { address: `http://${first.value.host}:${first.value.port}` });
      const bound = await main.listen();
      if (!bound.ok) await beside.close();
      return bound;
    },
    async close() {
      await Promise.all([main.close(), beside.close()]);
    },
  };
}
