//! The rivals on streams small enough to reckon by hand.

#![allow(clippy::float_cmp, reason = "exact by construction")]

use super::*;
use crate::model::{Account, Secret};

const HOUR_MS: i64 = 3_600_000;

/// `(day, hour, kind, actor, target)` in the segment `buyers`.
type Line = (i64, i64, Kind, &'static str, &'static str);

fn rivals(lines: &[Line]) -> Rivals {
    let mut rivals = Rivals::new(&Params::default());
    for (day, hour, kind, actor, target) in lines {
        observe(&mut rivals, (*day, *hour, *kind, actor, target), &["buyers".into()]);
    }
    rivals
}

fn observe(rivals: &mut Rivals, line: (i64, i64, Kind, &str, &str), own: &[Cow<'_, str>]) {
    let (day, hour, kind, actor, target) = line;
    let key = |name: &str| Secret::new(1).account(name);
    let time_ms = (20_000 + day) * DAY_MS + hour * HOUR_MS;
    let target = (!target.is_empty()).then(|| Account { key: key(target), name: target.into() });
    let event = Interaction {
        kind,
        time_ms,
        log_time_ms: time_ms,
        actor: key(actor),
        target,
        id: None,
        segments: (0, 0),
        value: 1.0,
        refers: None,
        unpriced: false,
        campaign: crate::model::CampaignPlace::default(),
    };
    rivals.observe(&event, own);
}

fn said(rivals: &Rivals, account: &str, day: i64) -> Rivalry {
    rivals.of("buyers", (20_000 + day) * DAY_MS).get(account).copied().unwrap_or_default()
}

#[test]
fn counts_fade_and_are_not_capped() {
    use Kind::{Like, Mention, Retweet};
    let rivals = rivals(&[
        (0, 0, Retweet, "a", "x"),
        (0, 0, Retweet, "a", "x"),
        (0, 0, Mention, "b", "x"),
        (7, 0, Retweet, "b", "x"),
        (7, 0, Like, "b", "y"),
    ]);
    // 2.5 a half-life ago, and 1 now.
    assert!((said(&rivals, "x", 7).decayed_counts - 2.25).abs() < 1e-12);
    assert!((said(&rivals, "x", 14).decayed_counts - 1.125).abs() < 1e-12);
    assert_eq!(said(&rivals, "y", 7), Rivalry::default());
}

#[test]
fn the_last_touch_takes_all() {
    use Kind::{Conversion, Reply, Retweet};
    let rivals = rivals(&[
        (0, 1, Retweet, "a", "x"),
        (1, 1, Reply, "a", "y"),
        (1, 2, Conversion, "a", ""),
        (1, 3, Retweet, "b", "x"),
        (9, 0, Conversion, "b", ""),
        (9, 1, Conversion, "c", ""),
        (9, 2, Conversion, "a", "z"),
    ]);
    let got = ["x", "y", "z"].map(|account| said(&rivals, account, 10).last_touch);
    assert_eq!(got, [0.0, 1.0, 1.0], "b's touch is 8 days old, c has none, z is declared");
}

#[test]
fn people_are_compared_with_others_as_active() {
    use Kind::{Conversion, Retweet};
    let mut lines = Vec::new();
    for actor in ["a", "b", "c", "d"] {
        lines.push((0, 1, Retweet, actor, if actor < "c" { "x" } else { "y" }));
    }
    lines.extend([(1, 5, Conversion, "a", ""), (2, 5, Conversion, "c", "")]);
    lines.push((4, 0, Retweet, "z", "x"));
    let rivals = rivals(&lines);
    // Days 1 to 3 are exposed; each has 1 active day. Day 1: 4 people without a purchase, a buys.
    // Days 2 and 3: a is in another stratum, alone with c on day 3. So without a purchase x has
    // a b | b | b (4 days, 1 conversion), y has c d | c d | d (5 days, 1), and with one x has
    // a a (2 days), y has c (1 day), no conversion.
    let x = said(&rivals, "x", 4).between;
    let (above, below) = (5.0 / 9.0, 4.0 / 9.0);
    let ratio = x.ratio.unwrap();
    assert_eq!(x.exposed_conversions, 1);
    assert!((x.expected_conversions - 4.0 * 2.0 / 9.0).abs() < 1e-12);
    assert!((ratio.estimate - above / below).abs() < 1e-12, "{ratio:?}");
    let error = (2.0 * 4.0 * 5.0 / 81.0 / (above * below)).sqrt();
    assert!((ratio.high / ratio.estimate - (1.96 * error).exp()).abs() < 1e-9);
    assert!((x.incremental() - (1.0 - 0.8)).abs() < 1e-12);
    let y = said(&rivals, "y", 4).between.ratio.unwrap();
    assert!((y.estimate * ratio.estimate - 1.0).abs() < 1e-12, "the same comparison turned round");
}

#[test]
fn segments_stay_until_others_come_and_fans_are_distinct() {
    let mut rivals = Rivals::new(&Params::default());
    let act = |actor| (0, 1, Kind::Retweet, actor, "x");
    observe(&mut rivals, act("a"), &["one".into(), "two".into()]);
    observe(&mut rivals, act("a"), &[]);
    observe(&mut rivals, act("b"), &["one".into()]);
    observe(&mut rivals, act("c"), &[]);
    observe(&mut rivals, act("a"), &["two".into()]);
    let fans = rivals.take_fans();
    let count = |segment: &str| fans[segment]["x"];
    assert_eq!(["one", "two", UNASSIGNED].map(count), [2, 1, 1]);
    assert!(rivals.take_fans().values().all(HashMap::is_empty));
    let counts = |segment| rivals.of(segment, 20_000 * DAY_MS + HOUR_MS)["x"].decayed_counts;
    assert_eq!(["one", "two"].map(counts), [3.0, 3.0]);
}
