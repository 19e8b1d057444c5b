//! Amounts in the base currency, and whether amounts are mixed up that no rate tells apart.
//!
//! Invariant: without rates the first two different codes are remembered, whichever thread reads
//! them, and said once.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

/// Longest part of a currency code that is looked at where there are no rates.
const CODE_CHARS_MAX: usize = 16;

/// Rates of the currencies that are configured, to the base currency.
#[derive(Debug, Default)]
pub(super) struct Money {
    /// By code: the rate, and the place in the order of codes, from 1.
    rates: HashMap<Box<str>, (f64, u8)>,
    /// Without rates: a currency that was seen, and one that is not the same.
    seen: OnceLock<Box<str>>,
    other: OnceLock<Box<str>>,
}

/// An amount in the base currency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Amount {
    pub(super) value: f64,
    /// Whether there is no rate for its currency: it counts 0.
    pub(super) unpriced: bool,
}

impl Money {
    pub(super) fn new(rates: &BTreeMap<String, f64>) -> Self {
        let places = (1..=u8::MAX).chain(std::iter::repeat(0));
        let rates = rates.iter().zip(places);
        let rates = rates.map(|((code, rate), at)| (code.as_str().into(), (*rate, at))).collect();
        Self { rates, ..Self::default() }
    }

    /// What `value` in `currency` is worth. Without a currency, or without any rates, it is taken
    /// as it comes.
    pub(super) fn amount(&self, value: f64, currency: Option<&str>) -> Amount {
        let Some(code) = currency.filter(|code| !code.is_empty()) else {
            return Amount { value, unpriced: false };
        };
        if self.rates.is_empty() {
            self.note(code);
            return Amount { value, unpriced: false };
        }
        match self.rates.get(code) {
            Some((rate, _)) => Amount { value: value * rate, unpriced: false },
            None => Amount { value: 0.0, unpriced: true },
        }
    }

    /// Place of a currency among those with a rate, from 1; 0 for no currency and for any other.
    pub(super) fn place(&self, currency: Option<&str>) -> u8 {
        currency.and_then(|code| self.rates.get(code)).map_or(0, |(_, place)| *place)
    }

    /// Two currencies whose amounts were added up as they came, if that happened.
    pub(super) fn mixed(&self) -> Option<[&str; 2]> {
        let other = self.other.get()?;
        self.seen.get().map(|seen| [&**seen, &**other])
    }

    fn note(&self, code: &str) {
        let code = cut(code);
        let seen = self.seen.get_or_init(|| code.into());
        if **seen == *code || self.other.get().is_some() {
            return;
        }
        if self.other.set(code.into()).is_ok() {
            tracing::warn!(
                currencies = format!("{seen}, {code}"),
                "amounts in different currencies are added up as they come, model.currencies can \
                 say their rates"
            );
        }
    }
}

/// As much of a code as tells it from others.
fn cut(code: &str) -> &str {
    code.char_indices().nth(CODE_CHARS_MAX).and_then(|(end, _)| code.get(..end)).unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priced(value: f64) -> Amount {
        Amount { value, unpriced: false }
    }

    #[test]
    fn amounts_are_in_the_base_currency() {
        let rates = BTreeMap::from([("EUR".to_owned(), 1.5), ("JPY".to_owned(), 0.25)]);
        let money = Money::new(&rates);
        for (currency, expected) in [
            (Some("EUR"), priced(15.0)),
            (Some("JPY"), priced(2.5)),
            (Some("eur"), Amount { value: 0.0, unpriced: true }),
            (Some("USD"), Amount { value: 0.0, unpriced: true }),
            (Some(""), priced(10.0)),
            (None, priced(10.0)),
        ] {
            assert_eq!(money.amount(10.0, currency), expected, "{currency:?}");
        }
        assert_eq!(money.mixed(), None, "rates tell them apart");
    }

    #[test]
    fn without_rates_a_mix_is_noticed() {
        let money = Money::default();
        for (currency, mixed) in [
            (None, None),
            (Some("EUR"), None),
            (Some(""), None),
            (Some("EUR"), None),
            (Some("USD"), Some(["EUR", "USD"])),
            (Some("EUR"), Some(["EUR", "USD"])),
            (Some("JPY"), Some(["EUR", "USD"])),
        ] {
            assert_eq!(money.amount(10.0, currency), priced(10.0));
            assert_eq!(money.mixed(), mixed, "{currency:?}");
        }
    }

    #[test]
    fn a_code_that_is_none_is_not_kept_whole() {
        let money = Money::default();
        for code in ["x".repeat(1 << 20), "x".repeat(17), "y".repeat(17)] {
            money.amount(1.0, Some(&code));
        }
        assert_eq!(money.mixed(), Some(["x".repeat(16).as_str(), "y".repeat(16).as_str()]));
    }
}
