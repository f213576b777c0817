import type { WasmPolicySpec } from "../../model/gen/wasmpolicy.ts";
import type { Policies } from "../source/policies.ts";

/** A snapshot with these policies by name, and these labels of namespaces. */
export function policiesOf(
  specs: Readonly<Record<string, WasmPolicySpec>>,
  labels: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
): Policies {
  const objects = Object.entries(specs).map(([name, spec]) => {
    const metadata = { name, uid: `uid-of-${name}`, generation: 1 };
    return [name, { apiVersion: "weir.dev/v1alpha1", kind: "WasmPolicy", metadata, spec }] as const;
  });
  return { objects: new Map(objects), labels: (namespace) => labels[namespace] ?? {} };
}
