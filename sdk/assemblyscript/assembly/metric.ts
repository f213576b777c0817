import { proxy_define_metric, proxy_get_metric, proxy_increment_metric, proxy_record_metric } from "./abi/imports";
import { at, CELL } from "./abi/memory";
import { MetricType, Status } from "./abi/types";
import { utf8 } from "./abi/utf8";

/** Define metrics once, in `onConfigure`: defining costs a look-up by name. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#metrics */
abstract class Metric {
  protected id: u32;
  /** Whether the proxy took it (`proxy_define_metric`). False: it refused, and what is counted goes nowhere. */
  readonly isDefined: bool;

  constructor(type: MetricType, name: string) {
    const text = utf8(name);
    this.isDefined = proxy_define_metric(type, at(text), text.byteLength, CELL) == Status.Ok;
    this.id = this.isDefined ? load<u32>(CELL) : 0;
  }

  /** The value now, over all workers. Histograms have none. `proxy_get_metric` */
  value(): u64 {
    return proxy_get_metric(this.id, CELL) == Status.Ok ? load<u64>(CELL) : 0;
  }
}

/** Goes up only. In Envoy: `wasmcustom.NAME`. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#metrics */
export class Counter extends Metric {
  constructor(name: string) {
    super(MetricType.Counter, name);
  }

  /** `proxy_increment_metric` */
  add(count: u32 = 1): Status {
    return proxy_increment_metric(this.id, count);
  }
}

/** Goes up and down. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#metrics */
export class Gauge extends Metric {
  constructor(name: string) {
    super(MetricType.Gauge, name);
  }

  /** `proxy_record_metric` */
  set(value: u64): Status {
    return proxy_record_metric(this.id, value);
  }

  /** Up, or down. */
  add(difference: i64): Status {
    return proxy_increment_metric(this.id, difference);
  }
}

/** Counts values by their size, for percentiles. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#metrics */
export class Histogram extends Metric {
  constructor(name: string) {
    super(MetricType.Histogram, name);
  }

  /** One more value. */
  record(value: u64): Status {
    return proxy_record_metric(this.id, value);
  }
}
