//! The constants of the model, under the names of the configuration.

use serde_json::Value;

const DAY: i64 = 86_400_000;

#[derive(Clone, Debug)]
pub(crate) struct Params {
    pub(crate) bucket_ms: i64,
    pub(crate) half_life_ms: i64,
    pub(crate) exponent: f64,
    pub(crate) cap: f64,
    pub(crate) outbound_cap: f64,
    pub(crate) ring_buckets: i64,
    pub(crate) active_buckets: i64,
    pub(crate) pseudo_audience: f64,
    pub(crate) retention_buckets: i64,
    pub(crate) dedup_window_ms: i64,
    pub(crate) grace_ms: i64,
    pub(crate) lookback_ms: i64,
    pub(crate) attribution_half_life_ms: i64,
    pub(crate) organic: f64,
    pub(crate) max_touches: usize,
    pub(crate) refund_window_ms: i64,
    pub(crate) exposure_buckets: i64,
    pub(crate) evidence_buckets: i64,
    pub(crate) level_buckets: i64,
    pub(crate) pace_conversions: f64,
    pub(crate) joint_passes: i64,
    pub(crate) false_discovery_rate: f64,
    pub(crate) margin: f64,
    pub(crate) min_conversions: f64,
    /// Whatever was given; tables are looked up in it.
    given: Value,
}

impl Params {
    /// The defaults, overridden by what `given` names. Tables are overridden as a whole.
    pub(crate) fn new(given: Value) -> Self {
        let whole = |key: &str, default| given.get(key).and_then(Value::as_i64).unwrap_or(default);
        let real = |key: &str, default| given.get(key).and_then(Value::as_f64).unwrap_or(default);
        Self {
            bucket_ms: whole("bucket_ms", DAY),
            half_life_ms: whole("half_life_ms", 7 * DAY),
            exponent: real("exponent", 0.5),
            cap: real("cap", 3.0),
            outbound_cap: real("outbound_cap", 20.0),
            ring_buckets: whole("ring_buckets", 8),
            active_buckets: whole("active_buckets", 7),
            pseudo_audience: real("pseudo_audience", 25.0),
            retention_buckets: whole("retention_buckets", 64),
            dedup_window_ms: whole("dedup_window_ms", 3_600_000),
            grace_ms: whole("grace_ms", 600_000),
            lookback_ms: whole("lookback_ms", 7 * DAY),
            attribution_half_life_ms: whole("attribution_half_life_ms", DAY),
            organic: real("organic", 0.5),
            max_touches: usize::try_from(whole("max_touches", 16)).expect("a count"),
            refund_window_ms: whole("refund_window_ms", 30 * DAY),
            exposure_buckets: whole("exposure_buckets", 3),
            evidence_buckets: whole("evidence_buckets", 49),
            level_buckets: whole("level_buckets", 12),
            pace_conversions: real("pace_conversions", 10.0),
            joint_passes: whole("joint_passes", 4),
            false_discovery_rate: real("false_discovery_rate", 0.05),
            margin: real("margin", 1.10),
            min_conversions: real("min_conversions", 5.0),
            given,
        }
    }

    /// What was given, for whoever else has to be told the same.
    pub(crate) fn given(&self) -> &Value {
        &self.given
    }

    pub(crate) fn weight(&self, kind: &str) -> f64 {
        let default = match kind {
            "quote" => 1.5,
            "mention" => 0.5,
            "view" => 0.05,
            _ => 1.0,
        };
        self.nested("weights", kind, default)
    }

    pub(crate) fn points(&self, part: &str) -> f64 {
        let default = match part {
            "amplify" => 30.0,
            "relate" => 25.0,
            "convert" => 45.0,
            _ => panic!("no points are called {part}"),
        };
        self.nested("points", part, default)
    }

    pub(crate) fn half_saturation(&self, part: &str) -> f64 {
        let default = match part {
            "amplify" => 0.05,
            "relate_in" => 0.03,
            "relate_out" => 3.0,
            "convert" => 0.02,
            "popularity" => 0.25,
            _ => panic!("no half-saturation is called {part}"),
        };
        self.nested("half_saturation", part, default)
    }

    /// The influencer that a promo code stands for.
    pub(crate) fn code(&self, code: &str) -> Option<&str> {
        self.given.get("codes")?.get(code)?.as_str()
    }

    /// What one of a currency is in the base currency: nothing, when others have rates and it has
    /// none.
    pub(crate) fn rate(&self, currency: Option<&str>) -> f64 {
        let rates = self.given.get("currencies").and_then(Value::as_object);
        match (rates.filter(|rates| !rates.is_empty()), currency) {
            (Some(rates), Some(code)) => rates.get(code).and_then(Value::as_f64).unwrap_or(0.0),
            _ => 1.0,
        }
    }

    /// How much of a bucket's units is left after so many buckets.
    pub(crate) fn fading(&self, buckets: i64) -> f64 {
        let half_life = self.exponent * self.half_life_ms as f64;
        (-((buckets * self.bucket_ms) as f64) / half_life).exp2()
    }

    fn nested(&self, table: &str, key: &str, default: f64) -> f64 {
        match self.given.get(table) {
            Some(table) => table[key].as_f64().expect("a table is given whole"),
            None => default,
        }
    }

    pub(crate) fn bucket(&self, time: i64) -> i64 {
        time.div_euclid(self.bucket_ms)
    }
}
