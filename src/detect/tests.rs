//! Planted shifts among noise: what was planted is found, once, and nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Detector, DetectorState};
use crate::model::{Detection, Label, Params, Rule, SegmentDetection, Shift, ShiftId, Standing};
use crate::view::{View, sample};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const START: i64 = 20_000 * DAY;
const STEP: i64 = 10 * MINUTE;
const CAST: usize = 30;

/// What is changed of whom from when on.
#[derive(Clone, Debug)]
struct Plant {
    rule: Rule,
    who: usize,
    at_ms: i64,
}

/// Thirty influencers whose numbers waver about a level, and what is planted.
struct World {
    plants: Vec<Plant>,
    noise: ChaCha8Rng,
    waver: [f64; CAST],
    at_ms: i64,
    sequence: u64,
}

fn name(who: usize) -> String {
    format!("i{who:02}")
}

impl World {
    /// A plant of each rule, at a time between two and eight days, of someone for whom nothing
    /// else follows from it.
    fn new(seed: u64) -> Self {
        let mut noise = ChaCha8Rng::seed_from_u64(seed);
        let plants = [
            (Rule::LeaderChanged, 1),
            (Rule::ScoreFell, 4),
            (Rule::ShareDrop, 6),
            (Rule::LiftProven, 7),
            (Rule::TopLeft, 9),
            (Rule::TopEntered, 12),
            (Rule::ShareSurge, 17),
            (Rule::LiftLost, 18),
            (Rule::LabelChanged, 19),
            (Rule::ScoreRose, 24),
            (Rule::PopularityWithoutInfluence, 27),
        ]
        .map(|(rule, who)| {
            let at_ms = START + noise.random_range(2 * DAY..8 * DAY) / STEP * STEP;
            Plant { rule, who, at_ms }
        })
        .to_vec();
        Self { plants, noise, waver: [0.0; CAST], at_ms: START, sequence: 0 }
    }

    fn quiet(seed: u64) -> Self {
        Self { plants: Vec::new(), ..Self::new(seed) }
    }

    fn next(&mut self) -> View {
        self.at_ms += STEP;
        self.sequence += 1;
        let mut standings: Vec<Standing> = (0..CAST).map(|who| self.standing(who)).collect();
        standings.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut segment = sample::segment("s", &[]);
        segment.influencers = standings;
        let mut view = sample::view(self.sequence, vec![segment]);
        view.as_of_ms = self.at_ms;
        view.lift_as_of_ms = Some((self.at_ms - 10 * MINUTE).div_euclid(DAY) * DAY);
        view
    }

    fn views(mut self, days: i64) -> Vec<View> {
        (0..days * DAY / STEP).map(|_| self.next()).collect()
    }

    fn standing(&mut self, who: usize) -> Standing {
        let wave = &mut self.waver[who];
        *wave = 0.95 * *wave + self.noise.random_range(-0.12..0.12);
        let mut score = 75.0 - 2.2 * who as f64 + *wave;
        let mut share = 0.1 * (1.0 + self.noise.random_range(-0.05..0.05));
        let mut popularity = 30.0 + self.noise.random_range(-0.5..0.5);
        let mut proven = who == 18;
        let mut label = Label::Quiet;
        for plant in self.plants.iter().filter(|plant| plant.who == who) {
            // Nothing happens at once: the whole of it takes two hours.
            let since = (self.at_ms - plant.at_ms) as f64 / (2 * HOUR) as f64;
            let part = since.clamp(0.0, 1.0);
            match plant.rule {
                Rule::LeaderChanged => score += 8.5 * part,
                Rule::TopEntered => score += 8.0 * part,
                Rule::TopLeft => score -= 8.0 * part,
                Rule::ScoreRose => score += 12.0 * part,
                Rule::ScoreFell => score -= 12.0 * part,
                Rule::ShareSurge => share *= 1.0 + part,
                Rule::ShareDrop => share *= 1.0 - 0.5 * part,
                Rule::LiftProven => proven |= part >= 1.0,
                Rule::LiftLost => proven &= part < 1.0,
                Rule::PopularityWithoutInfluence => popularity += 12.0 * part,
                Rule::LabelChanged if part >= 1.0 => label = Label::Emerging,
                Rule::LabelChanged => {}
            }
        }
        let base = sample::standing(&name(who), score);
        let proven_conversions = if proven { 5.0 } else { 0.0 };
        Standing { amplify_share: share, popularity, proven_conversions, label, ..base }
    }
}

