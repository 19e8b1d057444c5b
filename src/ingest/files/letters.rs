//! Events that lie in a file of dead letters, a record as it came and why it was rejected a line.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::FileError;
use super::block::Block;
use super::lines::Lines;
use super::open::Input;

pub(super) struct Letters(Lines);

/// What matters of a letter: the record.
#[derive(Deserialize)]
struct Letter {
    payload: Option<String>,
    payload_base64: Option<String>,
}

impl Letters {
    pub(super) fn new(input: Input) -> Self {
        Self(Lines::new(input))
    }

    /// Adds records to an empty `block`, perhaps none. False after the last one. A line that is no
    /// letter stays as it is, to be rejected.
    pub(super) fn fill(&mut self, block: &mut Block) -> Result<bool, FileError> {
        let is_more = self.0.fill(block)?;
        let lines = std::mem::take(&mut block.bytes);
        for entry in &mut block.entries {
            let line = lines.get(entry.bytes.clone()).unwrap_or_default();
            let from = block.bytes.len();
            match record(line) {
                Some(record) => block.bytes.extend_from_slice(&record),
                None => block.bytes.extend_from_slice(line),
            }
            entry.bytes = from..block.bytes.len();
        }
        Ok(is_more)
    }
}

/// The record of a letter; one without a payload has no bytes.
fn record(line: &[u8]) -> Option<Vec<u8>> {
    let letter: Letter = serde_json::from_slice(line).ok()?;
    match (letter.payload, letter.payload_base64) {
        (Some(text), _) => Some(text.into_bytes()),
        (None, Some(encoded)) => STANDARD.decode(encoded).ok(),
        (None, None) => Some(Vec::new()),
    }
}
