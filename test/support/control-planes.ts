import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { type GoFiles, installGoFiles } from "../../scripts/tools/go-files.ts";
import type { Loose } from "./other-envoy.ts";

/** Each project's own CRDs, and what its tests expect its control plane to print: fetched, not kept here. */
const MODULES = {
  istioApi: {
    module: "istio.io/api",
    version: "v1.32.0",
    sum: "h1:37mJvg9I0biYZAEQF+MATs4FNeCpXEIVO3LFpVb6iNM=",
    files: ["kubernetes/customresourcedefinitions.gen.yaml"],
  },
  istio: {
    module: "istio.io/istio",
    version: "v0.0.0-20260827124520-eed52ebb66ad",
    sum: "h1:ui9TJjRMAV/hb5ehQaZDq7IUGxuQP6dra9lapT/VjHI=",
    files: ["pkg/bootstrap/testdata/running_golden.json"],
  },
  envoyGateway: {
    module: "github.com/envoyproxy/gateway",
    version: "v1.9.1",
    sum: "h1:vAVp6/AlBXJ1aOhp1mxL7fNEzVEfjADUguUhm2wzxQY=",
    files: [
      ...["envoypatchpolicies", "envoyproxies"].map(
        (name) => `charts/gateway-helm/charts/crds/crds/generated/gateway.envoyproxy.io_${name}.yaml`,
      ),
      "internal/xds/bootstrap/testdata/render/disable-prometheus.yaml",
      ...["listener", "route", "cluster", "endpoint"].map(
        (what) => `internal/cmd/egctl/testdata/translate/out/from-gateway-api-to-xds.${what}.yaml`,
      ),
    ],
  },
  contour: {
    module: "github.com/projectcontour/contour",
    version: "v1.33.8",
    sum: "h1:QoOfwqWws+CVRFpsRC2+f1DmB5IdurtyUtepIsiWfE0=",
    files: ["examples/contour/02-service-envoy.yaml", "examples/contour/03-envoy.yaml"],
  },
} as const satisfies Record<string, GoFiles>;

export type ControlPlane = keyof typeof MODULES;

/** The path of one of its files. */
export async function fileOf(name: ControlPlane, file: string): Promise<string> {
  return join(await installGoFiles(MODULES[name]), file);
}

/** The same, read as YAML or JSON. */
export async function parsed(name: ControlPlane, file: string): Promise<Loose> {
  return parse(await readFile(await fileOf(name, file), "utf8"));
}
