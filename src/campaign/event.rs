//! A canonical event as the generators write it.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use crate::model::Kind;

/// One canonical event of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    pub id: String,
    #[serde(serialize_with = "as_name")]
    pub kind: Kind,
    /// When it happened, ms since the Unix epoch.
    #[serde(rename = "time")]
    pub time_ms: i64,
    pub actor: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Cow<'static, str>>,
    pub segments: &'static [&'static str],
    /// What the stream is for, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<Arc<str>>,
    /// Of a conversion, in `currency`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<&'static str>,
}

impl Event {
    /// Appends the event as JSON, without a line end.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, self).expect("an event must be writable to memory");
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn as_name<S: serde::Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}
