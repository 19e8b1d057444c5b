//! The body of a snapshot: a picture of a shard, and the histories that its lifts rest on, as
//! compressed columns.
//!
//! Invariant: what is decoded was encoded, or it is [`Broken`]: no bytes make it panic, or take
//! more than [`Decoder::EXPANSION`] times their own length.

use super::column::{Decoder, Encoder};
use super::histories;
use crate::engine::{Broken, Columns as _, Frozen, Limits, Shard};
use crate::model::{Histories, Params};

/// The layout of a body, its first byte. Those before are read too.
const VERSION: u8 = 3;

/// Appends a body; equal states give equal bytes.
pub fn encode(frozen: &Frozen, histories: Option<&Histories>, out: &mut Vec<u8>) {
    encode_while(frozen, histories, out, &mut || true);
}

/// Appends a body for as long as `goes_on`, which is asked before each page and may rest; returns
/// whether it is whole.
pub fn encode_while(
    frozen: &Frozen,
    histories: Option<&Histories>,
    out: &mut Vec<u8>,
    goes_on: &mut dyn FnMut() -> bool,
) -> bool {
    let mut columns = Encoder::new(VERSION, std::mem::take(out), goes_on);
    frozen.write(&mut columns);
    histories::write(histories, &mut columns);
    let is_whole = !columns.is_over();
    *out = columns.finish();
    is_whole
}

/// The shard of a body, and the histories as of its last close. `params` must be those that it was
/// encoded under.
pub fn decode(
    body: &[u8],
    params: &Params,
    limits: &Limits,
) -> Result<(Shard, Option<Histories>), Broken> {
    let mut columns = Decoder::new(VERSION, body)?;
    let shard = Shard::restore(params, limits, &mut columns)?;
    let histories = histories::read(&mut columns)?;
    columns.finish()?;
    Ok((shard, histories))
}
