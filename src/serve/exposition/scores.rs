//! Writes the score families of a view.
//!
//! Labels were written when an influencer came in; per series there is a copy of them and a number.

use super::catalogue as families;
use super::catalogue::Family;
use super::labels;
use super::plan::{Pick, Plan};
use super::writer::{Format, push_count, push_float, push_head};
use crate::config::Duration;
use crate::model::{Params, SegmentStandings, Standing};
use crate::view;

/// A family, and how many series of it one influencer or segment has.
pub(super) type Series = (&'static Family, usize);

pub(super) static PER_INFLUENCER: [Series; 8] = [
    (&families::INFLUENCE_SCORE, 1),
    (&families::INFLUENCE_POINTS, 3),
    (&families::INFLUENCE_RANK, 1),
    (&families::INFLUENCE_SHARE, 1),
    (&families::POPULARITY_SCORE, 1),
    (&families::ACTIVE_FANS, 1),
    (&families::MOMENTUM, 1),
    (&families::LABEL, 1),
];

pub(super) static PER_SEGMENT: [Series; 4] = [
    (&families::SEGMENT_ACTIVE_AUDIENCE, 1),
    (&families::SEGMENT_INFLUENCERS, 1),
    (&families::SEGMENT_LEADER, 1),
    (&families::SEGMENT_CONCENTRATION, 1),
];

/// The `sillage_model_info` sample, which a process writes anew in every scrape.
pub(super) fn model_labels(params: &Params) -> Vec<u8> {
    let half_life = u64::try_from(params.half_life_ms).unwrap_or_default();
    let mut out = b"{".to_vec();
    labels::push(&mut out, "version", view::MODEL);
    for (name, value) in [
        ("half_life", Duration::from_millis(half_life).to_string()),
        ("exponent", params.exponent.to_string()),
        ("cap", params.cap.to_string()),
    ] {
        out.push(b',');
        labels::push(&mut out, name, &value);
    }
    out
}

/// Appends all score families of the plan.
pub(super) fn write(out: &mut Vec<u8>, format: Format, plan: &Plan, model: &[u8]) {
    let mut to = Scores { out, format, plan };
    to.numbers(&families::INFLUENCE_SCORE, |standing| standing.score);
    to.points();
    to.counts(&families::INFLUENCE_RANK, |pick, _| pick.at as u64 + 1);
    to.numbers(&families::INFLUENCE_SHARE, |standing| standing.amplify_share);
    to.numbers(&families::POPULARITY_SCORE, |standing| standing.popularity);
    to.counts(&families::ACTIVE_FANS, |_, standing| standing.active_fans);
    to.numbers(&families::MOMENTUM, |standing| standing.momentum);
    to.label_info();
    to.segments(&families::SEGMENT_ACTIVE_AUDIENCE, |segment| segment.active_audience);
    to.segments(&families::SEGMENT_INFLUENCERS, |segment| with_credit(segment) as f64);
    let leaders = to.leaders();
    to.segments(&families::SEGMENT_CONCENTRATION, concentration);
    to.sample(&families::MODEL, model, b"} 1\n");
    to.series(leaders);
}

struct Scores<'a> {
    out: &'a mut Vec<u8>,
    format: Format,
    plan: &'a Plan,
}

