//! Lets so many requests pass in each window of time, over all worker threads of the proxy. Others are answered with 429.
//! Configuration: `{"requests": 100, "seconds": 1}`.
//! Metrics: the counter `rate_limit_refused`, and the gauge `rate_limit_used` (requests of the present window).
use std::time::{Duration, UNIX_EPOCH};

use log::error;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel, MetricType, Status};
use serde::Deserialize;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(RateLimit { limit: Limit { requests: 0, seconds: 1 }, metrics: Metrics { refused: 0, used: 0 } }));
}}

/// Each worker thread has a memory of its own; what they share is in the proxy, under this key.
const KEY: &str = "window";
/// How often a worker counts again when another one was faster.
const ATTEMPTS: u32 = 16;
const TICK: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    requests: u32,
    #[serde(default = "one")]
    seconds: u32,
}

fn one() -> u32 {
    1
}

/// Their numbers in the proxy, where they are `wasmcustom.NAME`.
#[derive(Clone, Copy)]
struct Metrics {
    refused: u32,
    used: u32,
}

/// The filter with its configuration: one for each worker thread of the proxy.
struct RateLimit {
    limit: Limit,
    metrics: Metrics,
}

impl Context for RateLimit {}

impl RootContext for RateLimit {
    /// False refuses the configuration: the proxy keeps what it ran before. The log says why.
    fn on_configure(&mut self, _size: usize) -> bool {
        match read_limit(&self.get_plugin_configuration().unwrap_or_default()) {
            Ok(limit) => self.limit = limit,
            Err(why) => {
                error!("configuration: {why}");
                return false;
            }
        }
        self.metrics = Metrics { refused: define(MetricType::Counter, "rate_limit_refused"), used: define(MetricType::Gauge, "rate_limit_used") };
        self.set_tick_period(TICK);
        true
    }

    /// Without requests nothing counts: the gauge comes down by itself.
    fn on_tick(&mut self) {
        let window = window_now(self, self.limit);
        let used = self.get_shared_data(KEY).0.map_or(0, |bytes| Count::decode(&bytes, window).requests);
        record(self.metrics.used, used.into());
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(RateLimitStream { limit: self.limit, metrics: self.metrics }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request and its response.
struct RateLimitStream {
    limit: Limit,
    metrics: Metrics,
}

impl Context for RateLimitStream {}

impl HttpContext for RateLimitStream {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        if self.take() {
            return Action::Continue;
        }
        let _ = hostcalls::increment_metric(self.metrics.refused, 1);
        let seconds = self.limit.seconds.to_string();
        self.send_http_response(429, vec![("retry-after", &seconds)], Some(b"too many requests\n"));
        Action::Pause
    }
}

impl RateLimitStream {
    /// Counts this request. The number that comes with the shared value (`cas`) says whether another worker changed it since; then count again.
    fn take(&self) -> bool {
        let window = window_now(self, self.limit);
        for _ in 0..ATTEMPTS {
            let (bytes, cas) = self.get_shared_data(KEY);
            let count = bytes.map_or(Count { window, requests: 0 }, |bytes| Count::decode(&bytes, window));
            if count.requests >= self.limit.requests {
                return false;
            }
            let more = Count { window, requests: count.requests + 1 };
            match self.set_shared_data(KEY, Some(&more.encode()), cas) {
                Ok(()) => {
                    record(self.metrics.used, more.requests.into());
                    return true;
                }
                Err(Status::CasMismatch) => {}
                Err(_) => break,
            }
        }
        // Nobody loses a request because the proxy could not count it.
        true
    }
}

/// What is shared: the number of a window of time, and the requests that passed in it.
struct Count {
    window: u64,
    requests: u32,
}

impl Count {
    fn encode(&self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&self.window.to_le_bytes());
        bytes[8..].copy_from_slice(&self.requests.to_le_bytes());
        bytes
    }

    /// The count of this window: what stands there may be of one that is over.
    fn decode(bytes: &[u8], window: u64) -> Count {
        let requests = match bytes.split_first_chunk::<8>() {
            Some((before, requests)) if u64::from_le_bytes(*before) == window => requests.try_into().map_or(0, u32::from_le_bytes),
            _ => 0,
        };
        Count { window, requests }
    }
}

fn window_now(context: &dyn Context, limit: Limit) -> u64 {
    let seconds = context.get_current_time().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    seconds / u64::from(limit.seconds)
}

fn define(kind: MetricType, name: &str) -> u32 {
    hostcalls::define_metric(kind, name).unwrap_or_default()
}

fn record(metric: u32, value: u64) {
    // A metric that the proxy does not take is no reason to fail a request.
    let _ = hostcalls::record_metric(metric, value);
}

fn read_limit(text: &[u8]) -> Result<Limit, String> {
    let limit: Limit = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if limit.requests == 0 || limit.seconds == 0 {
        return Err("requests and seconds must be from 1 on".to_string());
    }
    Ok(limit)
}
