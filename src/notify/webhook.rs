//! A shift as JSON to any address, signed.

use std::fmt::Write as _;

use hmac::{Hmac, Mac};
use serde::Serialize;
use sha2::Sha256;
use ureq::Agent;

use super::{Config, SendError, Sink, http, link};
use crate::model::Shift;

/// `sha256=` and the HMAC-SHA256 of the body, in hexadecimal digits.
const SIGNATURE: &str = "x-sillage-signature";
/// The id of the shift: one that comes again has the same.
const ID: &str = "x-sillage-shift";

pub struct Webhook {
    agent: Agent,
    url: String,
    secret: Option<String>,
    external_url: Option<String>,
}

/// The body: the shift, what its numbers are, and where there is more.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(flatten)]
    shift: &'a Shift,
    measure: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl Webhook {
    /// Nothing where none is configured.
    #[must_use]
    pub fn configured(config: &Config) -> Option<Self> {
        let url = config.webhook.url.as_ref()?.0.clone();
        Some(Self {
            agent: http::agent(config.timeout.0),
            url,
            secret: config.webhook.secret.as_ref().map(|secret| secret.0.clone()),
            external_url: config.external_url.clone(),
        })
    }
}

impl Sink for Webhook {
    fn send(&mut self, shift: &Shift) -> Result<(), SendError> {
        let url = link(self.external_url.as_deref(), shift);
        let body = Body { shift, measure: shift.rule.measure(), url };
        let body = serde_json::to_vec(&body).map_err(|e| SendError::Never(e.to_string()))?;
        let (id, signature) = (shift.id.to_string(), self.secret.as_ref().map(|s| sign(s, &body)));
        let mut headers = vec![(ID, id.as_str())];
        headers.extend(signature.as_ref().map(|signature| (SIGNATURE, signature.as_str())));
        http::post(&self.agent, &self.url, &headers, &body)
    }
}

fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key may have any length");
    mac.update(body);
    let mut text = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(text, "{byte:02x}").expect("a string takes all");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::sign;

    /// RFC 4231, test case 2.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(sign("Jefe", b"what do ya want for nothing?"), expected);
    }
}
