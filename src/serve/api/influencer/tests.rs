//! Explanations of made-up standings.

use serde_json::Value;

use super::*;
use crate::model::{Basis, HalfSaturationOverride, Lift, RateRatio, SegmentParams, Test};
use crate::view::sample;

fn said_with(params: &Params, change: impl FnOnce(&mut Standing)) -> Value {
    let mut segment = sample::segment("s", &[("ana", 20.0), ("eve", 10.0)]);
    change(&mut segment.influencers[0]);
    let view = sample::view(1, vec![]);
    let of = explained(&view, &segment, (1, &segment.influencers[0]), params);
    serde_json::to_value(of).unwrap()
}

fn said(change: impl FnOnce(&mut Standing)) -> Value {
    said_with(&Params::default(), change)
}

fn convert(said: &Value) -> &str {
    said["parts"][2]["explanation"].as_str().unwrap()
}

#[test]
fn inputs_and_saturation_give_the_points() {
    let said = said(|standing| {
        standing.amplify_share = 0.05;
        standing.amplify_points = 15.0;
        standing.relate_share = 0.03;
        standing.outbound = 3.0;
        standing.relate_points = 12.5;
    });
    let (amplify, relate) = (&said["parts"][0], &said["parts"][1]);
    assert_eq!(amplify["inputs"][0]["saturation"], 0.5);
    assert_eq!(amplify["max_points"], 30.0);
    let product = relate["inputs"].as_array().unwrap().iter();
    let product: f64 = product.map(|i| i["saturation"].as_f64().unwrap()).product();
    assert!((relate["max_points"].as_f64().unwrap() * product.sqrt() - 12.5).abs() < 1e-9);
    let sentence = amplify["explanation"].as_str().unwrap();
    assert!(sentence.contains("5.00 % of the active audience"), "{sentence}");
    assert!(sentence.ends_with("this gives 15.00."), "{sentence}");
}

#[test]
fn a_segments_own_half_saturations_are_explained() {
    let mut params = Params::default();
    let half_saturation =
        HalfSaturationOverride { amplify: Some(0.2), ..HalfSaturationOverride::default() };
    params.segments.insert("s".into(), SegmentParams { half_saturation });
    let said = said_with(&params, |standing| standing.amplify_share = 0.2);
    assert_eq!(said["parts"][0]["inputs"][0]["half_saturation"], 0.2);
    assert_eq!(said["parts"][0]["inputs"][0]["saturation"], 0.5);
    assert_eq!(said["popularity_evidence"]["inputs"][0]["half_saturation"], 0.25);
}

#[test]
fn what_is_proven_is_said_with_its_interval() {
    let said = said(|standing| {
        standing.convert_points = 45.0 * 0.032 / 0.052;
        std::sync::Arc::make_mut(&mut standing.lift).entangled_with = None;
    });
    assert_eq!(
        convert(&said),
        "Of 120 conversions within three days of an act on ana, about 57 would not have happened, \
         32 are proven: the same people, as active, convert 1.9 times as often then (1.5–2.4) as \
         after acting on others. This is observational evidence. What is proven is 3.20 % of the \
         segment's conversions: 27.69 of 45 points."
    );
    let points = said["parts"][2]["inputs"][0]["saturation"].as_f64().unwrap() * 45.0;
    assert!((points - said["parts"][2]["points"].as_f64().unwrap()).abs() < 1e-9);
    let discovery = &said["discovery"];
    assert_eq!((&discovery["reason"], &discovery["discovered"]), (&"proven".into(), &true.into()));
    assert_eq!(discovery["allowed_chance"], 0.05 / 40.0);
    let sentence = discovery["explanation"].as_str().unwrap();
    assert!(sentence.contains("Of the 40 tested in the segment it is number 1"), "{sentence}");
    assert!(sentence.contains("1.0e-6; 0.001 is allowed"), "{sentence}");
}

