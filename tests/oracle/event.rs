//! One canonical event as the tests speak of it, before anyone has judged it.

use serde_json::{Value, json};

/// The fields of a canonical event that the model depends on.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) time: i64,
    pub(crate) actor: String,
    pub(crate) target: Option<String>,
    pub(crate) id: Option<String>,
    /// Empty: the event lists none.
    pub(crate) segments: Vec<String>,
    /// Of conversions and refunds.
    pub(crate) code: Option<String>,
    pub(crate) value: Option<f64>,
    pub(crate) currency: Option<String>,
    /// Of refunds: the id of the sale that is taken back.
    pub(crate) refers: Option<String>,
}

impl Event {
    pub(crate) fn from_json(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).expect("an event is JSON");
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let segments = value.get("segments").and_then(Value::as_array);
        Self {
            kind: text("kind").expect("an event has a kind"),
            time: value["time"].as_i64().expect("an event has a time in ms"),
            actor: text("actor").expect("an event has an actor"),
            target: text("target"),
            id: text("id"),
            segments: segments
                .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default(),
            code: text("code"),
            value: value.get("value").and_then(Value::as_f64),
            currency: text("currency"),
            refers: text("refers"),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut json = json!({"kind": self.kind, "time": self.time, "actor": self.actor});
        let optional = [
            ("target", self.target.as_ref().map(|t| json!(t))),
            ("id", self.id.as_ref().map(|id| json!(id))),
            ("segments", (!self.segments.is_empty()).then(|| json!(self.segments))),
            ("code", self.code.as_ref().map(|code| json!(code))),
            ("value", self.value.map(|value| json!(value))),
            ("currency", self.currency.as_ref().map(|currency| json!(currency))),
            ("refers", self.refers.as_ref().map(|id| json!(id))),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                json[key] = value;
            }
        }
        json
    }
}

/// The partition an actor's events lie in; any function of the actor would do.
pub(crate) fn partition_of(actor: &str, partitions: usize) -> usize {
    let sum = actor.bytes().fold(7_usize, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
    sum % partitions
}

/// As JSON, so that a stream on which a property fails can be read, and given to the reference.
impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.to_json())
    }
}
