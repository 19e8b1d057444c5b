//! `GET /api/v1/segments/{segment}/ranking`: a page of the influencers of a segment, in one of
//! three orders.

use std::cmp::Reverse;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::{Head, json_of, segment_of, serialized};
use crate::model::{SegmentStandings, Standing};
use crate::serve::problem::Problem;
use crate::serve::routes::{Shared, blocking};
use crate::view::View;

const LIMIT: usize = 25;
const LIMIT_MAX: usize = 100_000;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Page {
    by: By,
    limit: usize,
    offset: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum By {
    Influence,
    Popularity,
    Momentum,
}

#[derive(Serialize)]
struct Ranking<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    by: By,
    offset: usize,
    /// Influencers of the segment, on this page or not.
    total: usize,
    influencers: Vec<Ranked<'a>>,
}

#[derive(Serialize)]
struct Ranked<'a> {
    /// Place in the order that was asked for, from 1.
    rank: usize,
    #[serde(flatten)]
    standing: &'a Standing,
}

impl Default for Page {
    fn default() -> Self {
        Self { by: By::Influence, limit: LIMIT, offset: 0 }
    }
}

pub(super) async fn ranking(
    State(shared): State<Shared>,
    segment: Result<Path<String>, PathRejection>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response, Problem> {
    let (Path(segment), Query(page)) = (segment?, page?);
    if page.limit == 0 || page.limit > LIMIT_MAX {
        let detail = format!("limit: {} is not allowed, it must be 1 to {LIMIT_MAX}", page.limit);
        return Err(Problem::bad_request(detail));
    }
    let answer = move || {
        let view = shared.views.current();
        serialized(&of(&view, segment_of(&view, &segment)?, page))
    };
    blocking(answer).await.map(json_of)
}

fn of<'a>(view: &View, standings: &'a SegmentStandings, page: Page) -> Ranking<'a> {
    let ordered = in_order(standings, page.by);
    let shown = ordered.into_iter().enumerate().skip(page.offset).take(page.limit);
    Ranking {
        head: Head::new(view, standings),
        by: page.by,
        offset: page.offset,
        total: standings.influencers.len(),
        influencers: shown.map(|(at, standing)| Ranked { rank: at + 1, standing }).collect(),
    }
}

fn in_order(standings: &SegmentStandings, by: By) -> Vec<&Standing> {
    let mut ordered: Vec<_> = standings.influencers.iter().collect();
    let value: fn(&Standing) -> f64 = match by {
        // The view comes in this order.
        By::Influence => return ordered,
        By::Popularity => |standing| standing.popularity,
        By::Momentum => |standing| standing.momentum,
    };
    ordered.sort_unstable_by(|a, b| {
        let (a, b) = (
            (Reverse(rounded(value(a))), &a.influencer),
            (Reverse(rounded(value(b))), &b.influencer),
        );
        a.cmp(&b)
    });
    ordered
}

/// In units of 1e-9: what differs by less is a tie, which the name decides.
#[allow(
    clippy::cast_possible_truncation,
    reason = "values of at most a few thousand; else saturates"
)]
fn rounded(value: f64) -> i64 {
    (value * 1e9).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample;

    #[test]
    fn ties_within_rounding_go_by_name() {
        let mut segment = sample::segment("s", &[("a", 9.0), ("b", 8.0), ("c", 7.0), ("d", 6.0)]);
        let values = [0.5, 0.5 + 1e-12, 2.0, 0.5 - 1e-6];
        for (standing, value) in segment.influencers.iter_mut().zip(values) {
            standing.popularity = value;
            standing.momentum = 1.0 - value;
        }
        let cases = [(By::Influence, "abcd"), (By::Popularity, "cabd"), (By::Momentum, "dabc")];
        for (by, expected) in cases {
            let names: String = in_order(&segment, by).iter().map(|s| &*s.influencer).collect();
            assert_eq!(names, expected, "{by:?}");
        }
    }

    #[test]
    fn pages_continue_the_ranks() {
        let segment = sample::segment("s", &[("a", 9.0), ("b", 8.0), ("c", 7.0)]);
        let view = sample::view(1, vec![]);
        let page = Page { limit: 1, offset: 1, ..Page::default() };
        let said = serde_json::to_value(of(&view, &segment, page)).unwrap();
        assert_eq!(said["total"], 3);
        assert_eq!(said["influencers"].as_array().unwrap().len(), 1);
        assert_eq!(said["influencers"][0]["rank"], 2);
        assert_eq!(said["influencers"][0]["influencer"], "b");
        let beyond = Page { offset: 3, ..Page::default() };
        assert!(of(&view, &segment, beyond).influencers.is_empty());
    }
}
