//! Events and sales by campaign: what an advertiser adds up, beside the scores.
//!
//! Invariant: a series for each configured campaign, kind and currency from the start, and one
//! more for all others; names in events make none.

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus::{Counter, CounterVec, IntCounter, IntCounterVec, Opts, Registry};

use crate::config::OTHER_CAMPAIGN;
use crate::model::{Interaction, Kind};

/// The currency of an amount without one, or where there are no rates.
const AS_IT_COMES: &str = "base";

/// The families, and their series in the order of the places in an interaction; cheap to clone.
#[derive(Clone)]
pub(super) struct Campaigns {
    events: IntCounterVec,
    value: CounterVec,
    series: Arc<[Series]>,
    /// By place: what one unit of a currency is worth in the base currency.
    rates: Arc<[f64]>,
}

struct Series {
    events: Vec<IntCounter>,
    value: Vec<Counter>,
}

/// Counts of the batch in hand.
#[derive(Default)]
pub(super) struct Tally {
    /// By campaign and kind.
    events: Vec<[u64; Kind::ALL.len()]>,
    /// By campaign and currency, in the base currency.
    value: BTreeMap<(u8, u8), f64>,
}

impl Campaigns {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let opts = Opts::new(
            "sillage_campaign_events_total",
            "Scored events of a configured campaign, all others as other.",
        );
        let events = IntCounterVec::new(opts, &["campaign", "kind"])?;
        let opts = Opts::new(
            "sillage_campaign_conversion_value_total",
            "Conversion value, major units of a currency that has a rate, all else as base.",
        );
        let value = CounterVec::new(opts, &["campaign", "currency"])?;
        registry.register(Box::new(events.clone()))?;
        registry.register(Box::new(value.clone()))?;
        let new = Self { events, value, series: Arc::new([]), rates: Arc::new([]) };
        Ok(new.naming(&[], &BTreeMap::new()))
    }

    /// The same, with series for these campaigns and currencies.
    pub(super) fn naming(self, campaigns: &[String], rates: &BTreeMap<String, f64>) -> Self {
        let currencies: Vec<_> =
            [AS_IT_COMES].into_iter().chain(rates.keys().map(|c| &**c)).collect();
        let names = [OTHER_CAMPAIGN].into_iter().chain(campaigns.iter().map(|name| &**name));
        let series = names.map(|name| Series {
            events: Kind::ALL
                .iter()
                .map(|kind| self.events.with_label_values(&[name, kind.as_str()]))
                .collect(),
            value: currencies
                .iter()
                .map(|currency| self.value.with_label_values(&[name, currency]))
                .collect(),
        });
        let rates = [1.0].into_iter().chain(rates.values().copied()).collect();
        Self { series: series.collect(), rates, ..self }
    }
}

impl Tally {
    /// Counts an event that was scored.
    pub(super) fn add(&mut self, interaction: &Interaction<'_>) {
        let place = interaction.campaign;
        let at = usize::from(place.campaign);
        if self.events.len() <= at {
            self.events.resize(at + 1, [0; Kind::ALL.len()]);
        }
        if let Some(count) =
            self.events.get_mut(at).and_then(|e| e.get_mut(interaction.kind as usize))
        {
            *count += 1;
        }
        if interaction.kind == Kind::Conversion {
            *self.value.entry((place.campaign, place.currency)).or_default() += interaction.value;
        }
    }

    /// Brings the counts into the metrics.
    pub(super) fn flush(&mut self, campaigns: &Campaigns) {
        for (counts, series) in self.events.iter_mut().zip(campaigns.series.iter()) {
            for (count, counter) in counts.iter_mut().zip(&series.events) {
                counter.inc_by(std::mem::take(count));
            }
        }
        for ((campaign, currency), value) in std::mem::take(&mut self.value) {
            let series = campaigns.series.get(usize::from(campaign));
            let at = usize::from(currency);
            let counter = series.and_then(|series| series.value.get(at));
            if let (Some(counter), Some(rate)) = (counter, campaigns.rates.get(at)) {
                counter.inc_by(value / rate);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::format::{Decoder, Record};
    use crate::model::{Batch, Secret};

    #[test]
    fn events_and_amounts_are_counted_by_campaign() {
        let registry = Registry::new();
        let (names, rates) = (["spring".to_owned()], BTreeMap::from([("EUR".to_owned(), 2.0)]));
        let campaigns = Campaigns::register(&registry).unwrap().naming(&names, &rates);
        let decoder = Decoder::new(Secret::new(1), &BTreeMap::new(), &rates).with_campaigns(&names);
        let mut batch = Batch::default();
        let events = [
            r#"{"kind":"conversion","actor":"a","time":1,"campaign":"spring","value":3,"currency":"EUR"}"#,
            r#"{"kind":"conversion","actor":"a","time":1,"campaign":"spring","value":0.5,"currency":"EUR"}"#,
            r#"{"kind":"conversion","actor":"a","time":1,"campaign":"spring","value":7}"#,
            r#"{"kind":"conversion","actor":"a","time":1,"campaign":"spring","value":9,"currency":"XXX"}"#,
            r#"{"kind":"refund","actor":"a","time":1,"campaign":"spring","value":3,"currency":"EUR"}"#,
            r#"{"kind":"like","actor":"a","target":"b","time":1,"campaign":["spring",{"a":1}]}"#,
            r#"{"kind":"like","actor":"a","target":"b","time":1,"campaign":"autumn"}"#,
        ];
        for event in events {
            let payload = Some(event.as_bytes());
            decoder.decode(&Record { payload, key: None, log_time_ms: 1 }, &mut batch).unwrap();
        }
        let mut tally = Tally::default();
        batch.interactions().iter().for_each(|interaction| tally.add(interaction));
        tally.flush(&campaigns);
        tally.flush(&campaigns);
        for (campaign, kind, count) in
            [("spring", "conversion", 4), ("spring", "refund", 1), ("other", "like", 2)]
        {
            assert_eq!(
                campaigns.events.with_label_values(&[campaign, kind]).get(),
                count,
                "{kind}"
            );
        }
        for (campaign, currency, value) in
            [("spring", "EUR", 3.5), ("spring", "base", 7.0), ("other", "EUR", 0.0)]
        {
            let counted = campaigns.value.with_label_values(&[campaign, currency]).get();
            assert!((counted - value).abs() < 1e-12, "{campaign} {currency}: {counted}");
        }
        let series = registry.gather().iter().map(|f| f.get_metric().len()).sum::<usize>();
        assert_eq!(series, 2 * (Kind::ALL.len() + 2), "all of them, and no others");
    }
}
