//! A span of time as configuration writes it: a whole number and a unit, such as `250ms` or `7d`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Units from the largest to the smallest, in ms.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// A duration in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub std::time::Duration);

/// The text is not a number and a unit, or is longer than can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a duration, a whole number and one of ms, s, m, h, d, w, such as 250ms or 7d")]
pub struct NotADuration;

impl Duration {
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(std::time::Duration::from_millis(ms))
    }

    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(std::time::Duration::from_secs(secs))
    }

    /// Whole milliseconds, at most `i64::MAX`.
    #[must_use]
    pub fn as_millis_i64(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl FromStr for Duration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, NotADuration> {
        let text = text.trim();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let Ok(number) = number.parse::<u64>() else { return Err(NotADuration) };
        let unit = unit.trim_start();
        if number == 0 && unit.is_empty() {
            return Ok(Self::default());
        }
        let (_, ms) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(NotADuration)?;
        number
            .checked_mul(*ms)
            .filter(|ms| i64::try_from(*ms).is_ok())
            .map(Self::from_millis)
            .ok_or(NotADuration)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        // Weeks are understood and not written: `14d` reads better than `2w`.
        let unit = UNITS.iter().skip(1).find(|(_, size)| ms >= *size && ms % size == 0);
        match unit {
            Some((name, size)) => write!(f, "{}{name}", ms / size),
            None => write!(f, "0s"),
        }
    }
}

impl From<std::time::Duration> for Duration {
    fn from(duration: std::time::Duration) -> Self {
        Self(duration)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "duration" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        let cases = [
            ("0", "0s"),
            ("250ms", "250ms"),
            ("1000ms", "1s"),
            ("60 s", "1m"),
            ("90s", "90s"),
            ("1h", "1h"),
            ("7d", "7d"),
            ("2w", "14d"),
        ];
        for (text, written) in cases {
            let read: Duration = text.parse().unwrap();
            assert_eq!(read.to_string(), written, "{text}");
            assert_eq!(written.parse::<Duration>().unwrap(), read, "{text}");
        }
    }

    #[test]
    fn refuses() {
        for text in ["", "7", "d", "-1s", "1.5h", "7days", "1s2", "99999999999999999999d", "٣s"] {
            assert_eq!(text.parse::<Duration>(), Err(NotADuration), "{text}");
        }
    }
}
