//! Writes the samples of the score families of a view, which both formats have alike.
//!
//! Labels were written when an influencer came in; per series there is a copy of them and a number.

use super::catalogue as families;
use super::catalogue::Family;
use super::labels;
use super::plan::{Pick, Plan};
use super::writer::{push_count, push_float};
use crate::config::Duration;
use crate::model::{Params, SegmentStandings, Standing};
use crate::view;

/// The samples of a view, a line each.
#[derive(Default)]
pub(super) struct Samples {
    pub(super) text: Vec<u8>,
    /// Families in order, and where in the text their samples begin.
    pub(super) starts: Vec<(&'static Family, usize)>,
}

/// A family, and how many series of it one influencer or segment has at most.
pub(super) type Series = (&'static Family, usize);

pub(super) static PER_INFLUENCER: [Series; 13] = [
    (&families::INFLUENCE_SCORE, 1),
    (&families::INFLUENCE_POINTS, 3),
    (&families::INFLUENCE_RANK, 1),
    (&families::INFLUENCE_SHARE, 1),
    (&families::POPULARITY_SCORE, 1),
    (&families::ACTIVE_FANS, 1),
    (&families::MOMENTUM, 1),
    (&families::EXCLUSIVE_SHARE, 1),
    (&families::LIFT, 3),
    (&families::ATTRIBUTED, 2),
    (&families::ATTRIBUTED_VALUE, 1),
    (&families::INCREMENTAL, 4),
    (&families::LABEL, 1),
];

pub(super) static PER_SEGMENT: [Series; 6] = [
    (&families::SEGMENT_ACTIVE_AUDIENCE, 1),
    (&families::SEGMENT_INFLUENCERS, 1),
    (&families::SEGMENT_CONVERSIONS, 1),
    (&families::SEGMENT_ORGANIC, 1),
    (&families::SEGMENT_LEADER, 1),
    (&families::SEGMENT_CONCENTRATION, 1),
];

/// Series of all these families together.
pub(super) fn count(families: &[Series]) -> usize {
    families.iter().map(|(_, series)| series).sum()
}

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

/// Appends the samples of all score families of the plan.
pub(super) fn write(samples: &mut Samples, plan: &Plan, model: &[u8]) {
    let mut to = Scores { out: &mut samples.text, starts: &mut samples.starts, plan };
    to.numbers(&families::INFLUENCE_SCORE, |standing| standing.score);
    to.points();
    to.counts(&families::INFLUENCE_RANK, |pick, _| pick.at as u64 + 1);
    to.numbers(&families::INFLUENCE_SHARE, |standing| standing.amplify_share);
    to.numbers(&families::POPULARITY_SCORE, |standing| standing.popularity);
    to.counts(&families::ACTIVE_FANS, |_, standing| standing.active_fans);
    to.numbers(&families::MOMENTUM, |standing| standing.momentum);
    to.numbers(&families::EXCLUSIVE_SHARE, |standing| standing.exclusive_share);
    let compared = to.conversions();
    to.label_info();
    to.segments(&families::SEGMENT_ACTIVE_AUDIENCE, |segment| segment.active_audience);
    to.segments(&families::SEGMENT_INFLUENCERS, |segment| with_credit(segment) as f64);
    to.segments(&families::SEGMENT_CONVERSIONS, |segment| segment.conversions as f64);
    to.segments(&families::SEGMENT_ORGANIC, |segment| segment.organic_conversions);
    let leaders = to.leaders();
    to.segments(&families::SEGMENT_CONCENTRATION, concentration);
    to.lift_as_of();
    to.sample(&families::MODEL, model, b"} 1\n");
    to.series(&Rare { leaders, compared });
}

/// How many of those shown have series that not all have.
struct Rare {
    leaders: usize,
    compared: usize,
}

struct Scores<'a> {
    out: &'a mut Vec<u8>,
    starts: &'a mut Vec<(&'static Family, usize)>,
    plan: &'a Plan,
}

