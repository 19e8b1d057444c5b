//! What snapshots cost the speed of a catch-up: two daemons read the same backlogs one after the
//! other, one that is due to write none, and one that writes some of each.

use super::{BACKLOG, Looked, NEVER, Speed, World};
use crate::measure::{Sillage, sum};
use crate::restart::NAMED;

/// For the group to wait for who does nothing meanwhile.
const PATIENT: (&str, &str) = ("SILLAGE__KAFKA__PROPERTIES__SESSION_TIMEOUT_MS", "300000");

/// From one state of a partition to the next: while the other daemon reads, each becomes due, and of
/// two partitions one is written at any moment.
const SOON: &str = "24s";

/// Prints both for each round: copies for the first pictures go to memory that the daemon never
/// had, those for later ones to what was freed since.
pub(crate) fn run(world: &mut World, rounds: u64) {
    println!("catch-up of {BACKLOG} events, again and again");
    let folders = [(NEVER, world.copy_of_snapshots()), (SOON, world.copy_of_snapshots())];
    let daemons = folders.each_ref().map(|(interval, folder)| {
        let more = [NAMED, PATIENT];
        let sillage = world.start(&format!("loss-{interval}"), folder.path(), interval, &more);
        sillage.await_events(world.produced - world.covered);
        sillage.pause();
        sillage
    });
    for _ in 0..rounds {
        world.produce(BACKLOG);
        let without = read(world, &daemons[0], "none are due, ");
        let with = read(world, &daemons[1], "some are due, ");
        println!(
            "    {:.2} of the speed, {:.2} of the cost",
            with.events_per_second / without.events_per_second,
            with.cost / without.cost,
        );
    }
}

/// Lets a daemon go on until it has read the backlog.
fn read(world: &World, sillage: &Sillage, what: &str) -> Speed {
    let seen = world.produced - world.covered;
    sillage.go_on();
    let looked = Looked::at(sillage, seen - BACKLOG + 1);
    let written = || sum(&sillage.metrics().expect("an answer"), "sillage_snapshots_total ");
    let (had, spent) = (written(), sillage.cpu_seconds_of("keeper"));
    let speed = looked.until(sillage, seen);
    println!(
        "  {what} {speed}, {} snapshots written with {:.2} CPU-s, {} MB resident",
        written() - had,
        sillage.cpu_seconds_of("keeper") - spent,
        sillage.resident_bytes() / 1_000_000,
    );
    sillage.pause();
    speed
}
