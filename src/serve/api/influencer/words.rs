//! Numbers as sentences say them: as many digits as mean something.

use std::sync::Arc;

use crate::config::Duration;

const DAY_MS: i64 = 86_400_000;

/// Names that are said before the rest is counted.
const NAMES: usize = 3;

pub(super) fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// A ratio, to two decimals while it is small.
pub(super) fn times(ratio: f64) -> String {
    match ratio {
        1000.0.. => "over 1000".into(),
        100.0.. => format!("{ratio:.0}"),
        10.0.. => short(format!("{ratio:.1}")),
        _ => short(format!("{ratio:.2}")),
    }
}

/// How many conversions, of which there may be parts.
pub(super) fn many(conversions: f64) -> String {
    if conversions.abs() >= 10.0 {
        format!("{conversions:.0}")
    } else {
        short(format!("{conversions:.1}"))
    }
}

/// A chance or what is allowed of it.
pub(super) fn chance(chance: f64) -> String {
    if chance >= 0.001 || chance <= 0.0 { format!("{chance:.3}") } else { format!("{chance:.1e}") }
}

/// The time of so many buckets.
pub(super) fn span(buckets: i64, bucket_ms: i64) -> String {
    let small = ["one", "two", "three", "four", "five", "six", "seven"];
    if bucket_ms != DAY_MS {
        let span_ms = u64::try_from(buckets * bucket_ms).unwrap_or_default();
        return Duration::from_millis(span_ms).to_string();
    }
    let number = usize::try_from(buckets - 1).ok().and_then(|at| small.get(at));
    let number = number.map_or_else(|| buckets.to_string(), |number| (*number).to_owned());
    format!("{number} day{}", if buckets == 1 { "" } else { "s" })
}

/// Names as a list in a sentence.
pub(super) fn names(names: &[Arc<str>]) -> String {
    match names {
        [] => String::new(),
        [one] => one.to_string(),
        several if several.len() > NAMES => {
            let said = several.iter().take(NAMES).map(|name| &**name).collect::<Vec<_>>();
            format!("{} and {} more", said.join(", "), several.len() - NAMES)
        }
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Without zeros that end a fraction.
fn short(number: String) -> String {
    if !number.contains('.') {
        return number;
    }
    number.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_mean_something() {
        for (ratio, said) in [
            (1.9, "1.9"),
            (2.0, "2"),
            (1.054, "1.05"),
            (0.0, "0"),
            (10.04, "10"),
            (12.34, "12.3"),
            (123.4, "123"),
            (1e130, "over 1000"),
        ] {
            assert_eq!(times(ratio), said);
        }
        for (conversions, said) in
            [(56.84, "57"), (9.96, "10"), (0.04, "0"), (3.25, "3.2"), (-1.0, "-1")]
        {
            assert_eq!(many(conversions), said);
        }
        for (chance_of, said) in [(0.0123, "0.012"), (0.000_012, "1.2e-5"), (0.0, "0.000")] {
            assert_eq!(chance(chance_of), said);
        }
    }

    #[test]
    fn spans_are_days_where_buckets_are() {
        for (buckets, bucket_ms, said) in [
            (1, DAY_MS, "one day"),
            (3, DAY_MS, "three days"),
            (49, DAY_MS, "49 days"),
            (3, 3_600_000, "3h"),
        ] {
            assert_eq!(span(buckets, bucket_ms), said);
        }
    }

    #[test]
    fn names_are_listed() {
        let list = |count: usize| -> Vec<Arc<str>> {
            ["a", "b", "c", "d", "e"].iter().take(count).map(|name| Arc::from(*name)).collect()
        };
        for (count, said) in
            [(1, "a"), (2, "a and b"), (3, "a, b and c"), (5, "a, b, c and 2 more")]
        {
            assert_eq!(names(&list(count)), said);
        }
    }
}