fn detector(state: DetectorState) -> Detector {
    Detector::resume(&Detection::default(), &Params::default(), state)
}

/// The state as it comes back from where it was kept.
fn kept(detector: &Detector) -> DetectorState {
    serde_json::from_slice(&serde_json::to_vec(detector.state()).unwrap()).unwrap()
}

fn observed(views: &[View]) -> Vec<Shift> {
    let mut detector = detector(DetectorState::default());
    views.iter().flat_map(|view| detector.observe(view, true)).collect()
}

/// Without the last bits of numbers, which JSON does not keep.
fn outline(shifts: &[Shift]) -> Vec<(ShiftId, Rule, i64)> {
    shifts.iter().map(|shift| (shift.id, shift.rule, shift.at_ms)).collect()
}

/// How many of the plants were found within a day, proofs with the second table and labels once
/// they have lasted, and how many shifts are no plant's.
fn judged(plants: &[Plant], shifts: &[Shift]) -> (usize, usize) {
    let of = |plant: &Plant, shift: &Shift| {
        let last = [Rule::LiftProven, Rule::LiftLost, Rule::LabelChanged];
        let patience = if last.contains(&plant.rule) { 9 * DAY / 4 } else { DAY };
        let within = plant.at_ms..plant.at_ms + patience;
        shift.rule == plant.rule
            && *shift.influencer == *name(plant.who)
            && within.contains(&shift.at_ms)
    };
    let found = plants.iter().filter(|plant| shifts.iter().any(|shift| of(plant, shift))).count();
    let strange: Vec<_> =
        shifts.iter().filter(|shift| !plants.iter().any(|plant| of(plant, shift))).collect();
    if !strange.is_empty() {
        eprintln!("{plants:?}: not planted: {strange:#?}");
    }
    (found, strange.len())
}

#[test]
fn what_is_planted_is_found_and_little_else() {
    let (mut planted, mut found, mut strange) = (0, 0, 0);
    for seed in 0..20 {
        let world = World::new(seed);
        let plants = world.plants.clone();
        let shifts = observed(&world.views(11));
        let (hits, others) = judged(&plants, &shifts);
        planted += plants.len();
        found += hits;
        strange += others;
    }
    let recall = found as f64 / planted as f64;
    let precision = found as f64 / (found + strange) as f64;
    assert!(recall >= 0.95 && precision >= 0.95, "{found} of {planted}, {strange} strange");
}

#[test]
fn noise_alone_is_no_shift() {
    for seed in 100..110 {
        assert_eq!(observed(&World::quiet(seed).views(10)), []);
    }
}

#[test]
fn nothing_is_told_twice_wherever_it_was_interrupted() {
    let mut cuts = ChaCha8Rng::seed_from_u64(1);
    for seed in 0..6 {
        let views = World::new(seed).views(10);
        let whole = observed(&views);
        for _ in 0..12 {
            let cut = cuts.random_range(1..views.len());
            let mut first = detector(DetectorState::default());
            let mut told: Vec<Shift> =
                views[..cut].iter().flat_map(|view| first.observe(view, true)).collect();
            // The log is read again from its beginning.
            let mut second = detector(kept(&first));
            for view in &views[..cut] {
                assert_eq!(second.observe(view, false), []);
            }
            told.extend(views[cut..].iter().flat_map(|view| second.observe(view, true)));
            assert_eq!(outline(&told), outline(&whole), "seed {seed}, cut at {cut}");
        }
        let ids: BTreeSet<_> = whole.iter().map(|shift| shift.id).collect();
        assert_eq!(ids.len(), whole.len());
    }
}

/// From a state that is older than what was told, the same ids come again.
#[test]
fn an_older_state_gives_the_same_ids() {
    for seed in 0..4 {
        let views = World::new(seed).views(10);
        let mut running = detector(DetectorState::default());
        let mut saved = kept(&running);
        for (at, view) in views.iter().enumerate() {
            let shifts = running.observe(view, true);
            if !shifts.is_empty() && at > 0 {
                // The same is found again a little later, as it is when a restart took its time.
                let mut restarted = detector(saved);
                let later = (at + 6).min(views.len() - 1);
                for past in &views[at..later] {
                    assert_eq!(restarted.observe(past, false), []);
                }
                let ids: Vec<_> =
                    restarted.observe(&views[later], true).iter().map(|s| s.id).collect();
                assert!(shifts.iter().all(|shift| ids.contains(&shift.id)), "{shifts:?} {ids:?}");
            }
            saved = kept(&running);
        }
    }
}