impl Scores<'_> {
    fn numbers(&mut self, family: &'static Family, value: impl Fn(&Standing) -> f64) {
        self.begin(family);
        for (pick, standing) in shown(self.plan) {
            self.open(family.name, &pick.labels);
            self.out.extend_from_slice(b"} ");
            push_float(self.out, value(standing));
            self.out.push(b'\n');
        }
    }

    fn counts(&mut self, family: &'static Family, value: impl Fn(&Pick, &Standing) -> u64) {
        self.begin(family);
        for (pick, standing) in shown(self.plan) {
            self.open(family.name, &pick.labels);
            self.out.extend_from_slice(b"} ");
            push_count(self.out, value(pick, standing));
            self.out.push(b'\n');
        }
    }

    fn points(&mut self) {
        let parts = ["part=\"amplify\"", "part=\"relate\"", "part=\"convert\""];
        self.several(&families::INFLUENCE_POINTS, parts, |standing| {
            Some([standing.amplify_points, standing.relate_points, standing.convert_points])
        });
    }

    /// What conversions say of influencers. Returns for how many there was enough to compare.
    fn conversions(&mut self) -> usize {
        let bounds = ["bound=\"estimate\"", "bound=\"low\"", "bound=\"high\""];
        let compared = self.several(&families::LIFT, bounds, |standing| {
            standing.lift.ratio.map(|ratio| [ratio.estimate, ratio.low, ratio.high])
        });
        let methods = ["method=\"touch\"", "method=\"declared\""];
        self.several(&families::ATTRIBUTED, methods, |standing| {
            Some([standing.touched_conversions(), standing.declared_conversions])
        });
        self.numbers(&families::ATTRIBUTED_VALUE, |standing| standing.attributed_value);
        let [estimate, low, high] = bounds;
        let bounds = [estimate, low, high, "bound=\"proven\""];
        self.several(&families::INCREMENTAL, bounds, |standing| {
            Some([
                standing.incremental_conversions,
                standing.incremental_low,
                standing.incremental_high,
                standing.proven_conversions,
            ])
        });
        compared
    }

    /// Several series of an influencer, told apart by a label each, where it has them. Returns
    /// how many influencers do.
    fn several<const N: usize>(
        &mut self,
        family: &'static Family,
        labels: [&str; N],
        values: impl Fn(&Standing) -> Option<[f64; N]>,
    ) -> usize {
        self.begin(family);
        let mut influencers = 0;
        for (pick, standing) in shown(self.plan) {
            let Some(values) = values(standing) else { continue };
            influencers += 1;
            for (label, value) in labels.iter().zip(values) {
                self.open(family.name, &pick.labels);
                self.out.push(b',');
                self.out.extend_from_slice(label.as_bytes());
                self.out.extend_from_slice(b"} ");
                push_float(self.out, value);
                self.out.push(b'\n');
            }
        }
        influencers
    }

    fn lift_as_of(&mut self) {
        self.begin(&families::LIFT_AS_OF);
        if let Some(as_of_ms) = self.plan.view.lift_as_of_ms {
            self.open(families::LIFT_AS_OF.name, b" ");
            push_float(self.out, as_of_ms as f64 / 1e3);
            self.out.push(b'\n');
        }
    }

    fn label_info(&mut self) {
        self.begin(&families::LABEL);
        for (pick, standing) in shown(self.plan) {
            self.open(families::LABEL.name, &pick.labels);
            self.out.extend_from_slice(b",label=\"");
            self.out.extend_from_slice(standing.label.as_str().as_bytes());
            self.out.extend_from_slice(b"\"} 1\n");
        }
    }

    fn segments(&mut self, family: &'static Family, value: impl Fn(&SegmentStandings) -> f64) {
        self.begin(family);
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
        self.begin(family);
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

    fn series(&mut self, rare: &Rare) {
        let (segments, influencers) = (self.plan.segments.len(), self.plan.picks.len());
        self.by_family(&families::SERIES_EXPORTED, |(family, series), influencer| {
            let of = match influencer {
                true if family.name == families::LIFT.name => rare.compared,
                true => influencers,
                false if family.name == families::SEGMENT_LEADER.name => rare.leaders,
                false => segments,
            };
            series * of
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
    fn by_family(&mut self, family: &'static Family, count: impl Fn(&Series, bool) -> usize) {
        self.begin(family);
        let influencers = PER_INFLUENCER.iter().map(|series| (series, true));
        for (series, influencer) in influencers.chain(PER_SEGMENT.iter().map(|s| (s, false))) {
            self.open(family.name, b"{family=\"");
            self.out.extend_from_slice(series.0.name.as_bytes());
            self.out.extend_from_slice(b"\"} ");
            push_count(self.out, count(series, influencer) as u64);
            self.out.push(b'\n');
        }
    }

    fn sample(&mut self, family: &'static Family, labels: &[u8], rest: &[u8]) {
        self.begin(family);
        self.open(family.name, labels);
        self.out.extend_from_slice(rest);
    }

    fn begin(&mut self, family: &'static Family) {
        self.starts.push((family, self.out.len()));
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
