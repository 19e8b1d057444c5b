//! A schedule: what happens to members, disk and log, drawn from a seed.
//!
//! Invariant: at the end every partition's state is, bit for bit, the one of a shard that read the
//! same records without a stop; and what was committed was never lost.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sillage::app::keeper::Picture;
use sillage::app::owner::{Completeness, Reading};
use sillage::engine::Shard;

use crate::disk::{Fault, SimDisk};
use crate::log::{Record, SimLog};
use crate::member::{
    BeyondEnd, DIR, Holding, LIMITS, Lineage, Member, PARAMS, WentOn, apply, merged, told,
};
use crate::stream::Stream;

/// What schedules did, so that a test can tell that they did something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) records: u64,
    pub(crate) written: u64,
    pub(crate) restored: u64,
    pub(crate) resumed: u64,
    pub(crate) rebuilt: u64,
    pub(crate) gaps: u64,
    pub(crate) zombie_writes: u64,
}

/// Offsets at which a state was taken, and the generation of the topics.
type Place = (usize, u32, Vec<i64>);

struct World {
    random: ChaCha8Rng,
    disk: SimDisk,
    log: SimLog,
    stream: Stream,
    topics: usize,
    partitions: usize,
    members: Vec<Option<Member>>,
    /// Members that the group has forgotten and that go on all the same.
    zombies: Vec<Member>,
    owner: Vec<Option<usize>>,
    model: u64,
    generation: u32,
    /// All records ever appended to the present topics, by topic and partition.
    history: Vec<Vec<Vec<Record>>>,
    lineages: BTreeMap<Place, BTreeSet<Lineage>>,
    /// What was committed of a partition, while nothing has happened that may lose it.
    committed: Vec<Option<Vec<i64>>>,
    faulty: bool,
    wiped: bool,
    tells_ids: bool,
    seen: Seen,
}

