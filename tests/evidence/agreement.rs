//! The table equals its definition on random worlds.

use sillage::evidence::evidence;
use sillage::model::{Evidence, Histories, Lift};

use crate::compare::differences;
use crate::definition;
use crate::world::World;

/// What a world must show for the comparison to mean something.
#[derive(Debug, PartialEq)]
struct Seen {
    established: usize,
    discovered: usize,
    entangled: usize,
}

fn check(world: &World, at_least: &Seen) {
    let people = world.people();
    let histories = world.histories(&people, 2);
    let shards: Vec<&Histories> = histories.iter().collect();
    let expected = definition::evidence(&world.params, &shards);
    let found = evidence(&world.params, &shards);
    let differences = differences(&expected, &found);
    assert!(differences.is_empty(), "{world:?}:\n{}", differences.join("\n"));
    let seen = seen(&expected);
    let enough = seen.established >= at_least.established
        && seen.discovered >= at_least.discovered
        && seen.entangled >= at_least.entangled;
    assert!(enough, "{world:?}: {seen:?}");
}

fn seen(evidence: &Evidence) -> Seen {
    let lifts = || evidence.segments.values().flat_map(|segment| segment.influencers.values());
    let entangled =
        |lift: &&Lift| lift.entangled_with.as_ref().is_some_and(|with| !with.is_empty());
    Seen {
        established: lifts().filter(|lift| lift.entangled_with.is_some()).count(),
        discovered: lifts().filter(|lift| lift.discovered).count(),
        entangled: lifts().filter(entangled).count(),
    }
}

#[test]
fn ordinary_worlds() {
    for seed in 0..12 {
        let world = World { seed, segments: vec!["north", "south"], ..World::default() };
        check(&world, &Seen { established: 5, discovered: 3, entangled: 0 });
    }
}