#[test]
fn what_changed_while_nobody_looked_is_told_once_when_caught_up() {
    let views = World::new(7).views(11);
    let days = |days: i64| usize::try_from(days * DAY / STEP).unwrap();
    let (one_day, rest) = views.split_at(days(1));
    let (unseen, seen) = rest.split_at(days(8));
    let mut first = detector(DetectorState::default());
    let told: Vec<Shift> = one_day.iter().flat_map(|view| first.observe(view, true)).collect();
    assert_eq!(told, []);
    let mut second = detector(kept(&first));
    for view in unseen {
        assert_eq!(second.observe(view, false), [], "nothing while catching up");
    }
    let told: Vec<Shift> = seen.iter().flat_map(|view| second.observe(view, true)).collect();
    let rules: BTreeSet<Rule> = told.iter().map(|shift| shift.rule).collect();
    for rule in [Rule::LeaderChanged, Rule::TopEntered, Rule::LiftProven, Rule::LiftLost] {
        assert!(rules.contains(&rule), "{rule:?} {rules:?}");
    }
    let single: BTreeSet<_> = told.iter().map(|shift| (shift.rule, &shift.influencer)).collect();
    assert_eq!(single.len(), told.len(), "once");
}

#[test]
fn a_start_without_a_state_tells_nothing() {
    let views = World::new(3).views(9);
    let mut fresh = detector(DetectorState::default());
    let (last, past) = views.split_last().unwrap();
    for view in past {
        assert_eq!(fresh.observe(view, false), []);
    }
    assert_eq!(fresh.observe(last, true), []);
}

/// A view of someone called `a` and someone called `b`, by hours from the start.
fn duel(hours: f64, a: f64, b: f64) -> View {
    let mut ranked = [("a", a), ("b", b)];
    ranked.sort_by(|x, y| y.1.total_cmp(&x.1));
    let mut view = sample::view(1, vec![sample::segment("s", &ranked)]);
    #[allow(clippy::cast_possible_truncation, reason = "hours of a test")]
    let at_ms = START + (hours * HOUR as f64) as i64;
    view.as_of_ms = at_ms;
    view
}

fn leaders(own: SegmentDetection, readings: &[(f64, f64, f64)]) -> Vec<(f64, Arc<str>)> {
    let detection = Detection { segments: [("s".into(), own)].into(), ..Detection::default() };
    let mut detector = Detector::new(&detection, &Params::default());
    let mut told = Vec::new();
    for &(hours, a, b) in readings {
        let shifts = detector.observe(&duel(hours, a, b), true);
        let leaders = shifts.into_iter().filter(|shift| shift.rule == Rule::LeaderChanged);
        told.extend(leaders.map(|shift| (hours, shift.influencer)));
    }
    told
}

#[test]
fn a_leader_has_to_lead_clearly_or_for_long_and_rests() {
    let near = [(0.0, 50.0, 49.0), (0.5, 50.0, 51.0), (1.0, 50.0, 51.0), (1.6, 50.0, 51.0)];
    let none = || SegmentDetection {
        leader_margin: Some(2.0),
        hold_ms: Some(HOUR),
        ..SegmentDetection::default()
    };
    assert_eq!(leaders(none(), &near), [(1.6, "b".into())], "lasted an hour");
    let clear = [(0.0, 50.0, 49.0), (0.1, 50.0, 52.5)];
    assert_eq!(leaders(none(), &clear), [(0.1, "b".into())], "by the margin");
    let flaps = [(0.0, 50.0, 49.0), (0.5, 50.0, 51.0), (0.9, 50.0, 49.0), (1.4, 50.0, 51.0)];
    assert_eq!(leaders(none(), &flaps), [], "never for an hour");
    let back_and_forth = [
        (0.0, 50.0, 49.0),
        (1.0, 45.0, 50.0),
        (2.0, 50.0, 45.0),
        (3.0, 45.0, 50.0),
        (7.5, 45.0, 50.0),
    ];
    let told = [(1.0, "b".into()), (2.0, "a".into()), (7.5, "b".into())];
    assert_eq!(leaders(none(), &back_and_forth), told, "b rests for six hours");
    let eager = SegmentDetection { leader_margin: Some(0.5), ..none() };
    assert_eq!(leaders(eager, &near), [(0.5, "b".into())], "its own margin");
}

