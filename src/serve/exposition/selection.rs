//! Which influencers are exported: the top of each segment, with hysteresis so that series do not
//! come and go at its edge, and those that are watched.
//!
//! Invariant: advances once per view, however often it is scraped, and depends on nothing else.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::labels;
use super::plan::{Pick, Plan};
use crate::model::SegmentStandings;
use crate::serve::config::ExportConfig;
use crate::view::View;

/// Views in a row beyond the top with which an influencer leaves.
const PATIENCE: u8 = 3;

pub(super) struct Selection {
    top: usize,
    /// Last rank at which one that was in may stay.
    edge: usize,
    watch: HashSet<String>,
    limit: usize,
    /// Of the last view.
    pub(super) sequence: Option<u64>,
    segments: HashMap<Arc<str>, Members>,
}

/// What is exported of one segment, with its labels as they are written.
struct Members {
    labels: Arc<[u8]>,
    by_name: HashMap<Arc<str>, Member>,
    seen: u64,
}

struct Member {
    labels: Arc<[u8]>,
    beyond: u8,
    seen: u64,
}

impl Selection {
    pub(super) fn new(config: &ExportConfig) -> Self {
        Self {
            top: config.top_k,
            edge: config.top_k + config.top_k / 5,
            watch: config.watch.iter().cloned().collect(),
            limit: config.series_limit,
            sequence: None,
            segments: HashMap::new(),
        }
    }

    /// Follows another configuration from the next view on.
    pub(super) fn configure(&mut self, config: &ExportConfig) {
        *self = Self { sequence: self.sequence, ..Self::new(config) };
    }

    /// The next view; `None` for one that is not newer than the last.
    pub(super) fn advance(&mut self, view: Arc<View>) -> Option<Plan> {
        if self.sequence.is_some_and(|last| view.sequence <= last) {
            return None;
        }
        self.sequence = Some(view.sequence);
        let (mut segments, mut picks) = (Vec::with_capacity(view.segments.len()), Vec::new());
        for (at, standings) in view.segments.iter().enumerate() {
            let members = self
                .segments
                .entry(Arc::clone(&standings.segment))
                .or_insert_with(|| Members::new(&standings.segment));
            members.seen = view.sequence;
            segments.push(Arc::clone(&members.labels));
            let bounds = Bounds { top: self.top, edge: self.edge, watch: &self.watch };
            members.pick(&bounds, (at, standings), view.sequence, &mut picks);
        }
        self.segments.retain(|_, members| members.seen == view.sequence);
        Some(Plan::within(self.limit, view, segments, picks))
    }
}

struct Bounds<'a> {
    top: usize,
    edge: usize,
    watch: &'a HashSet<String>,
}

impl Members {
    fn new(segment: &str) -> Self {
        let mut written = b"{".to_vec();
        labels::push(&mut written, "segment", segment);
        Self { labels: written.into(), by_name: HashMap::new(), seen: 0 }
    }

    fn pick(
        &mut self,
        bounds: &Bounds<'_>,
        (segment, standings): (usize, &SegmentStandings),
        sequence: u64,
        picks: &mut Vec<Pick>,
    ) {
        // Only a watched influencer can be shown from beyond the edge.
        let reach = if bounds.watch.is_empty() { bounds.edge } else { usize::MAX };
        for (at, standing) in standings.influencers.iter().take(reach).enumerate() {
            let name = &standing.influencer;
            let wanted = at < bounds.top || bounds.watch.contains(&**name);
            if !wanted && (at >= bounds.edge || !self.stays(name)) {
                continue;
            }
            let member = match self.by_name.get_mut(name) {
                Some(member) => member,
                None => self.by_name.entry(Arc::clone(name)).or_insert(Member {
                    labels: with_influencer(&self.labels, name),
                    beyond: 0,
                    seen: 0,
                }),
            };
            member.seen = sequence;
            if wanted {
                member.beyond = 0;
            }
            picks.push(Pick { segment, at, labels: Arc::clone(&member.labels) });
        }
        self.by_name.retain(|_, member| member.seen == sequence);
    }

