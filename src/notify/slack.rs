//! A message to an incoming webhook of Slack, or of what understands the same.

use serde_json::json;
use ureq::Agent;

use super::{Config, SendError, Sink, http, link};
use crate::model::Shift;

pub struct Slack {
    agent: Agent,
    url: String,
    external_url: Option<String>,
}

impl Slack {
    /// Nothing where none is configured.
    #[must_use]
    pub fn configured(config: &Config) -> Option<Self> {
        let url = config.slack.url.as_ref()?.0.clone();
        let agent = http::agent(config.timeout.0);
        Some(Self { agent, url, external_url: config.external_url.clone() })
    }
}

impl Sink for Slack {
    fn send(&mut self, shift: &Shift) -> Result<(), SendError> {
        let body = json!({ "text": text(shift, self.external_url.as_deref()) }).to_string();
        http::post(&self.agent, &self.url, &[], body.as_bytes())
    }
}

/// Names are anybody's choice and must not become markup or mentions.
fn text(shift: &Shift, external_url: Option<&str>) -> String {
    let said = shift.summary.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    match link(external_url, shift) {
        Some(url) => format!("{said} <{url}|More>"),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::notify::tests::shift;

    #[test]
    fn names_cannot_mention_everybody() {
        let mut shift = shift(1);
        shift.summary = "<!channel> & co lead.".into();
        shift.influencer = "<!channel>".into();
        let said = text(&shift, Some("https://x.example/"));
        let expected = "&lt;!channel&gt; &amp; co lead. \
                        <https://x.example/?segment=s&influencer=%3C%21channel%3E|More>";
        assert_eq!(said, expected);
    }
}
