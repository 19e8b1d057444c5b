//! The constants that credit and score depend on, under the names of the configuration.

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
    /// Whatever was given; weights, points, half-saturations and codes are looked up in it.
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
        self.nested("points", part, if part == "amplify" { 30.0 } else { 25.0 })
    }

    pub(crate) fn half_saturation(&self, part: &str) -> f64 {
        let default = match part {
            "amplify" => 0.05,
            "relate_in" => 0.03,
            "relate_out" => 3.0,
            "popularity" => 0.25,
            _ => panic!("no half-saturation is called {part}"),
        };
        self.nested("half_saturation", part, default)
    }

    /// The influencer that a promo code stands for.
    pub(crate) fn code(&self, code: &str) -> Option<&str> {
        self.given.get("codes")?.get(code)?.as_str()
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
