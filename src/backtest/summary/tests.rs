//! Summaries of worlds written by hand, and verdicts on standings written by hand.

#![allow(clippy::float_cmp, reason = "exact by construction")]

use std::collections::HashMap;
use std::sync::Arc;

use super::*;
use crate::backtest::judge;
use crate::backtest::rivals::{BetweenPeople, Rivalry};
use crate::campaign::{AccountTruth, Planted, Truth};
use crate::config::Config;
use crate::model::{Basis, Lift, RateRatio, SegmentStandings, Standing, Test};
use crate::rank::ScoreBook;

/// `(account, planted ratio, caused, proven, incremental, interval found)`
type Line = (&'static str, f64, f64, f64, f64, Option<(f64, f64)>);

fn case(line: &Line) -> Case {
    let (account, rate_ratio, caused, proven, incremental, found) = *line;
    let mut methods = [0.0; Method::ALL.len()];
    methods[Method::Convert as usize] = proven;
    methods[Method::LastTouch as usize] = 10.0;
    Case {
        segment: "buyers".into(),
        account: account.into(),
        rate_ratio,
        planted: Planted { exposed_conversions: 40, caused_conversions: caused },
        found: found.map(|(low, high)| RateRatio { estimate: (low * high).sqrt(), low, high }),
        discovered: proven > 0.0,
        exposed_conversions: 40,
        incremental_conversions: incremental,
        proven_conversions: proven,
        score: if account == "celebrity" { 21.5 } else { 5.0 },
        between: found.map(|_| RateRatio { estimate: 2.0, low: 1.5, high: 2.5 }),
        methods,
    }
}

fn world(name: &str, lines: &[Line], strangers: Strangers) -> Verdict {
    let cases = lines.iter().map(case).collect();
    Verdict { world: name.into(), seed: Some(1), cases, strangers, ring: None }
}

fn two_worlds() -> [Verdict; 2] {
    let strangers = Strangers { tested: 10, discovered: 1, covered: 9, ..Strangers::default() };
    [
        world(
            "one",
            &[
                ("micro", 3.0, 20.0, 8.0, 22.0, Some((2.0, 4.0))),
                ("mid", 1.5, 10.0, 0.0, 5.0, Some((0.9, 1.4))),
                ("celebrity", 1.0, 0.0, 1.0, 9.0, Some((0.8, 1.1))),
                ("ring", 1.0, 0.0, 0.0, 0.0, None),
            ],
            strangers,
        ),
        world("two", &[("micro", 3.0, 30.0, 9.0, 33.0, Some((2.5, 3.5)))], Strangers::default()),
    ]
}

/// Hits of how many cases.
fn share(estimate: Option<Estimate>) -> (f64, u64) {
    let estimate = estimate.unwrap();
    ((estimate.value * estimate.of as f64).round(), estimate.of)
}

#[test]
fn claims_are_counted() {
    let summary = summarise(&two_worlds());
    let names: Vec<_> = summary.designs.iter().map(|d| (d.design.as_str(), d.worlds)).collect();
    assert_eq!(names, [("one", 1), ("two", 1)]);
    let all = &summary.all;
    assert_eq!(share(all.quiet_proven), (1.0, 2));
    assert_eq!(share(all.strangers_proven), (0.0, 10));
    // Micro twice, the celebrity and a bystander.
    assert_eq!(share(all.false_discoveries), (2.0, 4));
    // Two of three in one world, none of one in the other.
    assert!((all.false_discovery_rate.unwrap().value - (2.0 / 3.0) / 2.0).abs() < 1e-12);
    assert_eq!(share(all.proven.get("×3").copied()), (2.0, 2));
    assert_eq!(share(all.proven.get("×1.5").copied()), (0.0, 1));
    assert_eq!(all.proven.len(), 2);
    // Mid's interval ends at 1.4.
    assert_eq!(share(all.covered), (3.0, 4));
    assert_eq!(share(all.strangers_covered), (9.0, 10));
    assert_eq!(share(all.insufficient), (1.0, 5));
    // 22 + 5 + 33 of 20 + 10 + 30; what the celebrity is given does not count.
    assert!((all.incremental.unwrap().value - 1.0).abs() < 1e-12);
    assert_eq!(all.celebrity, 21.5);
    // Micro before all three; mid, with nothing proven, is tied with the ring, and behind the
    // celebrity. The celebrity and the ring differ in nothing.
    assert!((all.pairs.unwrap().value - 3.0 / 5.0).abs() < 1e-12);
    // Only one world has two accounts.
    assert_eq!(all.pairs_by_world.unwrap().of, 1);
    assert!((all.undecided.unwrap().value - 1.0 / 5.0).abs() < 1e-12);
    assert_eq!(summary.between_person.quiet_better.unwrap().of, 1);
}

#[test]
fn methods_are_held_beside_what_was_caused() {
    let summary = summarise(&two_worlds());
    let of = |method: Method| summary.methods.iter().find(|m| m.method == method).unwrap();
    let convert = of(Method::Convert);
    assert_eq!(share(convert.first), (2.0, 2));
    assert!((convert.misplaced.unwrap().value - (1.0 / 9.0) / 2.0).abs() < 1e-12);
    assert!((convert.claimed.unwrap().value - 18.0 / 60.0).abs() < 1e-12);
    let touch = of(Method::LastTouch);
    assert_eq!(
        share(touch.first),
        (1.0, 2),
        "four are tied in one world, in the other one is alone"
    );
    assert!((touch.misplaced.unwrap().value - 0.25).abs() < 1e-12);
    assert!((touch.claimed.unwrap().value - 50.0 / 60.0).abs() < 1e-12);
    assert_eq!(of(Method::Popularity).misplaced, None);
}

/// A standing that a book gives, with another lift.
fn standing(name: &str, lift: Lift, proven: f64) -> Standing {
    let mut shard =
        crate::engine::Shard::new(&Config::default().model, &Config::default().limits(1));
    let secret = crate::model::Secret::new(1);
    let mut batch = crate::model::Batch::default();
    batch.push(crate::model::Interaction {
        kind: crate::model::Kind::Retweet,
        time_ms: 0,
        log_time_ms: 0,
        actor: secret.account("somebody"),
        target: Some(crate::model::Account { key: secret.account(name), name: name.into() }),
        id: None,
        segments: (0, 0),
        value: 0.0,
        refers: None,
        unpriced: false,
        campaign: crate::model::CampaignPlace::default(),
    });
    shard.apply(&batch, &mut Vec::new());
    let book = ScoreBook::new(&Config::default().model);
    book.publish(0, &mut shard);
    let standing = book.standings(0).remove(0).influencers.remove(0);
    Standing { lift: lift.into(), proven_conversions: proven, ..standing }
}

#[test]
fn who_is_not_listed_is_a_stranger_and_has_no_effect() {
    let ratio = |low, high| Some(RateRatio { estimate: 1.0, low, high });
    let test = Some(Test { chance: 0.5, place: 1, tested: 3 });
    let lift = |ratio, test, discovered| Lift {
        basis: Basis::SelfControlled,
        ratio,
        exposed_conversions: 9,
        discovered,
        test,
        ..Lift::NONE
    };
    let segment = SegmentStandings {
        segment: "buyers".into(),
        active_audience: 9.0,
        conversions: 9,
        organic_conversions: 0.0,
        organic_value: 0.0,
        influencers: vec![
            standing("micro", lift(ratio(1.2, 2.0), test, true), 3.0),
            standing("friend0", lift(ratio(0.8, 1.2), test, false), 0.0),
            standing("friend1", lift(ratio(1.1, 1.9), test, true), 1.0),
            standing("friend2", lift(ratio(2.0, 3.0), None, false), 0.0),
        ],
    };
    let planted = |name: &str, segments: &[&str]| AccountTruth {
        name: name.into(),
        story: String::new(),
        rate_ratio: 1.5,
        effect_days: (1, 3),
        works_within: None,
        fans: 1,
        exposed_conversions: 9,
        caused_conversions: 3.0,
        segments: segments.iter().map(|s| ((*s).to_owned(), Planted::default())).collect(),
    };
    let accounts = vec![
        planted("micro", &["buyers"]),
        planted("unseen", &["buyers"]),
        planted("elsewhere", &["runners"]),
    ];
    let truth = Truth { accounts, ..Truth::default() };
    let better =
        BetweenPeople { ratio: ratio(1.1, 1.2), exposed_conversions: 9, expected_conversions: 6.0 };
    let rival = Rivalry { between: better, last_touch: 4.0, decayed_counts: 2.0 };
    let rivals: HashMap<Arc<str>, Rivalry> =
        ["micro", "friend0", "friend2"].map(|name| (name.into(), rival)).into();
    let verdict = judge("w".into(), None, &truth, [(&segment, rivals)]);

    let names: Vec<_> = verdict.cases.iter().map(|case| case.account.as_str()).collect();
    assert_eq!(names, ["micro", "unseen"]);
    let [micro, unseen] = [&verdict.cases[0], &verdict.cases[1]];
    assert!(micro.is_proven() && micro.is_covered() == Some(true) && micro.discovered);
    assert_eq!(Method::LastTouch.of(&micro.methods), 4.0);
    assert_eq!(Method::Influence.of(&micro.methods), micro.score);
    assert!(!unseen.is_proven() && unseen.is_covered().is_none() && unseen.score == 0.0);
    let strangers = Strangers {
        tested: 2,
        discovered: 1,
        proven: 1,
        covered: 1,
        between_compared: 2,
        between_better: 2,
    };
    assert_eq!(verdict.strangers, strangers);
}
