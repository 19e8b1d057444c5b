//! What holds of the table whatever the input.

use std::sync::Arc;

use sillage::evidence::evidence;
use sillage::model::{Evidence, Histories, Lift, Params, SegmentEvidence, SegmentHistories};

use crate::compare::differences;
use crate::world::{Person, World};

fn table(world: &World, people: &[Person], shards: usize) -> Evidence {
    of(&world.params, &world.histories(people, shards))
}

fn of(params: &Params, histories: &[Histories]) -> Evidence {
    evidence(params, &histories.iter().collect::<Vec<_>>())
}

/// Equal to the last bit; the tables have no NaN, of which this would be wrong.
fn assert_equal(one: &Evidence, other: &Evidence, of: &str) {
    assert_eq!(one.as_of_ms, other.as_of_ms);
    assert_eq!(one.segments.len(), other.segments.len(), "{of}");
    for (name, segment) in &one.segments {
        assert_eq!(segment.conversions, other.segments[name].conversions, "{of}: {name}");
        assert_eq!(segment.influencers, other.segments[name].influencers, "{of}: {name}");
    }
}

fn worlds() -> [(World, Vec<Person>); 3] {
    let effects: Vec<f64> = (0..40).map(|n| [1.0, 3.0, 0.5][n % 3]).collect();
    let crowded = World { effects, people: 150, fans: 0.4, crowd: (5, 0.3), ..World::default() };
    let two = World { segments: vec!["north", "south"], twin: Some(0.95), ..World::default() };
    let extreme = World::extreme(1);
    let extreme_people = extreme.extreme_people();
    let [of_crowded, of_two] = [crowded.people(), two.people()];
    [(crowded, of_crowded), (two, of_two), (extreme, extreme_people)]
}

#[test]
fn any_spread_over_shards_gives_the_same_bits() {
    for (world, people) in worlds() {
        let whole = table(&world, &people, 1);
        let lifts = whole.segments.values().flat_map(lifts);
        assert!(lifts.filter(|lift| lift.entangled_with.is_some()).count() >= 2);
        for shards in [2, 3, 7, 64] {
            assert_equal(&whole, &table(&world, &people, shards), &format!("{shards} shards"));
        }
    }
}

#[test]
fn other_keys_of_people_change_nothing() {
    for (world, mut people) in worlds() {
        let before = table(&world, &people, 2);
        for person in &mut people {
            person.key = person.key.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1;
        }
        let differences = differences(&before, &table(&world, &people, 2));
        assert!(differences.is_empty(), "{differences:?}");
    }
}

#[test]
fn a_segment_says_nothing_of_another() {
    let world = World { segments: vec!["north", "south"], ..World::default() };
    let mut people = world.people();
    let both = table(&world, &people, 2);
    people.retain(|person| person.segment == 0);
    let alone = table(&world, &people, 2);
    assert_eq!(both.segments["north"].influencers, alone.segments["north"].influencers);
    assert!(!both.segments["south"].influencers.is_empty());
    assert!(alone.segments["south"].influencers.is_empty());
}

#[test]
fn what_is_older_than_needed_changes_nothing() {
    for (world, mut people) in worlds() {
        let (window, level) = (world.params.evidence_buckets, world.params.level_buckets);
        let exposure = world.params.exposure_buckets;
        // Without a conversion in the window a person is not in the table.
        let recent = |person: &Person| person.converted << (64 - window) != 0;
        let before = table(&world, &people, 1);
        for person in people.iter_mut().filter(|person| recent(person)) {
            person.converted |= u64::MAX << window;
            for acts in &mut person.acts {
                *acts |= u64::MAX << (window + exposure);
            }
            for units in &mut person.quarters[(window + level) as usize..] {
                *units = 15;
            }
        }
        let after = table(&world, &people, 1);
        assert_equal(&before, &after, "older");
    }
}