#[test]
fn what_is_not_proven_is_said_with_its_reason() {
    let ratio = Some(RateRatio { estimate: 1.3, low: 0.9, high: 1.9 });
    let test = Some(Test { chance: 0.04, place: 12, tested: 40 });
    let compared = Lift {
        basis: Basis::SelfControlled,
        ratio,
        exposed_conversions: 30,
        exposed_buckets: 90,
        test,
        ..Lift::NONE
    };
    let cases = [
        (Lift::NONE, "nothing_to_compare", "No conversion came within three days of an act on ana"),
        (
            Lift { exposed_conversions: 2, ..Lift::NONE },
            "nothing_to_compare",
            "Of 2 conversions within three days of an act on ana nothing can be told",
        ),
        (
            Lift { exposed_conversions: 4, test: None, ..compared.clone() },
            "too_few_conversions",
            "convert 1.3 times as often then (0.9–1.9) as after acting on others, and it takes 5",
        ),
        (compared.clone(), "may_be_chance", "and of 40 accounts compared that may be chance: 0.00"),
        (
            Lift { discovered: true, ..compared },
            "too_close",
            "which stands out and may be less than 1.1 times",
        ),
    ];
    for (lift, reason, words) in cases {
        let said = said(|standing| {
            standing.proven_conversions = 0.0;
            standing.lift = lift.into();
        });
        assert_eq!(said["discovery"]["reason"], reason);
        let sentence = convert(&said);
        assert!(sentence.contains(words), "{sentence}");
        assert!(sentence.ends_with("0.00 of 45 points."), "{sentence}");
    }
}

#[test]
fn before_a_bucket_has_closed_nothing_is_claimed() {
    let mut segment = sample::segment("s", &[("ana", 20.0)]);
    segment.influencers[0].lift = Lift::NONE.into();
    let view = View { lift_as_of_ms: None, ..sample::view(1, vec![]) };
    let of = explained(&view, &segment, (1, &segment.influencers[0]), &Params::default());
    let said = serde_json::to_value(of).unwrap();
    assert_eq!(said["lift_as_of"], Value::Null);
    assert_eq!(said["discovery"]["reason"], "no_evidence");
    assert!(convert(&said).contains("when the first bucket has closed"), "{}", convert(&said));
}

#[test]
fn whom_it_cannot_be_told_apart_from_is_said() {
    let said = said(|_| {});
    assert!(
        convert(&said).contains("they were to bob as well: of these nobody can tell"),
        "{said}"
    );
    assert_eq!(said["lift"]["entangled_with"][0], "bob");
    assert_eq!(said["lift_as_of"], 1_699_920_000_000_i64);
}

#[test]
fn attribution_is_by_both_methods_and_claims_no_effect() {
    let said = said(|standing| standing.attributed_conversions = 38.0);
    let attribution = &said["attribution"];
    assert_eq!(attribution["touched_conversions"], 18.0);
    assert_eq!(attribution["declared_conversions"], 20.0);
    // Of 38 and 60.5 attributed, 1.5 are nobody's.
    assert_eq!(attribution["organic_share"], 0.015);
    let sentence = attribution["explanation"].as_str().unwrap();
    assert!(
        sentence.starts_with("In the last 49 days 18 conversions are attributed to ana"),
        "{sentence}"
    );
    assert!(sentence.contains("not what it caused"), "{sentence}");
}

#[test]
fn sentences_say_what_is_missing() {
    let said = said(|standing| standing.outbound = 0.0);
    let sentence = said["parts"][1]["explanation"].as_str().unwrap();
    assert!(sentence.contains("ana acts on nobody"), "{sentence}");
    let sentence = said["popularity_evidence"]["explanation"].as_str().unwrap();
    assert!(sentence.ends_with("It is not part of influence."), "{sentence}");
    let sentence = said["fans"]["explanation"].as_str().unwrap();
    assert!(sentence.ends_with("25.00 % of its credit is from people who act on nobody else."));
}
