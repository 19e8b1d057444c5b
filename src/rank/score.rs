//! From merged sums to the score: shares, saturations, points, label, order.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::engine::pow2;
use crate::model::{Label, Lift, Outbound, Params, RESIDUE, RING, RING_BUCKETS, Standing, Sums};

/// Thresholds of labels: score and popularity, momentum, credit.
const HIGH: f64 = 40.0;
const RISING: f64 = 1.5;
const NOTICED: f64 = 20.0;
const TOO_LITTLE: f64 = 5.0;

/// The moment that standings are as of.
pub(super) struct Moment<'a> {
    params: &'a Params,
    as_of_ms: i64,
    bucket: u32,
}

/// Sums of a slot over all shards, as of the moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Merged {
    amplify: f64,
    relate: f64,
    popularity: f64,
    /// Distinct actors of a bucket, by its age: the open one is 0.
    fans: [u64; RING],
    /// Distinct actors over the open bucket and the active ones before it.
    active_fans: u64,
    followers: u64,
}

impl<'a> Moment<'a> {
    pub(super) fn new(params: &'a Params, as_of_ms: i64) -> Self {
        let bucket = u32::try_from(as_of_ms / params.bucket_ms).unwrap_or_default();
        Self { params, as_of_ms, bucket }
    }

    /// `out` of one shard: the decayed units of the account's last run to the power of `p`.
    pub(super) fn outbound_credit(&self, own: &Outbound) -> f64 {
        let age = i64::from(self.bucket.saturating_sub(own.bucket));
        if own.units <= 0.0 || age > self.params.retention_buckets {
            return 0.0;
        }
        let since_ms = self.as_of_ms - i64::from(own.bucket) * self.params.bucket_ms;
        own.units.powf(self.params.exponent) * pow2(-since_ms, self.params.half_life_ms)
    }
}

impl Merged {
    /// Adds the sums of one shard; `factor` takes them from its landmark to the moment.
    pub(super) fn add(&mut self, sums: &Sums, factor: f64, moment: &Moment<'_>) {
        let mut credits = *sums;
        credits.drop_residues(RESIDUE / factor);
        self.amplify += credits.amplify * factor;
        self.relate += credits.relate * factor;
        self.popularity += credits.popularity * factor;
        self.followers += u64::from(sums.followers);
        let active = u32::try_from(moment.params.active_buckets).unwrap_or_default();
        for (age, fans) in (0..RING_BUCKETS).zip(&mut self.fans) {
            let Some(bucket) = moment.bucket.checked_sub(age) else { break };
            if bucket > sums.newest_bucket {
                continue;
            }
            if sums.newest_bucket - bucket >= RING_BUCKETS {
                break;
            }
            let at = bucket as usize % RING;
            *fans += u64::from(sums.fans.acted[at]);
            if age <= active {
                self.active_fans += u64::from(sums.fans.latest[at]);
            }
        }
    }

    pub(super) fn is_negligible(&self) -> bool {
        self.followers == 0 && self.amplify + self.relate + self.popularity <= 0.0
    }

    /// Distinct actors of each active bucket that has ended, oldest first, and how many those are.
    fn ended(&self, params: &Params) -> ([u64; RING], usize) {
        let active = usize::try_from(params.active_buckets).unwrap_or_default().min(RING - 1);
        let mut fans = [0; RING];
        for (n, value) in fans.iter_mut().take(active).enumerate() {
            *value = self.fans[active - n];
        }
        (fans, active)
    }
}

/// Where an influencer stands, by its merged sums, the active audience of the segment and the
/// account's own outbound activity, both in fan-units.
pub(super) fn standing(
    name: &Arc<str>,
    sums: &Merged,
    (active_audience, outbound): (f64, f64),
    moment: &Moment<'_>,
) -> Standing {
    let params = moment.params;
    let (half, points) = (&params.half_saturation, &params.points);
    let audience = active_audience + params.pseudo_audience;
    let amplify_share = (sums.amplify / audience).min(1.0);
    let relate_share = (sums.relate / audience).min(1.0);
    let amplify_points = points.amplify * saturate(amplify_share, half.amplify);
    let relation = saturate(relate_share, half.relate_in) * saturate(outbound, half.relate_out);
    let relate_points = points.relate * relation.sqrt();
    let crowd = (sums.followers as f64 + sums.popularity) / audience;
    let (fans_by_bucket, active) = sums.ended(params);
    let momentum = momentum(&fans_by_bucket[..active]);
    let (score, popularity) =
        (amplify_points + relate_points, 100.0 * saturate(crowd, half.popularity));
    Standing {
        influencer: Arc::clone(name),
        label: label(score, popularity, momentum, sums.amplify + sums.relate),
        amplify_share,
        relate_share,
        outbound,
        active_fans: sums.active_fans,
        fans_by_bucket: (fans_by_bucket, active),
        momentum,
        exclusive_share: 0.0,
        attributed_conversions: 0.0,
        declared_conversions: 0.0,
        attributed_value: 0.0,
        lift: Lift::NONE,
        incremental_conversions: 0.0,
        incremental_low: 0.0,
        incremental_high: 0.0,
        proven_conversions: 0.0,
        amplify_points,
        relate_points,
        convert_points: 0.0,
        score,
        followers_gained: sums.followers,
        popularity,
    }
}

/// Sorts by score, highest first, then by name.
pub(super) fn order(influencers: &mut [Standing]) {
    influencers.sort_unstable_by(|a, b| {
        rank_order(a.score, b.score).then_with(|| a.influencer.cmp(&b.influencer))
    });
}

/// The order of two scores, highest first. They are compared as rounded to 1e-9, so that the
/// last bits of a merge do not make ranks flap.
#[must_use]
pub fn rank_order(a: f64, b: f64) -> Ordering {
    let rounded = |score: f64| (score * 1e9).round();
    rounded(b).total_cmp(&rounded(a))
}

/// `x / (x + half)`: 0 at 0, one half at `half`, below 1 always.
fn saturate(x: f64, half: f64) -> f64 {
    x / (x + half)
}

/// Fans of the last ended bucket over the mean of all; 0 without any.
fn momentum(fans: &[u64]) -> f64 {
    let total: u64 = fans.iter().sum();
    match fans.last() {
        Some(last) if total > 0 => *last as f64 * fans.len() as f64 / total as f64,
        _ => 0.0,
    }
}

fn label(score: f64, popularity: f64, momentum: f64, credit: f64) -> Label {
    match (score >= HIGH, popularity >= HIGH) {
        _ if credit < TOO_LITTLE => Label::Insufficient,
        (true, true) => Label::Both,
        (true, false) => Label::Influential,
        (false, true) => Label::Popular,
        (false, false) if momentum > RISING && credit >= NOTICED => Label::Emerging,
        (false, false) => Label::Quiet,
    }
}
