//! Constants as somebody might set them, within the bounds of the configuration.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{DAY, Made};
use crate::oracle::Params;

/// The defaults in one stream of three, else all kinds of them.
pub(super) fn choose(random: &mut ChaCha8Rng, made: Made) -> Params {
    let mut given = if random.random_ratio(1, 3) { json!({}) } else { changed(random, made) };
    given["codes"] = json!({"ADA10": "i1", "BEE": "i2", "SELF": "a0"});
    if random.random() {
        given["currencies"] = json!({"USD": 1.0, "EUR": 1.25});
    }
    Params::new(given)
}

fn changed(random: &mut ChaCha8Rng, made: Made) -> Value {
    let bucket = one(random, &[DAY, DAY / 24]);
    let cap = one(random, &[3.0, 0.75, 3.75, 2.0]);
    let ring = one(random, &[8, 5, 3]);
    let (evidence, level) = match made {
        Made::Dense => one(random, &[(49, 12), (40, 5), (30, 20)]),
        _ => one(random, &[(49, 12), (12, 5), (3, 2), (40, 1)]),
    };
    // No window may be longer than the ring has buckets.
    let active = one(random, &[7, 4, 2]).min(ring - 1);
    let exposure = one(random, &[3, 1, 2, 4]).min(active);
    let mut given = json!({
        "bucket_ms": bucket,
        "half_life_ms": one(random, &[7 * bucket, 2 * bucket, 30 * bucket, 5 * bucket / 3]),
        "exponent": one(random, &[0.5, 0.75, 1.0]),
        "cap": cap,
        "outbound_cap": one(random, &[20.0, 5.0, 1.0]),
        "pseudo_audience": one(random, &[25.0, 3.0]),
        "ring_buckets": ring,
        "active_buckets": active,
        "exposure_buckets": exposure,
        "evidence_buckets": evidence,
        "level_buckets": level,
        "retention_buckets": evidence + level.max(exposure) + 3 + one(random, &[0, 0, 1, 20]),
        "grace_ms": one(random, &[600_000, 60_000, bucket - 1, 1]),
        "dedup_window_ms": one(random, &[3_600_000, 60_000]),
    });
    let conversions = json!({
        "pace_conversions": one(random, &[10.0, 0.5, 100.0]),
        "joint_passes": one(random, &[4, 1, 7]),
        "false_discovery_rate": one(random, &[0.05, 0.3]),
        "margin": one(random, &[1.1, 1.0]),
        "min_conversions": one(random, &[5.0, 1.0, 3.0]),
        "attribution_half_life_ms": one(random, &[bucket, bucket / 7, 9 * bucket]),
        "lookback_ms": one(random, &[(ring - 1) * bucket, bucket / 3, (ring - 1) * bucket - 1]),
        "organic": one(random, &[0.5, 3.0]),
        "max_touches": one(random, &[16, 3, 1]),
        "refund_window_ms": one(random, &[30 * bucket, bucket, 0]),
    });
    given
        .as_object_mut()
        .expect("a table")
        .extend(conversions.as_object().expect("a table").clone());
    if random.random() {
        given["weights"] = json!({"retweet": 1.25, "quote": 2.0, "share": 0.5, "click": 0.25,
            "reply": 0.75, "mention": 0.25, "like": 0.6, "view": 0.1});
    }
    given
}

fn one<T: Copy>(random: &mut ChaCha8Rng, of: &[T]) -> T {
    *of.choose(random).expect("there is a choice")
}
