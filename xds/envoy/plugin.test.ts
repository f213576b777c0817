import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { allowedNames } from "../../model/capabilities.ts";
import type { PluginSettings } from "../../model/settings.ts";
import { FailurePolicy, PluginConfig } from "../gen/envoy/extensions/wasm/v3/wasm.ts";
import { join } from "../protobuf/wire.ts";
import { entryFixture } from "../testing/entry.ts";
import { pluginConfig, vmId } from "./plugin.ts";

const OLD = { form: "filters", restriction: "plugin" } as const;
const CODE = Buffer.from("code");
const NEW = { form: "chain", restriction: "vm" } as const;

describe("the config of a plugin", () => {
  test("a plugin carries its name, code, configuration, environment and policy", () => {
    const settings = { config: '{"a":"é"}', rootId: "root", failurePolicy: "Open", env: [{ name: "A", value: "b" }] } as const;
    const entry = entryFixture("add-header", settings);
    const plugin = PluginConfig.decode(join(pluginConfig(entry, Buffer.from([0, 1, 2]), OLD, "1")));
    assert.equal(plugin.name, "shop/add-header");
    assert.equal(plugin.rootId, "root");
    assert.equal(plugin.failurePolicy, FailurePolicy.FAIL_OPEN);
    assert.equal(plugin.reloadConfig, undefined);
    assert.equal(plugin.configuration?.typeUrl, "type.googleapis.com/google.protobuf.StringValue");
    assert.equal(Buffer.from(plugin.configuration?.value ?? []).toString("latin1"), `\n\x0a${Buffer.from('{"a":"é"}').toString("latin1")}`);
    assert.deepEqual(Object.keys(plugin.capabilityRestrictionConfig?.allowedCapabilities ?? {}), [
      ...allowedNames(entry.capabilities),
      "weir_attempt_1",
    ]);
    const vm = plugin.vm?.vmConfig;
    assert.equal(vm?.capabilityRestrictionConfig, undefined);
    assert.equal(vm?.vmId, vmId(entry));
    assert.equal(vm?.runtime, "envoy.wasm.runtime.v8");
    assert.deepEqual(vm?.environmentVariables?.keyValues, { A: "b" });
    const source = vm?.code?.specifier;
    assert.equal(source?.$case, "local");
    const code = source?.$case === "local" ? source.local.specifier : undefined;
    assert.deepEqual(code?.$case === "inlineBytes" && Buffer.from(code.inlineBytes), Buffer.from([0, 1, 2]));
  });

  test("a plugin that reloads backs off between a quarter of a second and thirty seconds", () => {
    const plugin = PluginConfig.decode(join(pluginConfig(entryFixture("a", { failurePolicy: "Reload" }), CODE, NEW, "1")));
    assert.equal(plugin.failurePolicy, FailurePolicy.FAIL_RELOAD);
    assert.equal(plugin.reloadConfig?.backoff?.baseInterval?.nanos, 250_000_000);
    assert.equal(plugin.reloadConfig?.backoff?.maxInterval?.seconds, 30);
  });

  test("the capability restriction stands where the proxy looks for it", () => {
    const plugin = PluginConfig.decode(join(pluginConfig(entryFixture("a"), CODE, NEW, "1")));
    assert.equal(plugin.capabilityRestrictionConfig, undefined);
    const allowed = plugin.vm?.vmConfig.capabilityRestrictionConfig?.allowedCapabilities;
    assert.deepEqual(Object.keys(allowed ?? {}), [...allowedNames(["proxy_log", "proxy_on_request_headers"]), "weir_attempt_1"]);
  });

  test("the VM id changes with what Envoy's own VM key leaves out, and with nothing else", () => {
    const base = vmId(entryFixture("a"));
    assert.equal(vmId(entryFixture("a", { config: "other", rootId: "r", priority: 5 })), base);
    const others = [
      entryFixture("b"),
      entryFixture("a", { env: [{ name: "A", value: "b" }] }),
      entryFixture("a", { failurePolicy: "Closed" }),
      entryFixture("a", { capabilities: ["proxy_get_property"] }),
    ].map(vmId);
    assert.equal(new Set([base, ...others]).size, 5);
  });

  test("capabilities that name no callback leave all of them allowed, those that do restrict them, and the list is never empty", () => {
    const unrestricted = allowedNames([]);
    assert.ok(unrestricted.includes("proxy_on_request_headers") && unrestricted.includes("proxy_on_configure"));
    assert.ok(!unrestricted.includes("proxy_log"));
    const restricted = allowedNames(["proxy_log", "proxy_on_request_headers"]);
    assert.ok(restricted.includes("proxy_on_request_headers") && restricted.includes("proxy_on_context_create"));
    assert.ok(!restricted.includes("proxy_on_response_headers"));
    assert.deepEqual(allowedNames(["proxy_log", "fd_write"]), allowedNames(["fd_write", "proxy_log", "proxy_log"]));
  });

  /** A value that differs from the default, for each setting that goes into the plugin's configuration. Which slot, chain and place is the chain's affair. */
  const others: Omit<PluginSettings, "slot" | "priority" | "type" | "match"> = {
    rootId: "root",
    failurePolicy: "Open",
    config: "text",
    configBytes: "/wA=",
    env: [{ name: "A", value: "b" }],
    capabilities: ["proxy_get_property"],
    allowOnHeadersStopIteration: true,
  };

  for (const [name, value] of Object.entries(others)) {
    test(`setting ${name} reaches the proxy`, () => {
      const encoded = (given: Partial<PluginSettings>) => Buffer.from(join(pluginConfig(entryFixture("a", given), CODE, NEW, "1")));
      assert.notDeepEqual(encoded({ [name]: value }), encoded({}));
    });
  }
});
