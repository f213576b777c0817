//! Adds the header x-hello to every response. The configuration is its value; without one it is "world".
use std::rc::Rc;

use log::error;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Hello { value: Rc::from("world") }));
}}

/// The filter with its configuration: one for each worker thread of the proxy.
struct Hello {
    value: Rc<str>,
}

impl Context for Hello {}

impl RootContext for Hello {
    /// False refuses the configuration: the proxy keeps what it ran before. The log says why.
    fn on_configure(&mut self, _size: usize) -> bool {
        let Some(bytes) = self.get_plugin_configuration() else {
            return true;
        };
        match header_value(bytes) {
            Ok(value) => self.value = Rc::from(value),
            Err(why) => {
                error!("configuration: {why}");
                return false;
            }
        }
        true
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(HelloStream { value: Rc::clone(&self.value) }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request and its response.
struct HelloStream {
    value: Rc<str>,
}

impl Context for HelloStream {}

impl HttpContext for HelloStream {
    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        self.add_http_response_header("x-hello", &self.value);
        Action::Continue
    }
}

/// Line breaks and other control characters in a header would let a value forge headers of its own.
fn header_value(bytes: Vec<u8>) -> Result<String, &'static str> {
    if bytes.iter().any(|&c| (c < 0x20 && c != b'\t') || c == 0x7f) {
        return Err("the value of a header has no line breaks and no other control characters");
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8")
}