    /// Whether one that has fallen out of the top may stay for this view.
    fn stays(&mut self, name: &str) -> bool {
        self.by_name.get_mut(name).is_some_and(|member| {
            member.beyond += 1;
            member.beyond < PATIENCE
        })
    }
}

fn with_influencer(segment: &[u8], influencer: &str) -> Arc<[u8]> {
    let mut written = segment.to_vec();
    written.push(b',');
    labels::push(&mut written, "influencer", influencer);
    written.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::{segment, view};

    /// The names shown for `names` in rank order, as the view numbered `sequence`.
    fn shown(selection: &mut Selection, sequence: u64, names: &[&str]) -> String {
        let ranked: Vec<_> = names.iter().map(|name| (*name, 1.0)).collect();
        let plan = selection.advance(Arc::new(view(sequence, vec![segment("s", &ranked)])));
        let picks = plan.expect("a newer view").picks;
        picks.iter().map(|pick| names[pick.at]).collect()
    }

    fn selection(top_k: usize, watch: &[&str]) -> Selection {
        let watch = watch.iter().map(|name| (*name).to_owned()).collect();
        Selection::new(&ExportConfig { top_k, watch, series_limit: 100_000 })
    }

    #[test]
    fn one_that_falls_below_the_top_stays_for_two_views() {
        let mut of = selection(5, &[]);
        let (before, after) = (["a", "b", "c", "d", "e", "f"], ["a", "b", "c", "d", "f", "e"]);
        let steps = [
            (1, before, "abcde"),
            (2, after, "abcdfe"),
            (3, after, "abcdfe"),
            (4, after, "abcdf"),
            (5, after, "abcdf"),
            (6, before, "abcdef"),
            (7, after, "abcdfe"),
            (8, before, "abcdef"),
            (9, before, "abcdef"),
            (10, before, "abcde"),
        ];
        for (sequence, names, expected) in steps {
            assert_eq!(shown(&mut of, sequence, &names), expected, "view {sequence}");
        }
    }

    #[test]
    fn one_that_falls_beyond_the_edge_leaves_at_once() {
        // A watched name makes it look beyond the edge.
        for watch in [&[][..], &["h"]] {
            let mut of = selection(5, watch);
            assert_eq!(shown(&mut of, 1, &["a", "b", "c", "d", "e", "f", "g"]), "abcde");
            assert_eq!(shown(&mut of, 2, &["b", "c", "d", "e", "f", "g", "a"]), "bcdef");
        }
    }

    #[test]
    fn watched_influencers_are_shown_where_they_stand() {
        let mut of = selection(2, &["z", "not there"]);
        assert_eq!(shown(&mut of, 1, &["a", "b", "c", "d", "z", "e"]), "abz");
    }

    #[test]
    fn a_second_look_at_a_view_changes_nothing() {
        let mut of = selection(2, &[]);
        let picture = Arc::new(view(7, vec![segment("s", &[("a", 1.0)])]));
        assert!(of.advance(Arc::clone(&picture)).is_some());
        assert!(of.advance(picture).is_none());
        assert!(of.advance(Arc::new(view(6, vec![]))).is_none(), "an older one");
    }

    #[test]
    fn another_configuration_counts_from_the_next_view_on() {
        let mut of = selection(5, &[]);
        let names = ["a", "b", "c", "d"];
        assert_eq!(shown(&mut of, 1, &names), "abcd");
        of.configure(&ExportConfig { top_k: 1, watch: vec!["d".into()], series_limit: 100_000 });
        assert!(of.advance(Arc::new(view(1, vec![]))).is_none(), "the same view");
        assert_eq!(shown(&mut of, 2, &names), "ad");
    }

    #[test]
    fn what_left_is_forgotten() {
        let mut of = selection(5, &[]);
        shown(&mut of, 1, &["a", "b"]);
        of.advance(Arc::new(view(2, vec![segment("t", &[("c", 1.0)])])));
        assert_eq!(of.segments.len(), 1);
        assert_eq!(of.segments["t"].by_name.len(), 1);
    }
}
