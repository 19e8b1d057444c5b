//! Who of a segment is watched: the top and as many below it, the most popular, and who lately was.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::state::Known;
use crate::model::{Detection, SegmentStandings, Standing};

/// Where someone stands: rank from 1, and the standing; nothing of who left the ranking.
pub(super) type Place<'a> = (usize, &'a Standing);

/// Those to be watched for their rank or their popularity, and those known before; by name.
pub(super) struct Picked<'a> {
    pub(super) watched: BTreeMap<&'a Arc<str>, Place<'a>>,
    pub(super) others: BTreeMap<&'a Arc<str>, Place<'a>>,
}

pub(super) fn pick<'a>(
    rules: &Detection,
    standings: &'a SegmentStandings,
    known: &BTreeMap<Arc<str>, Known>,
) -> Picked<'a> {
    let popular = popular_from(rules, &standings.influencers);
    let (mut watched, mut others) = (BTreeMap::new(), BTreeMap::new());
    for (at, standing) in standings.influencers.iter().enumerate() {
        let (name, place) = (&standing.influencer, (at + 1, standing));
        if at < 2 * rules.top_k && standing.score > 0.0 || standing.popularity >= popular {
            watched.insert(name, place);
        } else if known.contains_key(name) {
            others.insert(name, place);
        }
    }
    Picked { watched, others }
}

/// The popularity of the last of the most popular, as many as the top has; those who could not
/// grow by enough to be told of are none.
fn popular_from(rules: &Detection, influencers: &[Standing]) -> f64 {
    let notable = influencers.iter().map(|standing| standing.popularity);
    let mut notable: Vec<f64> = notable.filter(|p| *p >= rules.popularity_points / 2.0).collect();
    if notable.len() <= rules.top_k {
        return rules.popularity_points / 2.0;
    }
    *notable.select_nth_unstable_by(rules.top_k - 1, |a, b| b.total_cmp(a)).1
}
