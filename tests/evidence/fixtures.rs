//! The table against numbers of the reference model, stored in `tests/fixtures/lift`.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use sillage::evidence::evidence;
use sillage::model::{
    AccountKey, Acted, Basis, HISTORY, Histories, History, Lift, Params, SegmentHistories,
};

use crate::compare::close;

#[test]
fn the_table_equals_the_reference() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lift");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let fixtures: Vec<_> = files.filter(|path| path.extension().unwrap() == "json").collect();
    assert!(fixtures.len() >= 2, "{fixtures:?}");
    for path in fixtures {
        let fixture: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let params: Params = serde_json::from_value(fixture["params"].clone()).unwrap();
        params.validate().unwrap();
        let found = evidence(&params, &[&histories(&fixture["histories"])]);
        let expected = fixture["expected"].as_object().unwrap();
        assert_eq!(found.segments.len(), expected.len());
        for (name, expected) in expected {
            let segment = &found.segments[name.as_str()];
            assert_eq!(segment.conversions, expected["conversions"], "{}: {name}", path.display());
            let all = expected["influencers"].as_object().unwrap();
            assert!(segment.influencers.keys().all(|influencer| all.contains_key(&**influencer)));
            for (influencer, expected) in all {
                let lift = segment.influencers.get(influencer.as_str()).unwrap_or(&Lift::NONE);
                let differences = differences(expected, lift, params.margin);
                let of = format!("{}: {name}, {influencer}", path.display());
                assert!(differences.is_empty(), "{of}: {differences:?}\n{lift:?}\n{expected}");
            }
        }
    }
}

/// The names of what differs.
fn differences(expected: &Value, found: &Lift, margin: f64) -> Vec<&'static str> {
    let lift = &expected["lift"];
    let of_ratio = |end: fn(&sillage::model::RateRatio) -> f64| found.ratio.as_ref().map(end);
    let incremental =
        |ratio: Option<f64>| Some(ratio.map_or(0.0, |ratio| found.incremental(ratio)));
    let [estimate, low, high] = [
        of_ratio(|ratio| ratio.estimate),
        of_ratio(|ratio| ratio.low),
        of_ratio(|ratio| ratio.high),
    ];
    let basis = match found.basis {
        Basis::SelfControlled => "self_controlled",
        Basis::Insufficient => "insufficient",
    };
    let numbers = [
        ("rate_ratio", &lift["rate_ratio"], estimate),
        ("low", &lift["low"], low),
        ("high", &lift["high"], high),
        ("incremental", &expected["incremental_conversions"], incremental(estimate)),
        ("incremental low", &expected["incremental_low"], incremental(low)),
        ("incremental high", &expected["incremental_high"], incremental(high)),
        ("proven", &expected["proven_conversions"], Some(found.proven(margin))),
    ];
    let mut differences: Vec<_> = numbers
        .into_iter()
        .filter(|(_, expected, found)| match (expected.as_f64(), found) {
            (Some(expected), Some(found)) => !close(expected, *found),
            (expected, found) => expected.is_some() || found.is_some(),
        })
        .map(|(name, ..)| name)
        .collect();
    let exact = [
        ("basis", lift["basis"] == basis),
        ("exposed conversions", lift["exposed_conversions"] == found.exposed_conversions),
        ("exposed buckets", lift["exposed_buckets"] == found.exposed_buckets),
        ("discovered", lift["discovered"] == found.discovered),
    ];
    differences.extend(exact.iter().filter(|(_, same)| !same).map(|(name, _)| name));
    differences
}

fn histories(stored: &Value) -> Histories {
    let mut influencers: Vec<Arc<str>> = Vec::new();
    let segments = stored["segments"].as_array().unwrap().iter();
    let segments = segments.map(|segment| self::segment(segment, &mut influencers)).collect();
    let closed = stored["closed"].as_u64().unwrap().try_into().unwrap();
    Histories { closed, segments, influencers }
}

fn segment(stored: &Value, influencers: &mut Vec<Arc<str>>) -> SegmentHistories {
    let counts = |name: &str| -> [u32; HISTORY] {
        let counts = stored[name].as_array().unwrap();
        std::array::from_fn(|age| counts[age].as_u64().unwrap().try_into().unwrap())
    };
    let mut segment = SegmentHistories {
        segment: stored["segment"].as_str().unwrap().into(),
        exposed: counts("exposed"),
        exposed_converted: counts("exposed_converted"),
        converted: counts("converted"),
        people: Vec::new(),
        acts: Vec::new(),
    };
    for person in stored["people"].as_array().unwrap() {
        let from = segment.acts.len() as u32;
        for (name, buckets) in person["acts"].as_object().unwrap() {
            let known = influencers.iter().position(|known| **known == **name);
            let influencer = known.unwrap_or_else(|| {
                influencers.push(name.as_str().into());
                influencers.len() - 1
            });
            segment.acts.push(Acted { influencer: influencer as u32, buckets: mask(buckets) });
        }
        let mut quarters = [0; HISTORY / 2];
        for (age, digit) in person["quarters"].as_str().unwrap().chars().enumerate() {
            quarters[age / 2] |= (digit.to_digit(16).unwrap() as u8) << (4 * (age % 2));
        }
        segment.people.push(History {
            key: AccountKey(person["key"].as_u64().unwrap()),
            converted: mask(&person["converted"]),
            quarters,
            acts: (from, segment.acts.len() as u32),
        });
    }
    segment
}

fn mask(stored: &Value) -> u64 {
    u64::from_str_radix(stored.as_str().unwrap(), 16).unwrap()
}