/// Lives through the schedule of a seed.
pub(crate) fn live(seed: u64) -> Seen {
    let mut world = World::new(seed);
    for _ in 0..world.random.random_range(20..70) {
        world.step();
        world.assign();
    }
    world.end();
    world.seen
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut fork = || ChaCha8Rng::seed_from_u64(random.random());
        let (disk, stream) = (SimDisk::new(fork()), Stream::new(fork()));
        let topics = if random.random_ratio(1, 4) { 2 } else { 1 };
        let partitions = random.random_range(1..=2);
        // Without ids only the last record tells logs apart, which then must be there.
        let tells_ids = random.random_ratio(3, 4);
        let log = SimLog::new(topics, partitions, tells_ids);
        let members = (0..random.random_range(1..=2)).map(|_| None).collect();
        Self {
            random,
            disk,
            log,
            stream,
            topics,
            partitions,
            members,
            zombies: Vec::new(),
            owner: vec![None; partitions],
            model: 1,
            generation: 0,
            history: vec![vec![Vec::new(); partitions]; topics],
            lineages: BTreeMap::new(),
            committed: vec![None; partitions],
            faulty: false,
            wiped: false,
            tells_ids,
            seen: Seen::default(),
        }
    }

    fn step(&mut self) {
        let member = self.random.random_range(0..self.members.len());
        let partition = self.random.random_range(0..self.partitions);
        match self.random.random_range(0..1_000) {
            0..300 => self.append(),
            300..550 => self.read(partition),
            550..650 => self.picture(partition),
            650..780 => self.write(member),
            780..820 => self.kill(member),
            820..860 => self.hand_over(partition),
            860..875 => self.lose(member),
            875..890 => self.cut_off(member),
            890..930 => self.zombie_acts(),
            930..940 => self.lose_power(),
            940..955 => self.change_temper(),
            955..965 => self.damage(),
            965..975 if self.tells_ids => self.delete_prefix(partition),
            975..980 => self.recreate(),
            980..984 => self.wipe(),
            984..990 => self.change_model(),
            _ => {
                let away = self.random.random_ratio(1, 3);
                self.log.set_away(away);
            }
        }
    }

    fn append(&mut self) {
        for _ in 0..self.random.random_range(1..12) {
            let at = (
                self.random.random_range(0..self.topics),
                self.random.random_range(0..self.partitions),
            );
            let (time_ms, payload) = self.stream.next(at.1, self.partitions);
            let markers = i64::from(self.tells_ids && self.random.random_ratio(1, 20));
            self.log.append(at, markers, time_ms, &payload);
            let end = self.log.ends(at).1;
            let payload = payload.into();
            self.history[at.0][at.1].push(Record { offset: end - 1, time_ms, payload });
            self.seen.records += 1;
        }
    }

    fn read(&mut self, partition: usize) {
        let Some(member) = self.owner[partition] else { return };
        let (max, entries) = (self.random.random_range(1..20), self.random.random_range(1..200));
        let Some(running) = self.members[member].as_mut() else { return };
        let read = running.read(partition, max);
        if let Some(holding) = running.holdings.get_mut(&partition) {
            holding.extract(entries);
        }
        // It ends with an error, and is started again.
        if let Err(BeyondEnd) = read {
            self.kill(member);
        }
    }

    fn picture(&mut self, partition: usize) {
        let Some(member) = self.owner[partition] else { return };
        let Some(running) = self.members[member].as_mut() else { return };
        if let Some((offsets, lineages)) = running.picture(partition) {
            let place = (partition, self.generation, offsets);
            self.lineages.entry(place).or_default().extend(lineages);
        }
    }

    /// A member's keeper writes what has waited longest.
    fn write(&mut self, member: usize) {
        let Some(running) = self.members[member].as_mut() else { return };
        let Some(picture) = running.queue.pop_front() else { return };
        let (disk, committed, seen) = (&self.disk, &mut self.committed, &mut self.seen);
        let owner = &self.owner;
        running.archive.write(&picture, |partition, offsets| {
            let partition = usize::try_from(partition).unwrap();
            let dir = Path::new(DIR).join(format!("{partition:05}"));
            assert!(disk.newest_is_durable(&dir), "committed before it is durable");
            seen.written += 1;
            // The group refuses it of others.
            if owner[partition] == Some(member) {
                committed[partition] = Some(offsets.iter().map(|(_, offset)| *offset).collect());
            }
        });
    }

    /// kill -9: all that was in memory is gone, the disk does not notice.
    fn kill(&mut self, member: usize) {
        self.members[member] = None;
        for owner in &mut self.owner {
            *owner = owner.filter(|owner| *owner != member);
        }
    }

    /// A partition is revoked, and its owner hears of it in time.
    fn hand_over(&mut self, partition: usize) {
        let Some(member) = self.owner[partition] else { return };
        if let Some(holding) = self.members[member].as_mut().unwrap().holdings.get_mut(&partition) {
            holding.extract_all();
        }
        self.picture(partition);
        self.write_last(member, partition);
        self.owner[partition] = None;
        let running = self.members[member].as_mut().unwrap();
        if let Some(holding) = running.holdings.remove(&partition) {
            running.archive.give_up(i32::try_from(partition).unwrap(), holding.keeping.taken());
        }
    }

    /// A member's keeper writes all that waits. What was taken of the partition before the last
    /// state of it may come late, and does not count any more.
    fn write_last(&mut self, member: usize, partition: usize) {
        let queue = &mut self.members[member].as_mut().unwrap().queue;
        let of_it =
            |picture: &Picture| usize::try_from(picture.header.origin.partition) == Ok(partition);
        if let Some(at) = queue.iter().rposition(of_it)
            && let Some(mut last) = queue.remove(at)
        {
            last.last = true;
            let at = self.random.random_range(0..=queue.len());
            queue.insert(at, last);
        }
        let mut committed = None;
        while let Some(next) = self.members[member].as_ref().unwrap().queue.front() {
            let last = (next.last && of_it(next)).then(|| covered(next));
            self.write(member);
            committed =
                committed.or(last.filter(|last| self.committed[partition].as_ref() == Some(last)));
        }
        if committed.is_some() {
            assert_eq!(
                self.committed[partition], committed,
                "an earlier state came after the last"
            );
        }
    }

    /// A member is silent for too long: the group goes on without it.
    fn lose(&mut self, member: usize) {
        let Some(mut zombie) = self.members[member].take() else { return };
        zombie.zombie = true;
        self.zombies.push(zombie);
        self.kill(member);
    }

    /// A member does not hear of the group for too long, and knows it.
    fn cut_off(&mut self, member: usize) {
        let Some(running) = self.members[member].as_mut() else { return };
        running.lose_assignment();
        for owner in &mut self.owner {
            *owner = owner.filter(|owner| *owner != member);
        }
    }

    /// A member that was forgotten reads, takes states, writes them, or learns what happened.
    fn zombie_acts(&mut self) {
        let Some(mut zombie) = self.zombies.pop() else { return };
        let partitions: Vec<usize> = zombie.holdings.keys().copied().collect();
        for partition in partitions {
            let holding = zombie.holdings.get_mut(&partition).unwrap();
            holding.extract_all();
            if zombie.read(partition, 5).is_err() {
                return;
            }
            zombie.holdings.get_mut(&partition).unwrap().extract_all();
            if let Some((offsets, lineages)) = zombie.picture(partition) {
                let place = (partition, self.generation, offsets);
                self.lineages.entry(place).or_default().extend(lineages);
            }
        }
        while let Some(picture) = zombie.queue.pop_front() {
            // The group refuses what it commits.
            zombie.archive.write(&picture, |_, _| {});
            self.seen.zombie_writes += 1;
        }
        if self.random.random_ratio(1, 2) {
            self.zombies.push(zombie);
        }
    }

    fn lose_power(&mut self) {
        (0..self.members.len()).for_each(|member| self.kill(member));
        self.zombies.clear();
        self.disk.lose_power();
    }

    fn change_temper(&mut self) {
        self.faulty = !self.faulty;
        let fault = [Fault::Io, Fault::Full, Fault::ReadOnly][self.random.random_range(0..3)];
        let chance = [30, 200, 1_000][self.random.random_range(0..3)];
        self.disk.set_fault(self.faulty.then_some((chance, fault)));
    }

    fn damage(&mut self) {
        if self.disk.flip_a_bit() {
            self.committed.fill(None);
        }
    }

    fn delete_prefix(&mut self, partition: usize) {
        for t in 0..self.topics {
            let (first, end) = self.log.ends((t, partition));
            let to = self.random.random_range(first..=end);
            self.log.delete_before((t, partition), to);
        }
    }

    /// The topics are deleted and made again; members find out by their errors, or afterwards.
    fn recreate(&mut self) {
        self.log.recreate();
        self.generation += 1;
        self.history.iter_mut().flatten().for_each(Vec::clear);
        self.committed.fill(None);
        self.zombies.clear();
        for member in 0..self.members.len() {
            if self.random.random_ratio(1, 2) {
                self.kill(member);
            } else {
                self.cut_off(member);
            }
        }
    }

    /// Somebody deletes the folder. Owners of before may then number their files above those of later
    /// ones: an older state, right like any, but perhaps older than what was committed.
    fn wipe(&mut self) {
        self.disk.wipe();
        self.wiped = true;
        self.committed.fill(None);
    }

    /// Everybody is started again with another configuration.
    fn change_model(&mut self) {
        self.model = 3 - self.model;
        self.committed.fill(None);
        self.zombies.clear();
        (0..self.members.len()).for_each(|member| self.kill(member));
    }

    /// The group gives away what nobody has.
    fn assign(&mut self) {
        for partition in 0..self.partitions {
            if self.owner[partition].is_some() {
                continue;
            }
            let member = self.random.random_range(0..self.members.len());
            let (disk, log) = (&self.disk, &self.log);
            let running = self.members[member]
                .get_or_insert_with(|| Member::start(disk, log, self.topics, self.model));
            let (generation, lineages) = (self.generation, &self.lineages);
            let went_on = running.assign(partition, |offsets| {
                let place = (partition, generation, offsets.to_vec());
                match lineages.get(&place) {
                    Some(known) => known.iter().cloned().collect(),
                    // Of which log nothing was read cannot be told.
                    None if offsets.iter().all(|offset| *offset == 0) => {
                        vec![Lineage { start: offsets.to_vec(), gaps: Vec::new() }]
                    }
                    None => panic!("restored what was never taken: {place:?}"),
                }
            });
            let Ok(went_on) = went_on else { continue };
            self.owner[partition] = Some(member);
            // Others hear of it in time, or later.
            for other in (0..self.members.len()).filter(|other| *other != member) {
                if self.random.random_ratio(1, 2)
                    && let Some(other) = self.members[other].as_mut()
                {
                    other.forget(partition);
                }
            }
            let went_on = match went_on {
                Some(WentOn::Snapshot(offsets)) => {
                    self.seen.restored += 1;
                    Some(offsets)
                }
                Some(WentOn::InMemory(offsets)) => {
                    self.seen.resumed += 1;
                    Some(offsets)
                }
                None => {
                    self.seen.rebuilt += 1;
                    None
                }
            };
            // What cannot be read now may be older than what was committed.
            let committed = self.committed[partition].take();
            if let Some(committed) = committed.filter(|_| !self.faulty && !self.wiped) {
                let went_on = went_on.unwrap_or_else(|| vec![-1; self.topics]);
                let lost = went_on.iter().zip(&committed).any(|(on, committed)| on < committed);
                assert!(!lost, "committed {committed:?}, and went on from {went_on:?}");
                self.committed[partition] = Some(committed);
            }
        }
    }

    /// Everything is well again; what was read must be what is there.
    fn end(&mut self) {
        self.disk.set_fault(None);
        self.faulty = false;
        self.log.set_away(false);
        self.zombies.clear();
        if self.random.random_ratio(3, 4) {
            (0..self.members.len()).for_each(|member| self.kill(member));
        }
        self.assign();
        for partition in 0..self.partitions {
            while let Some(member) = self.owner[partition] {
                match self.members[member].as_mut().unwrap().read(partition, 50) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(BeyondEnd) => {
                        self.kill(member);
                        self.assign();
                    }
                }
            }
            let member = self.owner[partition].unwrap();
            let holding =
                self.members[member].as_mut().unwrap().holdings.get_mut(&partition).unwrap();
            self.seen.gaps +=
                holding.lineages.iter().map(|l| l.gaps.len() as u64).min().unwrap_or(0);
            let at_end = |(t, reading): (usize, &Reading)| {
                let last = self.history[t][partition].last();
                last.is_none_or(|last| reading.next_offset() > last.offset)
            };
            assert!(holding.readings.iter().enumerate().any(at_end), "something was left unread");
            check(&self.history, partition, holding);
        }
    }
}

