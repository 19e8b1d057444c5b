//! The model's constants in the integers that the engine counts in.

use super::entry::{Side, Twentieths};
use super::units::{Quarters, Ring, Weight};
use crate::model::{Class, Kind, Params};

/// How far an event may lie ahead of the log's own time.
const AHEAD_MS: i64 = 5 * 60_000;

/// What an act of a kind feeds, and with what weight.
#[derive(Clone, Copy, Debug)]
pub(super) enum Feeds {
    /// Influence; clicks are no outbound act.
    Influence {
        side: Side,
        weight: Weight,
        outbound: Option<Weight>,
    },
    Popularity(Weight),
    Follow {
        on: bool,
    },
    Conversion,
    Refund,
    Erase,
    /// Context: only the actor's segments.
    Nothing,
}

pub(super) struct Rules {
    pub(super) bucket_ms: i64,
    pub(super) ring_buckets: i64,
    feeds: [Feeds; Kind::ALL.len()],
}

impl Feeds {
    /// Whether the actor's membership in its segments changes.
    pub(super) const fn is_of_member(self) -> bool {
        matches!(self, Self::Influence { .. } | Self::Conversion)
    }
}

impl Rules {
    pub(super) fn new(params: &Params) -> Self {
        Self {
            bucket_ms: params.bucket_ms,
            ring_buckets: params.ring_buckets,
            feeds: Kind::ALL.map(|kind| feeds(kind, params)),
        }
    }

    pub(super) fn feeds(&self, kind: Kind) -> Feeds {
        self.feeds[kind as usize]
    }

    /// Most quarters of influence in a bucket, and the weights that only acts of relate have: bit
    /// `k` is of `k` quarters.
    pub(super) fn touches(&self) -> (u32, u64) {
        let (mut most, mut weights) = (0, [0; 2]);
        for feeds in &self.feeds {
            if let Feeds::Influence { side, weight, .. } = feeds {
                most = weight.cap;
                weights[*side as usize] |= 1_u64.checked_shl(weight.counts).unwrap_or_default();
            }
        }
        let [amplify, relate] = weights;
        (most, relate & !amplify)
    }

    /// Whether an event is ahead of what the log's own time allows.
    pub(super) const fn too_new(time_ms: i64, log_time_ms: i64) -> bool {
        time_ms > log_time_ms.saturating_add(AHEAD_MS)
    }
}

fn feeds(kind: Kind, params: &Params) -> Feeds {
    let units = unit_weight(kind, params);
    match kind.class() {
        Some(Class::Popularity) => Feeds::Popularity(weight::<Twentieths>(units, params.cap)),
        Some(class) => Feeds::Influence {
            side: if class == Class::Amplify { Side::Amplify } else { Side::Relate },
            weight: weight::<Quarters>(units, params.cap),
            outbound: (kind != Kind::Click).then(|| weight::<Quarters>(units, params.outbound_cap)),
        },
        None => match kind {
            Kind::Follow => Feeds::Follow { on: true },
            Kind::Unfollow => Feeds::Follow { on: false },
            Kind::Conversion => Feeds::Conversion,
            Kind::Refund => Feeds::Refund,
            Kind::Erase => Feeds::Erase,
            _ => Feeds::Nothing,
        },
    }
}

fn unit_weight(kind: Kind, params: &Params) -> f64 {
    let weights = &params.weights;
    match kind {
        Kind::Retweet => weights.retweet,
        Kind::Quote => weights.quote,
        Kind::Share => weights.share,
        Kind::Click => weights.click,
        Kind::Reply => weights.reply,
        Kind::Mention => weights.mention,
        Kind::Like => weights.like,
        Kind::View => weights.view,
        _ => 0.0,
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "weights and caps are validated to be small multiples of the step"
)]
fn weight<R: Ring>(units: f64, cap: f64) -> Weight {
    Weight { counts: (units / R::STEP).round() as u32, cap: (cap / R::STEP).round() as u32 }
}