#[test]
fn people_without_a_conversion_in_the_window_are_skipped() {
    for (world, people) in worlds() {
        let mut histories = world.histories(&people, 2);
        let before = of(&world.params, &histories);
        let mask = (1 << world.params.evidence_buckets) - 1;
        let listed = |histories: &[Histories]| -> usize {
            histories.iter().flat_map(|h| &h.segments).map(|segment| segment.people.len()).sum()
        };
        let with = listed(&histories);
        for segment in histories.iter_mut().flat_map(|histories| &mut histories.segments) {
            segment.people.retain(|person| person.converted & mask != 0);
        }
        assert!(listed(&histories) < with, "nobody to leave out");
        assert_equal(&before, &of(&world.params, &histories), "left out");
    }
}

#[test]
fn acts_of_one_influencer_may_be_listed_apart() {
    let world = World::default();
    let people = world.people();
    let mut histories = world.histories(&people, 1);
    let before = of(&world.params, &histories);
    for segment in histories.iter_mut().flat_map(|histories| &mut histories.segments) {
        split_acts(segment);
    }
    assert_equal(&before, &of(&world.params, &histories), "apart");
}

/// Lists the acts in even and in odd buckets one by one.
fn split_acts(segment: &mut SegmentHistories) {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let mut acts = Vec::new();
    for place in 0..segment.people.len() {
        let from = acts.len() as u32;
        for acted in segment.acts_of(&segment.people[place]) {
            let mut half = *acted;
            half.buckets = acted.buckets & EVEN;
            acts.push(half);
            half.buckets = acted.buckets & !EVEN;
            acts.push(half);
        }
        segment.people[place].acts = (from, acts.len() as u32);
    }
    segment.acts = acts;
}

#[test]
fn every_number_is_finite() {
    let small = World { people: 9, conversions: 0.3, ..World::default() };
    let mut tables: Vec<_> =
        worlds().iter().map(|(world, people)| table(world, people, 1)).collect();
    for seed in 0..30 {
        for world in [
            World { seed, ..small.clone() },
            World { seed, effects: vec![9.0], acts: 0.9, ..small.clone() },
        ] {
            tables.push(table(&world, &world.people(), 1));
        }
    }
    let mut ratios = 0;
    for lift in tables.iter().flat_map(|table| table.segments.values()).flat_map(lifts) {
        assert!(numbers(lift).iter().all(|number| number.is_finite()), "{lift:?}");
        ratios += usize::from(lift.ratio.is_some());
    }
    assert!(ratios > 200, "{ratios}");
}

fn lifts(segment: &SegmentEvidence) -> impl Iterator<Item = &Lift> {
    segment.influencers.values()
}

fn numbers(lift: &Lift) -> Vec<f64> {
    let mut numbers = vec![lift.proven(1.1)];
    if let Some(ratio) = lift.ratio {
        for end in [ratio.estimate, ratio.low, ratio.high] {
            numbers.extend([end, lift.incremental(end)]);
        }
    }
    numbers.extend(lift.test.map(|test| test.chance));
    numbers
}

#[test]
fn nothing_gives_nothing() {
    let params = Params::default();
    let none = evidence(&params, &[]);
    assert_eq!((none.as_of_ms, none.segments.len()), (0, 0));

    let empty = Histories { closed: 9, ..Histories::default() };
    let table = evidence(&params, &[&empty, &empty]);
    assert_eq!((table.as_of_ms, table.segments.len()), (10 * params.bucket_ms, 0));
}

#[test]
fn conversions_are_counted_without_people() {
    let world = World { people: 0, ..World::default() };
    let mut histories = world.histories(&[], 2);
    for (shard, histories) in histories.iter_mut().enumerate() {
        histories.segments[0].converted = [shard as u32 + 1; 64];
    }
    let table = of(&world.params, &histories);
    let north = &table.segments["north"];
    assert_eq!((north.conversions, north.influencers.len()), (49 * 3, 0));
}

#[test]
fn names_are_those_of_the_histories() {
    let world = World::default();
    let table = table(&world, &world.people(), 2);
    let mut names: Vec<&Arc<str>> = table.segments["north"].influencers.keys().collect();
    names.sort();
    assert_eq!(
        names.iter().map(|name| &***name).collect::<Vec<_>>(),
        ["i0", "i1", "i2", "i3", "i4", "i5"]
    );
}