/// Compares a state with that of a shard that was never stopped.
fn check(history: &[Vec<Vec<Record>>], partition: usize, holding: &mut Holding) {
    let all = holding.all();
    let lineages = holding.lineages.clone();
    let equal = lineages.iter().any(|lineage| {
        let mut oracle = Shard::new(&PARAMS, &LIMITS);
        let whole = merged(&lineage.start, usize::MAX, |t, offset, _| {
            let records = history[t][partition].iter();
            records.filter(|record| record.offset >= offset).cloned().collect()
        });
        // What is missing has its place in the order all the same.
        let was_read = |(t, record): &&(usize, Record)| {
            let missing =
                |gap: &(usize, i64, i64)| gap.0 == *t && (gap.1..gap.2).contains(&record.offset);
            record.offset < holding.readings[*t].next_offset() && !lineage.gaps.iter().any(missing)
        };
        let records: Vec<(usize, Record)> = whole.iter().filter(was_read).cloned().collect();
        let mut histories = None;
        // One at a time, so that no extraction is cut short by the close of the next bucket.
        for record in &records {
            apply(&mut oracle, std::slice::from_ref(record), |_, _, _| {});
            while oracle.extract(usize::MAX) {}
            histories = oracle.take_histories().or(histories);
        }
        let mut expected = Vec::new();
        sillage::snapshot::encode(&oracle.freeze(), None, &mut expected);
        (expected, histories.as_ref().map(told)) == all
    });
    assert!(equal, "partition {partition} is not what its records give: {lineages:?}");
    let gapped = lineages.iter().all(|lineage| !lineage.gaps.is_empty());
    if gapped && holding.completeness == Completeness::Complete {
        let horizon_ms = PARAMS.retention_buckets * PARAMS.bucket_ms;
        let spans = |times: &[Record]| Some(times.last()?.time_ms - times.first()?.time_ms);
        let span_ms = history.iter().filter_map(|parts| spans(&parts[partition])).max();
        assert!(span_ms >= Some(horizon_ms), "a gap is not said");
    }
}

fn covered(picture: &Picture) -> Vec<i64> {
    picture.header.covered.iter().map(|covered| covered.next_offset).collect()
}
