//! Reading, decoding and applying a recorded stream on all cores.
//!
//! Invariant: a shard sees the events of its actors in the order of the stream, whatever thread
//! runs first.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::super::format::Decoder;
use super::{Block, Decoded, FileError, Reader, Rejected};
use crate::clock;
use crate::model::Batch;

/// Reads all that `reader` has and applies it to `shards`, each on a thread of its own: `apply`
/// gets the batches of a shard in order, `reject` all lines that are no event.
///
/// It goes in rounds of a block a shard; while one is decoded and applied, a thread reads the
/// next. Events count as received when their round begins. After an error, what came before it
/// has been applied.
pub fn spread<S: Send>(
    mut reader: Reader,
    decoder: &Decoder,
    shards: &mut [S],
    apply: impl Fn(&mut S, &Batch<'_>) + Sync,
    mut reject: impl FnMut(&Rejected<'_>),
) -> Result<(), FileError> {
    let width = shards.len();
    thread::scope(|scope| {
        let (read, blocks) = sync_channel(width);
        let (spare, used) = sync_channel(2 * width);
        scope.spawn(move || read_ahead(&mut reader, &read, &used));
        loop {
            let mut failure = None;
            let round: Vec<Block> = blocks
                .iter()
                .take(width)
                .map_while(|block| block.map_err(|error| failure = Some(error)).ok())
                .collect();
            if !round.is_empty() {
                let events = decode(&round, decoder, width);
                events.iter().flat_map(|events| &events.rejected).for_each(&mut reject);
                apply_to_all(&events, shards, &apply);
            }
            if let Some(error) = failure {
                return Err(error);
            }
            if round.len() < width {
                return Ok(());
            }
            for block in round {
                // A spare block that finds no place is freed.
                drop(spare.try_send(block));
            }
        }
    })
}

/// Sends blocks until the end, the first error, or until nobody wants them.
fn read_ahead(
    reader: &mut Reader,
    blocks: &SyncSender<Result<Block, FileError>>,
    used: &Receiver<Block>,
) {
    loop {
        let mut block = used.try_recv().unwrap_or_default();
        let read = match reader.next_block(&mut block) {
            Ok(true) => Ok(block),
            Ok(false) => return,
            Err(error) => Err(error),
        };
        let is_last = read.is_err();
        if blocks.send(read).is_err() || is_last {
            return;
        }
    }
}

fn decode<'a>(round: &'a [Block], decoder: &Decoder, shards: usize) -> Vec<Decoded<'a>> {
    let log_time_ms = clock::wall_ms();
    let decode = |block: &'a Block| block.decode(decoder, shards, log_time_ms);
    if let [block] = round {
        return vec![decode(block)];
    }
    thread::scope(|scope| {
        let threads: Vec<_> =
            round.iter().map(|block| scope.spawn(move || decode(block))).collect();
        let result = |thread: thread::ScopedJoinHandle<'_, _>| thread.join();
        threads
            .into_iter()
            .map(|t| result(t).unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

fn apply_to_all<S: Send>(
    round: &[Decoded<'_>],
    shards: &mut [S],
    apply: &(impl Fn(&mut S, &Batch<'_>) + Sync),
) {
    let apply_round = |index: usize, shard: &mut S| {
        round.iter().filter_map(|decoded| decoded.batches.get(index)).for_each(|batch| {
            apply(shard, batch);
        });
    };
    if let [shard] = shards {
        return apply_round(0, shard);
    }
    thread::scope(|scope| {
        for (index, shard) in shards.iter_mut().enumerate() {
            scope.spawn(move || apply_round(index, shard));
        }
    });
}
