//! Lets only requests with a known token pass. Others are answered with 401; no other service is asked.
//! Configuration: `{"tokens": ["..."]}`. Requests bring one of them: `authorization: Bearer ...`.
use std::rc::Rc;

use log::error;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};
use serde::Deserialize;
use subtle::{Choice, ConstantTimeEq};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Auth { tokens: Rc::default() }));
}}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    #[serde(default)]
    tokens: Vec<String>,
}

/// The filter with its configuration: one for each worker thread of the proxy.
struct Auth {
    tokens: Rc<[String]>,
}

impl Context for Auth {}

impl RootContext for Auth {
    /// False refuses the configuration: the proxy keeps what it ran before. The log says why, and never quotes a token.
    fn on_configure(&mut self, _size: usize) -> bool {
        let text = self.get_plugin_configuration().unwrap_or_else(|| b"{}".to_vec());
        match read_tokens(&text) {
            Ok(tokens) => self.tokens = Rc::from(tokens),
            Err(why) => {
                error!("configuration: {why}");
                return false;
            }
        }
        true
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(AuthStream { tokens: Rc::clone(&self.tokens) }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request and its response.
struct AuthStream {
    tokens: Rc<[String]>,
}

impl Context for AuthStream {}

impl HttpContext for AuthStream {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        // As bytes: the value comes from outside, and one that is not UTF-8 would panic as a String.
        let value = self.get_http_request_header_bytes("authorization").unwrap_or_default();
        if is_allowed(&self.tokens, &value) {
            return Action::Continue;
        }
        self.send_http_response(401, vec![("www-authenticate", "Bearer")], Some(b"a known token is missing\n"));
        Action::Pause
    }
}

fn read_tokens(text: &[u8]) -> Result<Vec<String>, String> {
    // serde's own message may quote the text, which holds secrets: it tells the place alone.
    let Configuration { tokens } = serde_json::from_slice(text)
        .map_err(|error| format!(r#"it is not JSON of the form {{"tokens": ["..."]}} (line {}, column {})"#, error.line(), error.column()))?;
    if tokens.is_empty() {
        return Err("tokens must have at least one".to_string());
    }
    if tokens.iter().any(String::is_empty) {
        return Err("tokens must not be empty".to_string());
    }
    Ok(tokens)
}

/// `value`: of the header authorization. The scheme's case does not matter (RFC 9110, section 11.1).
fn is_allowed(tokens: &[String], value: &[u8]) -> bool {
    let (scheme, token) = value.split_at(value.len().min("bearer ".len()));
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return false;
    }
    // How long it takes tells nothing of the bytes: guessing a token byte by byte is of no use.
    let found = tokens.iter().fold(Choice::from(0), |found, known| found | known.as_bytes().ct_eq(token));
    found.into()
}