#[test]
fn a_table_of_lifts_that_is_not_finished_proves_nothing() {
    let view = |hours: f64, proven: f64, lift_as_of: Option<i64>| {
        let mut view = duel(hours, 50.0, 40.0);
        view.segments[0].influencers[0].proven_conversions = proven;
        view.lift_as_of_ms = lift_as_of;
        view
    };
    let mut detector = detector(DetectorState::default());
    let mut told = |view: View| detector.observe(&view, true).len();
    assert_eq!(told(view(1.0, 0.0, None)), 0);
    assert_eq!(told(view(2.0, 3.0, Some(START))), 0, "the first table says how things stand");
    assert_eq!(told(view(25.0, 0.0, Some(START))), 0, "a bucket has closed since");
    assert_eq!(told(view(26.0, 0.0, Some(START + DAY))), 0, "the first that proves nothing");
    assert_eq!(told(view(49.0, 0.0, Some(START + DAY))), 0, "the same is no second");
    assert_eq!(told(view(50.0, 0.0, Some(START + 2 * DAY))), 1);
}

/// Days on which proofs of someone are told, by the chance of each day's table; nothing: the table
/// proves nothing.
fn proofs(chances: &[Option<f64>]) -> Vec<(usize, Rule)> {
    let mut detector = detector(DetectorState::default());
    let mut told = Vec::new();
    for (day, chance) in chances.iter().enumerate() {
        let mut view = duel(24.0 * day as f64 + 1.0, 50.0, 40.0);
        view.lift_as_of_ms = Some(view.as_of_ms - HOUR);
        let standing = &mut view.segments[0].influencers[0];
        match (chance, &mut Arc::make_mut(&mut standing.lift).test) {
            (Some(chance), Some(test)) => test.chance = *chance,
            _ => standing.proven_conversions = 0.0,
        }
        told.extend(detector.observe(&view, true).into_iter().map(|shift| (day, shift.rule)));
        detector = resumed(&detector);
    }
    told
}

fn resumed(before: &Detector) -> Detector {
    detector(kept(before))
}

#[test]
fn a_proof_has_to_stand_out_in_two_tables_and_so_has_its_loss() {
    type Case<'a> = (&'a str, &'a [Option<f64>], &'a [(usize, Rule)]);
    // Of 40 tested, at .05 and at .005.
    let (proven, stands_out, none) = (Some(1e-3), Some(1e-5), None);
    let cases: [Case<'_>; 7] = [
        ("twice", &[none, stands_out, stands_out, stands_out], &[(2, Rule::LiftProven)]),
        ("comes and goes", &[none, stands_out, none, stands_out, proven, stands_out], &[]),
        ("never stands out", &[none, proven, proven, proven], &[]),
        ("is proven still", &[stands_out, proven, proven, proven], &[]),
        ("stood like that", &[stands_out, stands_out, none, none, none], &[(3, Rule::LiftLost)]),
        ("was not told", &[proven, none, none, none], &[]),
        (
            "both",
            &[none, stands_out, stands_out, none, proven, none, none],
            &[(2, Rule::LiftProven), (6, Rule::LiftLost)],
        ),
    ];
    for (case, chances, told) in cases {
        assert_eq!(proofs(chances), told, "{case}");
    }
}

#[test]
fn points_for_a_proof_that_comes_and_goes_are_no_move() {
    let (proven, stands_out) = (Some(1e-3), Some(1e-5));
    let tables = [None, proven, None, proven, None, stands_out, stands_out, None, stands_out];
    let mut detector = detector(DetectorState::default());
    let mut told = Vec::new();
    for hours in 0..24 * tables.len() {
        let chance = tables[hours / 24];
        let mut view = duel(hours as f64 + 1.0, if chance.is_some() { 70.0 } else { 50.0 }, 40.0);
        view.lift_as_of_ms = Some(START + i64::try_from(hours / 24).unwrap() * DAY);
        let standing = &mut view.segments[0].influencers[0];
        standing.amplify_share = 0.5;
        match (chance, &mut Arc::make_mut(&mut standing.lift).test) {
            (Some(chance), Some(test)) => (standing.convert_points, test.chance) = (20.0, chance),
            _ => standing.proven_conversions = 0.0,
        }
        let shifts = detector.observe(&view, true).into_iter();
        told.extend(shifts.map(|shift| (hours / 24, shift.rule)));
        detector = resumed(&detector);
    }
    assert_eq!(told, [(6, Rule::LiftProven)]);
}

