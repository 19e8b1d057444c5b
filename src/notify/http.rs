//! A POST and what its answer means.
//!
//! Invariant: bounded in time and in what is read; no redirect is followed, so that a body goes
//! nowhere else than configured.

use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

use super::SendError;

/// Of an answer, for the log.
const ANSWER_BYTES_MAX: u64 = 4_096;
const SHOWN_CHARS_MAX: usize = 200;

/// An agent that trusts the authorities of the system.
pub(super) fn agent(timeout: Duration) -> Agent {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::NativeTls)
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("sillage/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls)
        .build()
        .into()
}

/// Posts JSON. Busy, overloaded and broken receivers are asked again, those who refuse are not.
pub(super) fn post(
    agent: &Agent,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<(), SendError> {
    let mut request = agent.post(url).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    // The address stays out of errors, since it may be a secret.
    let mut answer = request.send(body).map_err(|error| match error {
        ureq::Error::BadUri(_) => SendError::Never("the address is not one".into()),
        error => SendError::Again(error.to_string()),
    })?;
    let status = answer.status();
    let said = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
    if status.is_success() {
        return Ok(());
    }
    let said: String = said.unwrap_or_default().chars().take(SHOWN_CHARS_MAX).collect();
    let said = format!("{status}: {}", said.trim());
    let is_passing = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    Err(if is_passing { SendError::Again(said) } else { SendError::Never(said) })
}
