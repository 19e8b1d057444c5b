//! Examples of what a counter counts: records, by where they lie.

use std::sync::Arc;

use super::labels;
use super::writer::push_float;
use crate::model::Position;

/// Characters of the names and values of an exemplar's labels, at most, as `OpenMetrics` has it.
const CHARS_MAX: usize = 128;

/// One of the records that a sample counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemplar {
    /// Name of the counter, and the value of its only label.
    pub of: (&'static str, &'static str),
    pub position: Position,
    /// When it was counted, ms since the Unix epoch.
    pub time_ms: i64,
}

/// What to show, as of now.
pub type Exemplars = Arc<dyn Fn() -> Vec<Exemplar> + Send + Sync>;

/// Appends it behind the value of its sample. A topic whose name is too long is left out.
pub(super) fn push(out: &mut Vec<u8>, exemplar: &Exemplar) {
    let Position { topic, partition, offset } = &exemplar.position;
    let (partition, offset) = (partition.to_string(), offset.to_string());
    let mut pairs = vec![("topic", &**topic), ("partition", &partition), ("offset", &offset)];
    let chars = |(name, value): &(&str, &str)| name.chars().count() + value.chars().count();
    if pairs.iter().map(chars).sum::<usize>() > CHARS_MAX {
        pairs.remove(0);
    }
    let mut before: &[u8] = b" # {";
    for (name, value) in pairs {
        out.extend_from_slice(before);
        labels::push(out, name, value);
        before = b",";
    }
    out.extend_from_slice(b"} 1.0 ");
    push_float(out, exemplar.time_ms as f64 / 1e3);
}
