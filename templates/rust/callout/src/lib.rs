//! Asks another service whether a request may pass. It fails closed: no answer, no passage.
//! Configuration: `{"cluster": "auth", "authority": "auth.local", "path": "/check", "timeoutMs": 500}`. Only `cluster`, a cluster of the proxy, is needed.
//!
//! The service gets the request's `authorization`, its method and its path. 200 lets it pass, with the service's `x-user` for the app;
//! 401 and 403 go to the client; anything else is a 503.
use std::rc::Rc;
use std::time::Duration;

use log::{error, warn};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, Bytes, ContextType, LogLevel};
use serde::Deserialize;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Callout { service: Rc::default() }));
}}

const MAX_TIMEOUT_MS: u32 = 60_000;

/// Where the service is.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Service {
    cluster: String,
    /// Of the question; the cluster's name where there is none.
    authority: String,
    path: String,
    timeout_ms: u32,
}

impl Default for Service {
    fn default() -> Self {
        Service { cluster: String::new(), authority: String::new(), path: "/".to_string(), timeout_ms: 1000 }
    }
}

/// The filter with its configuration: one for each worker thread of the proxy.
struct Callout {
    service: Rc<Service>,
}

impl Context for Callout {}

impl RootContext for Callout {
    /// False refuses the configuration: the proxy keeps what it ran before. The log says why.
    fn on_configure(&mut self, _size: usize) -> bool {
        let text = self.get_plugin_configuration().unwrap_or_else(|| b"{}".to_vec());
        match read_service(&text) {
            Ok(service) => self.service = Rc::new(service),
            Err(why) => {
                error!("configuration: {why}");
                return false;
            }
        }
        true
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(CalloutStream { service: Rc::clone(&self.service) }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request and its response.
struct CalloutStream {
    service: Rc<Service>,
}

impl CalloutStream {
    fn ask(&self) -> bool {
        let bytes = |name| self.get_http_request_header_bytes(name);
        // What is not UTF-8 is not passed on as something else: the service sees none.
        let text = |name| bytes(name).and_then(|value: Bytes| String::from_utf8(value).ok());
        let (authorization, method, path) = (text("authorization"), text(":method"), text(":path"));
        let mut headers = vec![(":method", "GET"), (":path", self.service.path.as_str()), (":authority", self.service.authority.as_str())];
        for (name, value) in [("authorization", &authorization), ("x-original-method", &method), ("x-original-path", &path)] {
            if let Some(value) = value {
                headers.push((name, value.as_str()));
            }
        }
        let timeout = Duration::from_millis(self.service.timeout_ms.into());
        self.dispatch_http_call(&self.service.cluster, headers, None, vec![], timeout).is_ok()
    }

    fn refuse(&self, status: u32, body: &str) {
        self.send_http_response(status, vec![], Some(body.as_bytes()));
    }
}

impl Context for CalloutStream {
    /// `count` 0: no answer came (a timeout, a broken connection, no healthy host).
    fn on_http_call_response(&mut self, _call: u32, count: usize, _body_size: usize, _trailers: usize) {
        let status = if count == 0 { None } else { self.get_http_call_response_header_bytes(":status") };
        match status.as_deref() {
            Some(b"200") => {
                if let Some(user) = self.get_http_call_response_header_bytes("x-user") {
                    self.set_http_request_header_bytes("x-user", Some(&user));
                }
                self.resume_http_request();
            }
            Some(b"401") => self.refuse(401, "not allowed\n"),
            Some(b"403") => self.refuse(403, "not allowed\n"),
            _ => {
                warn!("the service did not answer with 200, 401 or 403");
                self.refuse(503, "it cannot be told whether you are allowed\n");
            }
        }
    }
}

impl HttpContext for CalloutStream {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        // The app trusts this header: nobody but the service may set it.
        self.remove_http_request_header("x-user");
        if !self.ask() {
            error!("the service cannot be asked: is there a cluster of this name?");
            self.refuse(503, "it cannot be told whether you are allowed\n");
        }
        // The request waits for the answer.
        Action::Pause
    }
}

fn read_service(text: &[u8]) -> Result<Service, String> {
    let mut service: Service = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if service.cluster.is_empty() {
        return Err("cluster is missing".to_string());
    }
    if service.authority.is_empty() {
        service.authority = service.cluster.clone();
    }
    if !(1..=MAX_TIMEOUT_MS).contains(&service.timeout_ms) {
        return Err(format!("timeoutMs must be from 1 to {MAX_TIMEOUT_MS}"));
    }
    Ok(service)
}
