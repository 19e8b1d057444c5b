//! What one view exports, decided before a byte of it is written.
//!
//! Invariant: the series planned are at most the limit; which ones are left out depends only on
//! ranks and names: lower ranks before higher ones, later segments before earlier ones.

use std::sync::Arc;

use super::scores::{PER_INFLUENCER, PER_SEGMENT, count};
use crate::view::View;

pub(super) struct Plan {
    pub(super) view: Arc<View>,
    /// Labels of the segments of the view that are written, which are its first ones.
    pub(super) segments: Vec<Arc<[u8]>>,
    /// By segment, then rank.
    pub(super) picks: Vec<Pick>,
    pub(super) limit: usize,
    pub(super) suppressed_segments: usize,
    pub(super) suppressed_influencers: usize,
}

/// An influencer to be written.
pub(super) struct Pick {
    /// Place of the segment in the view.
    pub(super) segment: usize,
    /// Place in the segment's ranking, from 0.
    pub(super) at: usize,
    /// `{segment="…",influencer="…"`, open for more labels.
    pub(super) labels: Arc<[u8]>,
}

impl Plan {
    pub(super) fn within(
        limit: usize,
        view: Arc<View>,
        mut segments: Vec<Arc<[u8]>>,
        mut picks: Vec<Pick>,
    ) -> Self {
        let (wanted_segments, wanted_influencers) = (segments.len(), picks.len());
        segments.truncate(limit / count(&PER_SEGMENT));
        let room = (limit - segments.len() * count(&PER_SEGMENT)) / count(&PER_INFLUENCER);
        if picks.len() > room {
            // Every segment keeps its leader before one of them shows its second.
            picks.sort_unstable_by_key(|pick| (pick.at, pick.segment));
            picks.truncate(room);
            picks.sort_unstable_by_key(|pick| (pick.segment, pick.at));
        }
        Self {
            suppressed_segments: wanted_segments - segments.len(),
            suppressed_influencers: wanted_influencers - picks.len(),
            view,
            segments,
            picks,
            limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::config::ExportConfig;
    use crate::serve::exposition::selection::Selection;
    use crate::view::sample::{segment, view};

    /// `segment` and rank of what is written, and what is suppressed, at a limit.
    fn planned(series_limit: usize) -> (usize, String, (usize, usize)) {
        let ranked = [("a", 3.0), ("b", 2.0), ("c", 1.0)];
        let segments = vec![segment("s", &ranked), segment("t", &ranked[..2])];
        let config = ExportConfig { series_limit, ..ExportConfig::default() };
        let plan = Selection::new(&config).advance(Arc::new(view(1, segments))).unwrap();
        let picks: Vec<_> = plan.picks.iter().map(|p| format!("{}{}", p.segment, p.at)).collect();
        (
            plan.segments.len(),
            picks.join(" "),
            (plan.suppressed_segments, plan.suppressed_influencers),
        )
    }

    #[test]
    fn what_exceeds_the_limit_is_left_out_from_the_bottom() {
        // 6 series a segment, 21 an influencer: 117 in all.
        let cases = [
            (117, (2, "00 01 02 10 11", (0, 0))),
            (116, (2, "00 01 10 11", (0, 1))),
            (75, (2, "00 01 10", (0, 2))),
            (54, (2, "00 10", (0, 3))),
            (33, (2, "00", (0, 4))),
            (12, (2, "", (0, 5))),
            (11, (1, "", (1, 5))),
        ];
        for (limit, (segments, picks, suppressed)) in cases {
            assert_eq!(planned(limit), (segments, picks.to_owned(), suppressed), "{limit}");
        }
    }
}
