//! What snapshots cost the speed of a catch-up: the same backlog, with none due, and with one of
//! each partition from its start on.

use super::{BACKLOG, Looked, NEVER, Speed, World};
use crate::measure::sum;
use crate::restart::NAMED;

/// Partitions are due one after the other, at an eighth of it each.
const SOON: &str = "4s";

/// Prints both in turns; `before` is the speed at which the state grew.
pub(crate) fn run(world: &mut World, rounds: u64, before: Speed) {
    world.produce(BACKLOG);
    println!("catch-up of {BACKLOG} events after a restart");
    for round in 0..rounds {
        for interval in [NEVER, SOON] {
            let copy = world.copy_of_snapshots();
            let group = format!("loss-{round}-{interval}");
            let sillage = world.start(&group, copy.path(), interval, &[NAMED]);
            let looked = Looked::at(&sillage, 1);
            let speed = looked.until(&sillage, world.produced - world.covered);
            let written = sum(&sillage.metrics().expect("an answer"), "sillage_snapshots_total ");
            println!(
                "  {written:>2} snapshots written {speed}, {:.2} of the speed before at {:.2} of \
                 the cost; CPU to write them {:.2} s",
                speed.events_per_second / before.events_per_second,
                speed.cost / before.cost,
                sillage.cpu_seconds_of("keeper"),
            );
        }
    }
}