#[test]
fn a_move_that_goes_on_is_told_once_until_it_has_come_to_rest() {
    let mut detector = detector(DetectorState::default());
    let mut told = Vec::new();
    let mut share: f64 = 0.03;
    for hours in 0..60 * 24 {
        // Doubles each week, for three weeks and then again after another three.
        let grows = !(21 * 24..42 * 24).contains(&hours);
        share *= if grows { 1.0 + 0.7 / (7.0 * 24.0) } else { 1.0 };
        let mut view = duel(f64::from(hours), 50.0, 40.0);
        view.segments[0].influencers[0].amplify_share = share;
        let shifts = detector.observe(&view, true).into_iter();
        told.extend(shifts.map(|shift| (hours / 24, shift.rule)));
        detector = resumed(&detector);
    }
    assert_eq!(told, [(5, Rule::ShareSurge), (46, Rule::ShareSurge)]);
}

#[test]
fn a_share_that_fades_at_the_half_life_is_told() {
    let mut detector = detector(DetectorState::default());
    let mut told = Vec::new();
    for hours in 0..30 * 24 {
        let mut view = duel(f64::from(hours), 50.0, 40.0);
        let faded = 0.1 * (-f64::from(hours) / (7.0 * 24.0)).exp2();
        view.segments[0].influencers[0].amplify_share = faded;
        let shifts = detector.observe(&view, true).into_iter();
        told.extend(shifts.map(|shift| (hours / 24, shift.rule)));
    }
    assert_eq!(told, [(4, Rule::ShareDrop)]);
}

/// Of the world of seed 7, eight days in, when moves were measured from the last announced one on.
const FIRST_VERSION: &str = include_str!("../../tests/fixtures/shifts/v1.json");

#[test]
fn a_state_of_the_first_version_tells_nothing_again() {
    let mut kept: serde_json::Value = serde_json::from_str(FIRST_VERSION).unwrap();
    let announced: Vec<Shift> = serde_json::from_value(kept["announced"].take()).unwrap();
    let state: DetectorState = serde_json::from_value(kept["state"].take()).unwrap();
    assert_eq!(announced.len(), 10);
    let detection = Detection { top_k: 5, ..Detection::default() };
    let state = state.from_first_version();
    let mut detector = Detector::resume(&detection, &Params::default(), state);
    let views = World::new(7).views(10);
    let (read_again, new) = views.split_at(usize::try_from(8 * DAY / STEP).unwrap());
    for view in read_again {
        assert_eq!(detector.observe(view, false), []);
    }
    let told: Vec<Shift> = new.iter().flat_map(|view| detector.observe(view, true)).collect();
    let again = |shift: &&Shift| {
        let same =
            |before: &&Shift| (before.rule, &before.influencer) == (shift.rule, &shift.influencer);
        announced.iter().any(|before| same(&before))
    };
    assert_eq!(told.iter().find(again), None);
    assert!(told.iter().any(|shift| shift.rule == Rule::ScoreRose), "what comes later is told");
}

#[test]
fn sentences_have_the_numbers() {
    let mut told = detector(DetectorState::default());
    told.observe(&duel(0.0, 50.0, 40.0), true);
    let shifts = told.observe(&duel(1.0, 50.0, 61.26), true);
    let said: Vec<&str> = shifts.iter().map(|shift| &*shift.summary).collect();
    let expected = [
        "b leads with 61.3 points of influence, before a with 50.0, in segment s.",
        "The influence of b rose by 21.3 points, from 40.0 to 61.3, within 24 hours in segment s.",
        "The share of the active audience that passes b on rose from 40.0 % to 61.3 % within 14 \
         days in segment s.",
    ];
    assert_eq!(said, expected);
}

#[test]
fn memory_is_bounded_whoever_comes_and_goes() {
    let detection = Detection { top_k: 2, ..Detection::default() };
    let mut detector = Detector::new(&detection, &Params::default());
    for turn in 0..200_u32 {
        let names: Vec<String> = (0..8).map(|at| format!("t{turn}-{at}")).collect();
        let ranked: Vec<(&str, f64)> = names.iter().map(|name| (&**name, 50.0)).collect();
        let mut view = sample::view(1, vec![sample::segment("s", &ranked)]);
        view.as_of_ms = START + i64::from(turn) * MINUTE;
        detector.observe(&view, true);
        let known = &detector.state().segments["s"].influencers;
        assert!(known.len() <= 18, "{}", known.len());
        assert!(known.values().all(|known| known.samples.len().max(known.shares.len()) <= 12));
    }
}