impl Scores<'_> {
    fn numbers(&mut self, family: &Family, value: impl Fn(&Standing) -> f64) {
        push_head(self.out, self.format, family);
        for (pick, standing) in shown(self.plan) {
            self.open(family.name, &pick.labels);
            self.out.extend_from_slice(b"} ");
            push_float(self.out, value(standing));
            self.out.push(b'\n');
        }
    }

    fn counts(&mut self, family: &Family, value: impl Fn(&Pick, &Standing) -> u64) {
        push_head(self.out, self.format, family);
        for (pick, standing) in shown(self.plan) {
            self.open(family.name, &pick.labels);
            self.out.extend_from_slice(b"} ");
            push_count(self.out, value(pick, standing));
            self.out.push(b'\n');
        }
    }

    fn points(&mut self) {
        let family = &families::INFLUENCE_POINTS;
        push_head(self.out, self.format, family);
        for (pick, standing) in shown(self.plan) {
            let parts: [(&[u8], f64); 3] = [
                (b",part=\"amplify\"} ", standing.amplify_points),
                (b",part=\"relate\"} ", standing.relate_points),
                (b",part=\"convert\"} ", standing.convert_points),
            ];
            for (part, points) in parts {
                self.open(family.name, &pick.labels);
                self.out.extend_from_slice(part);
                push_float(self.out, points);
                self.out.push(b'\n');
            }
        }
    }

    fn label_info(&mut self) {
        push_head(self.out, self.format, &families::LABEL);
        for (pick, standing) in shown(self.plan) {
            self.open(families::LABEL.name, &pick.labels);
            self.out.extend_from_slice(b",label=\"");
            self.out.extend_from_slice(standing.label.as_str().as_bytes());
            self.out.extend_from_slice(b"\"} 1\n");
        }
    }

    fn segments(&mut self, family: &Family, value: impl Fn(&SegmentStandings) -> f64) {
        push_head(self.out, self.format, family);
        let plan = self.plan;
        for (labels, segment) in plan.segments.iter().zip(&plan.view.segments) {
            self.open(family.name, labels);
            self.out.extend_from_slice(b"} ");
            push_float(self.out, value(segment));
            self.out.push(b'\n');
        }
    }

    /// Returns how many segments have a leader.
    fn leaders(&mut self) -> usize {
        let family = &families::SEGMENT_LEADER;
        push_head(self.out, self.format, family);
        let (plan, mut leaders) = (self.plan, 0);
        for (labels, segment) in plan.segments.iter().zip(&plan.view.segments) {
            let Some(leader) = segment.influencers.first().filter(|first| first.score > 0.0) else {
                continue;
            };
            self.open(family.name, labels);
            self.out.push(b',');
            labels::push(self.out, "influencer", &leader.influencer);
            self.out.extend_from_slice(b"} 1\n");
            leaders += 1;
        }
        leaders
    }

    fn series(&mut self, leaders: usize) {
        let (segments, influencers) = (self.plan.segments.len(), self.plan.picks.len());
        self.by_family(&families::SERIES_EXPORTED, |(family, series), influencer| {
            match (influencer, family.name == families::SEGMENT_LEADER.name) {
                (true, _) => series * influencers,
                (false, true) => leaders,
                (false, false) => series * segments,
            }
        });
        let suppressed = (self.plan.suppressed_segments, self.plan.suppressed_influencers);
        self.by_family(&families::SERIES_SUPPRESSED, |(_, series), influencer| {
            series * if influencer { suppressed.1 } else { suppressed.0 }
        });
        let mut limit = b" ".to_vec();
        push_count(&mut limit, self.plan.limit as u64);
        limit.push(b'\n');
        self.sample(&families::SERIES_LIMIT, b"", &limit);
    }

    /// A count for each score family; the argument says whether it is one of influencers.
    fn by_family(&mut self, family: &Family, count: impl Fn(&Series, bool) -> usize) {
        push_head(self.out, self.format, family);
        let influencers = PER_INFLUENCER.iter().map(|series| (series, true));
        for (series, influencer) in influencers.chain(PER_SEGMENT.iter().map(|s| (s, false))) {
            self.open(family.name, b"{family=\"");
            self.out.extend_from_slice(series.0.name.as_bytes());
            self.out.extend_from_slice(b"\"} ");
            push_count(self.out, count(series, influencer) as u64);
            self.out.push(b'\n');
        }
    }

    fn sample(&mut self, family: &Family, labels: &[u8], rest: &[u8]) {
        push_head(self.out, self.format, family);
        self.open(family.name, labels);
        self.out.extend_from_slice(rest);
    }

    fn open(&mut self, name: &str, labels: &[u8]) {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(labels);
    }
}

/// What is picked, with where it stands.
fn shown(plan: &Plan) -> impl Iterator<Item = (&Pick, &Standing)> {
    plan.picks.iter().filter_map(|pick| {
        let segment = plan.view.segments.get(pick.segment)?;
        Some((pick, segment.influencers.get(pick.at)?))
    })
}

/// Influencers that anyone passed on or talked with; followers alone are no credit.
fn with_credit(segment: &SegmentStandings) -> usize {
    let credited = |s: &&Standing| s.amplify_share > 0.0 || s.relate_share > 0.0;
    segment.influencers.iter().filter(credited).count()
}

/// Sum of the squares of the influencers' shares of all influence; 0 where nobody has any.
fn concentration(segment: &SegmentStandings) -> f64 {
    let (sum, squares) = segment
        .influencers
        .iter()
        .fold((0.0, 0.0), |(sum, squares), s| (sum + s.score, squares + s.score * s.score));
    if sum > 0.0 { squares / (sum * sum) } else { 0.0 }
}
