//! An amount of memory as configuration writes it: a whole number and a unit, such as `64MiB`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Units that are written, from the largest to the smallest, in bytes.
const BINARY: [(&str, u64); 5] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Units that are understood as well.
const DECIMAL: [(&str, u64); 4] =
    [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// The text is not a number and a unit, or is more than can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a size, a whole number and one of B, KiB, MiB, GiB, TiB, such as 64MiB")]
pub struct NotAByteSize;

impl ByteSize {
    #[must_use]
    pub const fn mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    #[must_use]
    pub const fn gib(gib: u64) -> Self {
        Self(gib << 30)
    }

    /// Bytes, at most `usize::MAX`.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = NotAByteSize;

    fn from_str(text: &str) -> Result<Self, NotAByteSize> {
        let text = text.trim();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let Ok(number) = number.parse::<u64>() else { return Err(NotAByteSize) };
        let unit = unit.trim_start();
        if number == 0 && unit.is_empty() {
            return Ok(Self(0));
        }
        let mut units = BINARY.iter().chain(&DECIMAL);
        let (_, bytes) = units.find(|(name, _)| *name == unit).ok_or(NotAByteSize)?;
        number
            .checked_mul(*bytes)
            .filter(|bytes| i64::try_from(*bytes).is_ok())
            .map(Self)
            .ok_or(NotAByteSize)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match BINARY.iter().find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size)) {
            Some((name, size)) => write!(f, "{}{name}", self.0 / size),
            None => write!(f, "0B"),
        }
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for ByteSize {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "byte-size" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        let cases = [
            ("0", "0B"),
            ("512 B", "512B"),
            ("64MiB", "64MiB"),
            ("1024MiB", "1GiB"),
            ("1500MiB", "1500MiB"),
            ("1MB", "1000000B"),
        ];
        for (text, written) in cases {
            let read: ByteSize = text.parse().unwrap();
            assert_eq!(read.to_string(), written, "{text}");
            assert_eq!(written.parse::<ByteSize>().unwrap(), read, "{text}");
        }
    }

    #[test]
    fn refuses() {
        for text in ["", "64", "MiB", "-1MiB", "1.5GiB", "64mib", "64M", "9999999TiB"] {
            assert_eq!(text.parse::<ByteSize>(), Err(NotAByteSize), "{text}");
        }
    }
}
