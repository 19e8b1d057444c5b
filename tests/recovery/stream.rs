//! Events that exercise all of a shard's state: few people, so that everything meets everything.

use std::fmt::Write as _;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

const KINDS: [&str; 13] = [
    "retweet",
    "retweet",
    "reply",
    "quote",
    "mention",
    "like",
    "click",
    "follow",
    "unfollow",
    "conversion",
    "conversion",
    "refund",
    "erase",
];

/// Where event time is, and what was sold.
pub(crate) struct Stream {
    random: ChaCha8Rng,
    now_ms: i64,
    number: u32,
    sales: Vec<(u32, u32)>,
}

impl Stream {
    pub(crate) fn new(random: ChaCha8Rng) -> Self {
        Self { random, now_ms: 20_000 * DAY_MS, number: 0, sales: Vec::new() }
    }

    /// The time and the payload of the next record, for the actor's partition of `partitions`.
    pub(crate) fn next(&mut self, partition: usize, partitions: usize) -> (i64, Vec<u8>) {
        let random = &mut self.random;
        self.now_ms += match random.random_range(0..40) {
            0 => random.random_range(0..3 * DAY_MS),
            1..4 => random.random_range(0..DAY_MS / 2),
            _ => random.random_range(0..HOUR_MS),
        };
        self.number += 1;
        if random.random_ratio(1, 50) {
            return (self.now_ms, b"no event".to_vec());
        }
        let late_ms =
            if random.random_ratio(1, 8) { random.random_range(0..2 * DAY_MS) } else { 0 };
        let time_ms = self.now_ms - late_ms;
        let mut actor = random.random_range(0..5_u32) * u32::try_from(partitions).unwrap()
            + u32::try_from(partition).unwrap();
        let kind = KINDS[random.random_range(0..KINDS.len() * 8) % KINDS.len()];
        let kind = if kind == "erase" && random.random_ratio(3, 4) { "reply" } else { kind };
        let id =
            if random.random_ratio(1, 10) { self.number.saturating_sub(3) } else { self.number };
        let mut text = format!("{{\"kind\":\"{kind}\",\"time\":{time_ms},\"id\":\"e{id}\"");
        match kind {
            "refund" => {
                if let Some(&(sale, by)) = self.sales.last() {
                    actor = by;
                    write!(text, ",\"refers\":\"e{sale}\"").unwrap();
                }
                text.push_str(",\"value\":7.5");
            }
            "conversion" => {
                self.sales.push((id, actor));
                write!(text, ",\"value\":{}", random.random_range(1..40)).unwrap();
                if random.random_ratio(1, 4) {
                    text.push_str(",\"target\":\"star-1\"");
                }
            }
            "erase" => {}
            _ => write!(text, ",\"target\":\"star-{}\"", random.random_range(0..4)).unwrap(),
        }
        if random.random_ratio(1, 3) {
            write!(text, ",\"segments\":[\"s{}\"]", random.random_range(0..3)).unwrap();
        }
        write!(text, ",\"actor\":\"actor-{actor}\"}}").unwrap();
        (self.now_ms, text.into_bytes())
    }
}
