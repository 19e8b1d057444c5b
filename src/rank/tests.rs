//! The book as shards fill it and evidence changes it.

use std::borrow::Cow;
use std::sync::Arc;

use super::ScoreBook;
use crate::engine::{Limits, Shard};
use crate::model::{
    Account, Basis, Batch, Evidence, HalfSaturationOverride, Interaction, Kind, Label, Lift,
    Params, RateRatio, Secret, SegmentEvidence, SegmentParams, SegmentStandings, Standing,
};

const SECRET: Secret = Secret::new(5);
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const START_MS: i64 = 20_000 * DAY_MS;

/// `(hours after the start, kind, actor, target, segment)`
type Did<'a> = (i64, Kind, &'a str, Option<&'a str>, &'a str);

fn shard(params: &Params) -> Shard {
    let limits = Limits { memory_bytes: 1 << 26, dedup_window_ms: 0, dedup_ids: 1 };
    Shard::new(params, &limits)
}

fn apply(shard: &mut Shard, events: &[Did<'_>]) {
    let mut batch = Batch::default();
    for (hours, kind, actor, target, segment) in events {
        let time_ms = START_MS + hours * HOUR_MS;
        let account =
            |name: &str| Account { key: SECRET.account(name), name: Cow::Owned(name.to_owned()) };
        batch.push_segment(Cow::Borrowed(segment));
        batch.push(Interaction {
            kind: *kind,
            time_ms,
            log_time_ms: time_ms,
            actor: SECRET.account(actor),
            target: target.map(account),
            id: None,
            segments: (0, 0),
            value: 10.0,
            refers: None,
            unpriced: false,
            campaign: crate::model::CampaignPlace::default(),
        });
    }
    shard.apply(&batch, &mut Vec::new());
}

/// What a book says of events, each list in a partition of its own.
fn book(params: &Params, partitions: &[&[Did<'_>]]) -> (ScoreBook, i64) {
    let book = ScoreBook::new(params);
    let mut newest_ms = 0;
    for (partition, events) in (0..).zip(partitions) {
        let mut shard = shard(params);
        apply(&mut shard, events);
        newest_ms = newest_ms.max(shard.newest_ms().unwrap_or_default());
        book.publish(partition, &mut shard);
    }
    (book, newest_ms)
}

fn find<'a>(segments: &'a [SegmentStandings], segment: &str, name: &str) -> &'a Standing {
    let segment = segments.iter().find(|s| &*s.segment == segment).expect("the segment is listed");
    segment.influencers.iter().find(|s| &*s.influencer == name).expect("the name is listed")
}

fn lift(
    exposed_conversions: u64,
    (estimate, low, high): (f64, f64, f64),
    discovered: bool,
) -> Lift {
    Lift {
        basis: Basis::SelfControlled,
        ratio: Some(RateRatio { estimate, low, high }),
        exposed_conversions,
        discovered,
        ..Lift::NONE
    }
}

fn evidence(as_of_ms: i64, segment: &str, conversions: u64, lifts: &[(&str, Lift)]) -> Evidence {
    let influencers = lifts.iter().map(|(name, lift)| (Arc::from(*name), lift.clone())).collect();
    let of_segment = SegmentEvidence { conversions, influencers };
    Evidence { as_of_ms, segments: [(Arc::from(segment), of_segment)].into_iter().collect() }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9
}

const RETWEETS: &[Did<'_>] = &[
    (0, Kind::Retweet, "a", Some("ada"), "s"),
    (0, Kind::Retweet, "a", Some("eve"), "s"),
    (1, Kind::Retweet, "b", Some("ada"), "s"),
];

#[test]
fn proven_conversions_are_points() {
    let params = Params::default();
    for proven_first in [false, true] {
        let book = ScoreBook::new(&params);
        let mut shard = shard(&params);
        apply(&mut shard, RETWEETS);
        let lifts =
            [("ada", lift(120, (1.9, 1.5, 2.4), true)), ("eve", lift(120, (1.9, 1.5, 2.4), false))];
        if proven_first {
            book.prove(evidence(START_MS, "s", 975, &lifts));
            book.publish(0, &mut shard);
        } else {
            book.publish(0, &mut shard);
            assert_eq!(book.lift_as_of_ms(), None);
            assert!(find(&book.standings(START_MS + HOUR_MS), "s", "ada").convert_points <= 0.0);
            book.prove(evidence(START_MS, "s", 975, &lifts));
        }
        assert_eq!(book.lift_as_of_ms(), Some(START_MS));
        let segments = book.standings(START_MS + HOUR_MS);
        assert_eq!(segments[0].conversions, 975);
        let ada = find(&segments, "s", "ada");
        assert!(close(ada.incremental_conversions, 120.0 * (1.0 - 1.0 / 1.9)));
        assert!(close(ada.incremental_low, 40.0) && close(ada.incremental_high, 70.0));
        assert!(close(ada.proven_conversions, 120.0 * (1.0 - 1.1 / 1.5)));
        // 32 of 1000 proven, and half of the points are given at 2 %.
        assert!(close(ada.convert_points, 45.0 * 0.032 / 0.052), "{}", ada.convert_points);
        assert!(close(ada.score, ada.amplify_points + ada.relate_points + ada.convert_points));
        let eve = find(&segments, "s", "eve");
        assert!(close(eve.incremental_conversions, ada.incremental_conversions));
        assert!(eve.proven_conversions <= 0.0 && eve.convert_points <= 0.0, "it is not discovered");
    }
}

#[test]
fn the_last_evidence_counts_alone() {
    let (book, now_ms) = book(&Params::default(), &[RETWEETS]);
    book.prove(evidence(1, "s", 100, &[("ada", lift(50, (3.0, 2.0, 4.0), true))]));
    assert!(find(&book.standings(now_ms), "s", "ada").convert_points > 0.0);
    book.prove(evidence(2, "other", 100, &[("ada", lift(50, (3.0, 2.0, 4.0), true))]));
    let segments = book.standings(now_ms);
    assert_eq!((segments[0].conversions, book.lift_as_of_ms()), (0, Some(2)));
    assert_eq!(*find(&segments, "s", "ada").lift, Lift::NONE);
}

#[test]
fn segments_may_have_half_saturations_of_their_own() {
    let mut params = Params::default();
    let half_saturation = HalfSaturationOverride {
        amplify: Some(0.5),
        convert: Some(0.08),
        ..HalfSaturationOverride::default()
    };
    params.segments.insert("s".into(), SegmentParams { half_saturation });
    let elsewhere: Vec<Did<'_>> =
        RETWEETS.iter().map(|did| (did.0, did.1, did.2, did.3, "t")).collect();
    let (book, now_ms) = book(&params, &[RETWEETS, &elsewhere]);
    let lifts = [("ada", lift(100, (3.0, 2.2, 4.0), true))];
    let mut proven = evidence(1, "s", 600, &lifts);
    proven.segments.extend(evidence(1, "t", 600, &lifts).segments);
    book.prove(proven);
    let segments = book.standings(now_ms);
    let (s, t) = (find(&segments, "s", "ada"), find(&segments, "t", "ada"));
    assert!(close(s.amplify_share, t.amplify_share));
    assert!(close(s.amplify_points, 30.0 * s.amplify_share / (s.amplify_share + 0.5)));
    assert!(close(t.amplify_points, 30.0 * t.amplify_share / (t.amplify_share + 0.05)));
    // 50 of 625 proven.
    assert!(close(s.convert_points, 45.0 / 2.0) && close(t.convert_points, 45.0 * 0.8));
    assert!(close(s.popularity, t.popularity));
}

#[test]
fn what_is_attributed_adds_up_over_partitions() {
    let sale = |at: i64, actor| (at, Kind::Conversion, actor, None, "s");
    let declared = |at: i64, actor| (at, Kind::Conversion, actor, Some("nobody-acts-on-it"), "s");
    let settled = (48, Kind::View, "z", Some("ada"), "s");
    let one =
        [(0, Kind::Retweet, "a", Some("ada"), "s"), sale(24, "a"), declared(25, "a"), settled];
    let two = [(0, Kind::Retweet, "b", Some("ada"), "s"), sale(24, "b"), sale(25, "c"), settled];
    let (book, now_ms) = book(&Params::default(), &[&one, &two]);
    let segments = book.standings(now_ms);
    // A touch a day old weighs one half, and so does nobody.
    let ada = find(&segments, "s", "ada");
    assert!(close(ada.attributed_conversions, 1.0) && close(ada.attributed_value, 10.0));
    assert!(ada.declared_conversions <= 0.0);
    let (organic, value) = (segments[0].organic_conversions, segments[0].organic_value);
    assert!(close(organic, 2.0) && close(value, 20.0), "{organic} {value}");
    let other = find(&segments, "s", "nobody-acts-on-it");
    assert!(close(other.attributed_conversions, 1.0) && close(other.declared_conversions, 1.0));
    assert_eq!(other.label, Label::Insufficient);
}

#[test]
fn exclusive_is_what_comes_from_those_who_act_on_nobody_else() {
    let (book, now_ms) = book(&Params::default(), &[RETWEETS]);
    let segments = book.standings(now_ms);
    let (ada, eve) = (find(&segments, "s", "ada"), find(&segments, "s", "eve"));
    // Both acted on ada once, one of them on eve as well.
    assert!(close(ada.exclusive_share, 0.5), "{}", ada.exclusive_share);
    assert!(close(eve.exclusive_share, 0.0), "{}", eve.exclusive_share);
    let liked = (0, Kind::Like, "a", Some("ada"), "s");
    let (book, now_ms) = self::book(&Params::default(), &[&[liked]]);
    assert!(find(&book.standings(now_ms), "s", "ada").exclusive_share <= 0.0, "without credit");
}

fn followers(kind: Kind, names: &[String]) -> Vec<Did<'_>> {
    names.iter().map(|name| (0, kind, name.as_str(), Some("ada"), "s")).collect()
}

