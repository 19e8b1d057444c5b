//! Whatever the bytes: they are a shard, or they are broken.

use proptest::collection::vec;
use proptest::prelude::*;
use sillage::engine::{Broken, Columns, Limits, Shard, Source};
use sillage::snapshot::decode;

use crate::adversary::stream;
use crate::run::{Input, Running};

const LIMITS: Limits =
    Limits { memory_bytes: 1 << 30, dedup_window_ms: 3_600_000, dedup_ids: 1 << 20 };

/// A shard that has a bit of everything.
fn running() -> (Input, Running) {
    let input = Input::of(&stream(1));
    let mut running = Running::new(&input, &LIMITS);
    running.feed(&input, 0..input.len(), (100, true));
    running.settle();
    (input, running)
}

/// One change of some bytes.
#[derive(Clone, Copy, Debug)]
enum Change {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    End(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        6 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        1 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        1 => at().prop_map(Change::Remove),
        1 => at().prop_map(Change::End),
    ]
}

fn changed(mut body: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes.iter().filter(|_| !body.is_empty()).collect::<Vec<_>>() {
        if body.is_empty() {
            break;
        }
        match change {
            Change::Set(at, byte) => *at.get_mut(&mut body) = *byte,
            Change::Insert(at, byte) => body.insert(at.index(body.len()), *byte),
            Change::Remove(at) => {
                body.remove(at.index(body.len()));
            }
            Change::End(at) => body.truncate(at.index(body.len())),
        }
    }
    body
}

#[test]
fn bytes_that_were_changed_are_decoded_or_broken() {
    let (input, mut running) = running();
    let body = running.body();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(3_000));
    let mut broken = 0;
    runner
        .run(&vec(change(), 1..4), |changes| {
            let _either = decode(&changed(body.clone(), &changes), &input.params, &LIMITS).is_ok();
            Ok(())
        })
        .unwrap();
    for len in 0..body.len() {
        broken += usize::from(decode(&body[..len], &input.params, &LIMITS).is_err());
    }
    assert_eq!(broken, body.len(), "no part of a body is one");
    for version in [0, 4] {
        let other = [&[version], &body[1..]].concat();
        let unknown = Err(Broken::Version(version));
        assert_eq!(decode(&other, &input.params, &LIMITS).map(drop), unknown);
    }
}

/// The pages of a picture, as they are before they are compressed.
#[derive(Clone, Default)]
struct Pages {
    words: Vec<Vec<u64>>,
    texts: Vec<Vec<u8>>,
    read: (usize, usize),
}

impl Columns for Pages {
    fn words(&mut self, page: &[u64]) {
        self.words.push(page.to_vec());
    }

    fn text(&mut self, page: &[u8]) {
        self.texts.push(page.to_vec());
    }
}

impl Source for Pages {
    fn version(&self) -> u8 {
        3
    }

    fn words(&mut self) -> Result<Vec<u64>, Broken> {
        self.read.0 += 1;
        self.words.get(self.read.0 - 1).cloned().ok_or(Broken::Length)
    }

    fn text(&mut self) -> Result<Vec<u8>, Broken> {
        self.read.1 += 1;
        self.texts.get(self.read.1 - 1).cloned().ok_or(Broken::Length)
    }
}

/// Numbers that no compression notices, changed one by one.
#[test]
fn numbers_that_were_changed_are_restored_or_broken() {
    let (input, mut running) = running();
    let mut pages = Pages::default();
    running.shard.freeze().write(&mut pages);
    assert!(Shard::restore(&input.params, &LIMITS, &mut pages.clone()).is_ok());
    let mut broken = 0;
    for page in 0..pages.words.len() {
        for at in 0..pages.words[page].len() {
            let word = pages.words[page][at];
            for other in [word ^ 1, word + 1, word.wrapping_sub(1), word ^ 1 << 31, u64::MAX] {
                let mut changed = Pages { read: (0, 0), ..pages.clone() };
                changed.words[page][at] = other;
                broken +=
                    usize::from(Shard::restore(&input.params, &LIMITS, &mut changed).is_err());
            }
        }
    }
    assert!(broken > 1_000, "{broken} changes are noticed");
}
