//! Event times as producers write them; magnitude tells the unit of a bare number.

use std::borrow::Cow;

use jiff::Timestamp;

/// The last ms of the year 9999.
const LAST_MS: i64 = 253_402_300_799_999;

/// A `time` field as spelled.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Time<'a> {
    Integer(i64),
    Float(f64),
    Text(Cow<'a, str>),
}

impl Time<'_> {
    /// Ms since the Unix epoch, if that lies in the years 1970 to 9999.
    pub(super) fn to_ms(&self) -> Option<i64> {
        let ms = match self {
            Self::Integer(number) => integer_to_ms(*number),
            Self::Float(number) => float_to_ms(*number)?,
            Self::Text(text) => text_to_ms(text)?,
        };
        (0..=LAST_MS).contains(&ms).then_some(ms)
    }
}

/// Below 1e11 a number counts seconds (up to the year 5138), below 1e14 ms (from 1973 on), below
/// 1e17 µs, else ns.
fn integer_to_ms(number: i64) -> i64 {
    if number < 100_000_000_000 {
        number.saturating_mul(1_000)
    } else if number < 100_000_000_000_000 {
        number
    } else if number < 100_000_000_000_000_000 {
        number / 1_000
    } else {
        number / 1_000_000
    }
}

fn float_to_ms(number: f64) -> Option<i64> {
    let ms = if number < 1e11 {
        number * 1e3
    } else if number < 1e14 {
        number
    } else if number < 1e17 {
        number / 1e3
    } else {
        number / 1e6
    };
    // The comparison is false for NaN.
    #[allow(clippy::cast_possible_truncation, reason = "below 2^53")]
    (ms.abs() <= LAST_MS as f64).then(|| ms.round() as i64)
}

fn text_to_ms(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse() {
        return Some(integer_to_ms(number));
    }
    // What spells a number cannot be a date: dates have two dashes or more.
    if let Ok(number) = text.parse() {
        return float_to_ms(number);
    }
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_told_by_magnitude() {
        let ms = 1_341_100_972_123;
        for (time, expected) in [
            (Time::Integer(0), Some(0)),
            (Time::Integer(1_341_100_972), Some(1_341_100_972_000)),
            (Time::Integer(ms), Some(ms)),
            (Time::Integer(ms * 1_000 + 999), Some(ms)),
            (Time::Integer(ms * 1_000_000 + 999_999), Some(ms)),
            (Time::Integer(99_999_999_999), Some(99_999_999_999_000)),
            (Time::Integer(100_000_000_000), Some(100_000_000_000)),
            (Time::Integer(-1), None),
            (Time::Integer(i64::MIN), None),
            (Time::Integer(i64::MAX), Some(9_223_372_036_854)),
            (Time::Float(1_341_100_972.123), Some(ms)),
            (Time::Float(1_341_100_972_123.4), Some(ms)),
            (Time::Float(1_341_100_972_123_000.0), Some(ms)),
            (Time::Float(f64::NAN), None),
            (Time::Float(f64::INFINITY), None),
            (Time::Float(1e30), None),
            (Time::Float(-5.0), None),
        ] {
            assert_eq!(time.to_ms(), expected, "{time:?}");
        }
    }

    #[test]
    fn text_is_a_date_or_a_number() {
        for (text, expected) in [
            ("2012-07-01T00:02:52.123Z", Some(1_341_100_972_123)),
            ("2012-07-01T02:02:52.123+02:00", Some(1_341_100_972_123)),
            ("2012-07-01T00:02:52.123456789Z", Some(1_341_100_972_123)),
            ("1341100972123", Some(1_341_100_972_123)),
            ("1341100972.123", Some(1_341_100_972_123)),
            ("9999-12-30T22:00:00Z", Some(253_402_207_200_000)),
            ("1969-12-31T23:59:59.999Z", None),
            ("2012-07-01", None),
            ("2012-07-01T00:02:52", None),
            ("2012-13-01T00:02:52Z", None),
            ("yesterday", None),
            ("NaN", None),
            ("inf", None),
            ("", None),
        ] {
            assert_eq!(Time::Text(text.into()).to_ms(), expected, "{text}");
        }
    }
}