#[test]
fn labels_remember_until_the_listing_is_gone() {
    let params = Params { pseudo_audience: 100.0, ..Params::default() };
    let names: Vec<String> = (0..30).map(|n| format!("f{n}")).collect();
    // Enough credit to be labelled at all.
    let acts = followers(Kind::Retweet, &names[..8]);
    let (book, mut fans) = (ScoreBook::new(&params), shard(&params));
    let read = |shard: &mut Shard, change: &[Did<'_>]| {
        apply(shard, change);
        book.publish(0, shard);
        let segments = book.standings(START_MS);
        let ada = find(&segments, "s", "ada");
        (ada.popularity, ada.label)
    };
    for (kind, names_of, around, expected) in [
        (Kind::Retweet, 0..8, 0.0, Label::Quiet),
        (Kind::Follow, 0..17, 38.6, Label::Quiet),
        (Kind::Follow, 17..20, 42.6, Label::Quiet),
        (Kind::Follow, 20..23, 46.0, Label::Popular),
        (Kind::Unfollow, 15..23, 35.7, Label::Popular),
        (Kind::Unfollow, 13..15, 32.5, Label::Quiet),
        (Kind::Follow, 23..30, 42.6, Label::Quiet),
    ] {
        let (popularity, label) = read(&mut fans, &followers(kind, &names[names_of]));
        assert!((popularity - around).abs() < 0.1, "{popularity}");
        assert_eq!(label, expected, "at {popularity}");
    }
    book.forget(0);
    assert!(book.standings(START_MS).is_empty());
    let mut fresh = shard(&params);
    apply(&mut fresh, &acts);
    let (popularity, label) = read(&mut fresh, &followers(Kind::Follow, &names[..20]));
    assert_eq!(label, Label::Popular, "first read at {popularity}");
}
