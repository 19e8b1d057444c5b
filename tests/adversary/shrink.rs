//! Of a stream on which something fails, as little as still fails.

use crate::oracle::Event;

/// Stretches of events are left out, long ones first, for as long as `fails` says so.
pub(crate) fn shrunk(events: &[Event], fails: impl Fn(&[Event]) -> bool) -> Vec<Event> {
    let mut left = events.to_vec();
    let mut stretch = left.len().div_ceil(2);
    while stretch > 0 {
        let (before, mut from) = (left.len(), 0);
        while from < left.len() {
            let mut without = left.clone();
            without.drain(from..(from + stretch).min(left.len()));
            if fails(&without) {
                left = without;
            } else {
                from += stretch;
            }
        }
        let has_shrunk = left.len() < before;
        if !has_shrunk || stretch > 1 {
            stretch /= 2;
        }
    }
    left
}
