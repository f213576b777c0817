import { bootstrapDefaults, renderBootstrap } from "../../xds/index.ts";

export interface LocalBootstrapOptions {
  readonly node: string;
  readonly namespace?: string;
  readonly xdsPort: number;
  readonly appPort: number;
}

/** The bootstrap of an Envoy whose server and app are on 127.0.0.1, as is its listener, on a free port. */
export function localBootstrap({ node, namespace = bootstrapDefaults.namespace, xdsPort, appPort }: LocalBootstrapOptions): string {
  const at = (port: number) => ({ host: "127.0.0.1", port });
  return renderBootstrap({ ...bootstrapDefaults, node, namespace, xds: at(xdsPort), listen: at(0), upstream: at(appPort) });
}
