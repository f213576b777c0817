// Makes host calls many times in a row, and tells in a header how many nanoseconds each took: for bench/host-calls.ts.
import { Action, registerPlugin, RootContext, StreamContext } from "@weir-dev/assemblyscript";
import * as host from "@weir-dev/assemblyscript/assembly/abi/imports";
import { CELL, SIZE, THIRD } from "@weir-dev/assemblyscript/assembly/abi/memory";

const CALLS: u32 = 1000;

// Where texts begin, which stay where they are.
const kept: ArrayBuffer[] = [];
function text(value: string): usize {
  const bytes = String.UTF8.encode(value);
  kept.push(bytes);
  return changetype<usize>(bytes);
}

const GIVEN = text("x-given");
const ABSENT = text("x-absent");
const PATH = text("request\0path");
const NODE = text("xds\0node\0id");
const VALUE = text("a value of 20 bytes.");
let metric: u32 = 0;
let sum: u32 = 0;

function nothing(): void {
  sum++;
}
function time(): void {
  host.proxy_get_current_time_nanoseconds(CELL);
}
// Traps when the call gave nothing: then it was not what was to be measured.
function takeBack(): void {
  assert(load<usize>(SIZE) > 0);
  heap.free(load<usize>(CELL));
  store<usize>(SIZE, 0);
}
function headerThere(): void {
  host.proxy_get_header_map_value(0, GIVEN, 7, CELL, SIZE);
  takeBack();
}
function headerAbsent(): void {
  host.proxy_get_header_map_value(0, ABSENT, 8, CELL, SIZE);
}
function headerPairs(): void {
  host.proxy_get_header_map_pairs(0, CELL, SIZE);
  takeBack();
}
function headerSet(): void {
  host.proxy_replace_header_map_value(0, GIVEN, 7, VALUE, 20);
}
function propertyPath(): void {
  host.proxy_get_property(PATH, 12, CELL, SIZE);
  takeBack();
}
function propertyNode(): void {
  host.proxy_get_property(NODE, 11, CELL, SIZE);
  takeBack();
}
function sharedSet(): void {
  host.proxy_set_shared_data(GIVEN, 7, VALUE, 20, 0);
}
function sharedGet(): void {
  host.proxy_get_shared_data(GIVEN, 7, CELL, SIZE, THIRD);
  takeBack();
}
function increment(): void {
  host.proxy_increment_metric(metric, 1);
}
function logOff(): void {
  host.proxy_log(0, VALUE, 20);
}

function now(): u64 {
  host.proxy_get_current_time_nanoseconds(CELL);
  return load<u64>(CELL);
}

class Root extends RootContext {
  onConfigure(configuration: string): bool {
    host.proxy_define_metric(0, text("costs"), 5, CELL);
    metric = load<u32>(CELL);
    return true;
  }

  createStream(): StreamContext {
    return new Stream();
  }
}

class Stream extends StreamContext {
  private told: string[] = [];

  onRequestHeaders(count: u32, endOfStream: bool): Action {
    this.measure("nothing", nothing);
    this.measure("time", time);
    this.measure("header-there", headerThere);
    this.measure("header-absent", headerAbsent);
    this.measure("header-pairs", headerPairs);
    this.measure("header-set", headerSet);
    this.measure("property-path", propertyPath);
    this.measure("property-node", propertyNode);
    this.measure("shared-set", sharedSet);
    this.measure("shared-get", sharedGet);
    this.measure("count", increment);
    this.measure("log-off", logOff);
    return Action.Continue;
  }

  onResponseHeaders(count: u32, endOfStream: bool): Action {
    this.responseHeaders.add("x-costs", this.told.join(" "));
    return Action.Continue;
  }

  private measure(name: string, call: () => void): void {
    const start = now();
    store<u64>(CELL, 0);
    for (let left = CALLS; left > 0; left--) call();
    const took = now() - start;
    this.told.push(name + "=" + (<f64>took / CALLS).toString());
  }
}

registerPlugin(() => new Root());
