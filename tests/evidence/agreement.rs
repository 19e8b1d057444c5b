//! The table equals its definition on random worlds, each made to show something.

use sillage::evidence::evidence;
use sillage::model::{Evidence, Histories, Lift, Params};

use crate::compare::differences;
use crate::definition;
use crate::world::{Person, World};

/// What a world must show for the comparison to mean something.
#[derive(Debug, Default)]
struct Seen {
    established: usize,
    discovered: usize,
    entangled: usize,
    tested: usize,
}

fn check(world: &World, at_least: &Seen) {
    check_people(world, &world.people(), at_least);
}

fn check_people(world: &World, people: &[Person], at_least: &Seen) {
    let histories = world.histories(people, 2);
    let shards: Vec<&Histories> = histories.iter().collect();
    let expected = definition::evidence(&world.params, &shards);
    let found = evidence(&world.params, &shards);
    let differences = differences(&expected, &found);
    assert!(differences.is_empty(), "{world:?}:\n{}", differences.join("\n"));
    let seen = seen(&expected);
    let enough = seen.established >= at_least.established
        && seen.discovered >= at_least.discovered
        && seen.entangled >= at_least.entangled
        && seen.tested >= at_least.tested;
    assert!(enough, "{world:?}: {seen:?}");
}

fn seen(evidence: &Evidence) -> Seen {
    let count = |is: &dyn Fn(&Lift) -> bool| {
        let lifts = evidence.segments.values().flat_map(|segment| segment.influencers.values());
        lifts.filter(|lift| is(lift)).count()
    };
    Seen {
        established: count(&|lift| lift.entangled_with.is_some()),
        discovered: count(&|lift| lift.discovered),
        entangled: count(&|lift| lift.entangled_with.as_ref().is_some_and(|with| !with.is_empty())),
        tested: count(&|lift| lift.test.is_some()),
    }
}

#[test]
fn ordinary_worlds() {
    for seed in 0..12 {
        let world = World { seed, segments: vec!["north", "south"], ..World::default() };
        check(&world, &Seen { established: 5, discovered: 3, ..Seen::default() });
    }
}

#[test]
fn constants_other_than_the_defaults() {
    let params = |change: fn(&mut Params)| {
        let mut params = Params::default();
        change(&mut params);
        params.validate().unwrap();
        params
    };
    let cases = [
        params(|p| p.exposure_buckets = 1),
        params(|p| p.exposure_buckets = 7),
        params(|p| (p.evidence_buckets, p.level_buckets) = (58, 1)),
        params(|p| (p.evidence_buckets, p.level_buckets) = (30, 31)),
        params(|p| p.evidence_buckets = 20),
        params(|p| p.half_life_ms *= 9),
        params(|p| (p.bucket_ms, p.lookback_ms, p.exponent) = (3_600_000, 1, 0.8)),
        params(|p| p.pace_conversions = 0.01),
        params(|p| p.joint_passes = 1),
        params(|p| p.joint_passes = 9),
        params(|p| p.false_discovery_rate = 0.6),
        params(|p| p.min_conversions = 60.0),
    ];
    for (seed, params) in (0..).zip(cases) {
        let world = World { params, seed, ..World::default() };
        check(&world, &Seen { established: 1, discovered: 1, tested: 2, ..Seen::default() });
    }
}

#[test]
fn accounts_with_just_enough_conversions() {
    let world = World { seed: 1, ..World::default() };
    let histories = world.histories(&world.people(), 1);
    let table = evidence(&world.params, &[&histories[0]]);
    let lifts = table.segments["north"].influencers.values();
    let established: Vec<_> = lifts.filter(|lift| lift.entangled_with.is_some()).collect();
    assert!(established.len() >= 2);
    for lift in established {
        for more in [0.0, 1.0] {
            let min_conversions = lift.exposed_conversions as f64 + more;
            let params = Params { min_conversions, ..Params::default() };
            check(&World { params, ..world.clone() }, &Seen::default());
        }
    }
}

#[test]
fn two_who_cannot_be_told_apart() {
    for (seed, often) in (0..).zip([1.0, 1.0, 0.97, 0.97, 0.85]) {
        let effects = vec![4.0, 1.0, 0.5, 2.0];
        let world = World { seed, effects, twin: Some(often), ..World::default() };
        let entangled = usize::from(often > 0.9);
        check(&world, &Seen { established: 1, entangled, ..Seen::default() });
    }
}

#[test]
fn few_strata_and_no_conversions() {
    let few = World { people: 12, conversions: 0.02, ..World::default() };
    for seed in 0..40 {
        check(&World { seed, ..few.clone() }, &Seen::default());
        check(&World { seed, effects: vec![2.0], ..few.clone() }, &Seen::default());
        check(&World { seed, acts: 0.0, ..few.clone() }, &Seen::default());
        check(&World { seed, conversions: 0.0, ..few.clone() }, &Seen::default());
    }
}

#[test]
fn strata_of_as_many_accounts_as_are_few() {
    // Of 36 accounts, about two thirds are present in a stratum.
    let effects = (0..36).map(|n| [1.0, 1.3, 0.8][n % 3]).collect();
    for seed in 0..3 {
        let world = World {
            seed,
            effects: Vec::clone(&effects),
            fans: 0.9,
            acts: 0.06,
            ..World::default()
        };
        check(&world, &Seen { established: 5, tested: 30, ..Seen::default() });
    }
}

#[test]
fn people_who_act_on_everybody() {
    let effects = (0..90).map(|n| if n % 9 == 0 { 4.0 } else { 1.0 }).collect();
    let world = World {
        effects,
        people: 900,
        fans: 0.04,
        crowd: (6, 0.1),
        conversions: 0.02,
        ..World::default()
    };
    check(&world, &Seen { established: 5, tested: 50, ..Seen::default() });
}

#[test]
fn effects_so_extreme_that_products_meet_the_limits() {
    for seed in 0..4 {
        let world = World::extreme(seed);
        let seen = Seen { established: 20, ..Seen::default() };
        check_people(&world, &world.extreme_people(), &seen);
    }
}
