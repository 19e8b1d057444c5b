//! Who acts in an event and when, for those who pass records on and do not score them.

use std::borrow::Cow;

use super::{Fields, canonical, scan};
use crate::model::Batch;

/// What can be told of an event without checking it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glance<'a> {
    pub actor: Option<Cow<'a, str>>,
    /// Ms since the Unix epoch.
    pub time_ms: Option<i64>,
}

/// Looks at a payload in canonical JSON; of anything else nothing is told.
#[must_use]
pub fn glance(payload: &[u8]) -> Glance<'_> {
    let Ok(text) = str::from_utf8(payload) else { return Glance::default() };
    let (mut fields, mut segments) = (Fields::default(), Batch::default());
    if let Err(scan::Unfamiliar) = scan::read(text, &mut fields, &mut segments) {
        fields = canonical::fields(text, &mut segments).unwrap_or_default();
    }
    Glance { actor: fields.actor, time_ms: fields.time.and_then(|time| time.to_ms()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_who_and_when_if_that_can_be_read() {
        for (payload, actor, time_ms) in [
            (r#"{"kind":"like","actor":"a","time":5,"segments":["x"]}"#, Some("a"), Some(5_000)),
            (r#"{"actor":"\u0061","time":"1970-01-01T00:00:05Z"}"#, Some("a"), Some(5_000)),
            (r#"{"actor":"a","time":"soon"}"#, Some("a"), None),
            ("{}", None, None),
            ("who knows", None, None),
        ] {
            let expected = Glance { actor: actor.map(Cow::Borrowed), time_ms };
            assert_eq!(glance(payload.as_bytes()), expected, "{payload}");
        }
    }
}
