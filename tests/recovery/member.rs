//! A member of the group: the real engine, snapshots and recovery, with the threads taken out, so
//! that the schedule says what happens when.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use prometheus::Registry;
use sillage::app::keeper::{Archive, Metrics, Picture, Settings};
use sillage::app::owner::{Completeness, Keeping, Reading};
use sillage::engine::{Limits, Outcome, Shard};
use sillage::ingest::format::{self, Decoder};
use sillage::ingest::kafka::{OnGap, OnOtherLog};
use sillage::model::{Batch, Histories, Params, Secret};
use sillage::snapshot::{Covered, Found, encode};

use crate::disk::SimDisk;
use crate::log::{Record, SimLog, topic};

static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics::register(&Registry::new()).unwrap());
static DECODER: LazyLock<Decoder> =
    LazyLock::new(|| Decoder::new(Secret::new(7), &BTreeMap::new(), &BTreeMap::new()));
pub(crate) static PARAMS: LazyLock<Params> = LazyLock::new(Params::default);

/// Tight enough that ids are evicted now and then.
pub(crate) const LIMITS: Limits =
    Limits { memory_bytes: 1 << 26, dedup_window_ms: 6 * 3_600_000, dedup_ids: 320 };

pub(crate) const DIR: &str = "/snapshots";

/// Which records a state has: those from `start` on, but for what was deleted before it was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lineage {
    /// By topic.
    pub(crate) start: Vec<i64>,
    /// Topic, first offset missed, and first offset there again.
    pub(crate) gaps: Vec<(usize, i64, i64)>,
}

/// A shard, and what is known of it.
pub(crate) struct Holding {
    pub(crate) shard: Shard,
    pub(crate) readings: Vec<Reading>,
    pub(crate) completeness: Completeness,
    pub(crate) histories: Option<Arc<Histories>>,
    /// What the state may be of: two lineages can meet at the same offsets.
    pub(crate) lineages: Vec<Lineage>,
    pub(crate) keeping: Keeping,
}

pub(crate) struct Member {
    pub(crate) archive: Archive<SimDisk, SimLog>,
    pub(crate) holdings: BTreeMap<usize, Holding>,
    /// Of what it holds, that which it lost, and how far it is.
    lost: BTreeMap<i32, Vec<Covered>>,
    /// What the keeper has yet to write.
    pub(crate) queue: VecDeque<Picture>,
    /// Whether the group went on without it, which it has yet to learn.
    pub(crate) zombie: bool,
    pub(crate) log: SimLog,
    topics: usize,
}

/// Where a partition goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WentOn {
    Snapshot(Vec<i64>),
    InMemory(Vec<i64>),
}

/// The log does not have what is read next.
pub(crate) struct BeyondEnd;

impl Member {
    pub(crate) fn start(disk: &SimDisk, log: &SimLog, topics: usize, model: u64) -> Self {
        let settings = Settings {
            dir: PathBuf::from(DIR),
            keep: 2,
            interval: Duration::from_mins(1),
            share: 1.0,
            topics: (0..topics).map(topic).collect(),
            model,
            key: 5,
            on_gap: OnGap::Resume,
            on_other_log: OnOtherLog::Rebuild,
        };
        Self {
            archive: Archive::new(settings, disk.clone(), log.clone(), METRICS.clone()),
            holdings: BTreeMap::new(),
            lost: BTreeMap::new(),
            queue: VecDeque::new(),
            zombie: false,
            log: log.clone(),
            topics,
        }
    }

    /// The group is not heard of for too long: nothing is owned any more.
    pub(crate) fn lose_assignment(&mut self) {
        for (partition, holding) in &self.holdings {
            let covered = holding.keeping.covered(holding.readings.iter());
            self.lost.insert(i32::try_from(*partition).unwrap(), covered);
        }
    }

    /// The group has given what was lost to somebody else.
    pub(crate) fn forget(&mut self, partition: usize) {
        let number = i32::try_from(partition).unwrap();
        if self.lost.remove(&number).is_some() {
            let holding = self.holdings.remove(&partition).unwrap();
            self.archive.give_up(number, holding.keeping.taken());
        }
    }

    /// Takes a partition over, as the assignment does; says where it goes on when there was a state.
    /// Fails when the log does not answer.
    pub(crate) fn assign(
        &mut self,
        partition: usize,
        lineages_of: impl FnOnce(&[i64]) -> Vec<Lineage>,
    ) -> Result<Option<WentOn>, String> {
        let number = i32::try_from(partition).unwrap();
        let recovered = self.archive.recover(&[number], &self.lost, &PARAMS, &LIMITS);
        recovered.map_err(|error| error.to_string())?;
        self.lost.remove(&number);
        let next: Vec<Option<i64>> =
            (0..self.topics).map(|t| self.archive.next_offset(&topic(t), number)).collect();
        let found = self.archive.take(number).unwrap();
        let firsts: Vec<i64> = (0..self.topics).map(|t| self.log.ends((t, partition)).0).collect();
        let readings: Vec<Reading> = next
            .iter()
            .enumerate()
            .map(|(t, next)| Reading::new(next.unwrap_or(firsts[t]), found.found.covered().get(t)))
            .collect();
        let read: Vec<i64> = readings.iter().map(Reading::next_offset).collect();
        let origin = self.archive.origin(number);
        let saved =
            if matches!(found.found, Found::InMemory(_)) { Vec::new() } else { read.clone() };
        let keeping =
            Keeping::new((origin, found.taken), found.logs, saved, Duration::from_mins(1));
        let lost = self.holdings.remove(&partition);
        let mut went_on = None;
        let (shard, histories, completeness, lineages) = match found.found {
            Found::InMemory(_) => {
                let Holding { shard, histories, completeness, lineages, .. } = lost.unwrap();
                went_on = Some(WentOn::InMemory(read));
                (shard, histories, completeness, lineages)
            }
            Found::Nothing => {
                let lineage = Lineage { start: firsts, gaps: Vec::new() };
                let shard = Shard::new(&PARAMS, &LIMITS);
                (shard, None, Completeness::Complete, vec![lineage])
            }
            Found::Snapshot(restored) => {
                let offsets: Vec<i64> =
                    restored.header.covered.iter().map(|covered| covered.next_offset).collect();
                let mut lineages = lineages_of(&offsets);
                let (shard, histories) = restored.state;
                let newest_ms = shard.newest_ms();
                let mut completeness =
                    Completeness::restored(restored.header.incomplete_until_ms, newest_ms);
                for gap in &restored.gaps {
                    completeness = Completeness::Broken(newest_ms);
                    let at = (0..self.topics).find(|t| topic(*t) == gap.topic).unwrap();
                    for lineage in &mut lineages {
                        lineage.gaps.push((at, gap.from, gap.to));
                    }
                }
                went_on = Some(WentOn::Snapshot(offsets));
                (shard, histories.map(Arc::new), completeness, lineages)
            }
        };
        let holding = Holding { shard, readings, completeness, histories, lineages, keeping };
        self.holdings.insert(partition, holding);
        Ok(went_on)
    }

    /// Reads and applies up to `max` records of a partition; how many there were.
    pub(crate) fn read(&mut self, partition: usize, max: usize) -> Result<usize, BeyondEnd> {
        let Some(holding) = self.holdings.get_mut(&partition) else { return Ok(0) };
        // What was lost is not read: it may be another log by now.
        if self.lost.contains_key(&i32::try_from(partition).unwrap()) {
            return Ok(0);
        }
        for (t, reading) in holding.readings.iter_mut().enumerate() {
            let (next, (first, end)) = (reading.next_offset(), self.log.ends((t, partition)));
            if next > end {
                return Err(BeyondEnd);
            }
            if next < first {
                reading.skip_to(first);
                holding.completeness = Completeness::Broken(holding.shard.newest_ms());
                for lineage in &mut holding.lineages {
                    lineage.gaps.push((t, next, first));
                }
            }
        }
        let nexts: Vec<i64> = holding.readings.iter().map(Reading::next_offset).collect();
        let records = merged(&nexts, max, |t, offset, max| {
            self.log.fetch((t, partition), offset, max).unwrap_or_default()
        });
        apply(&mut holding.shard, &records, |t, record, scored_ms| {
            holding.readings[t].read(record.offset);
            if let Some(time_ms) = scored_ms {
                holding.readings[t].saw(time_ms);
            }
            holding.readings[t].remember(record.recognised());
        });
        let horizon_ms = PARAMS.retention_buckets * PARAMS.bucket_ms;
        holding.completeness.follow(holding.shard.newest_ms(), horizon_ms);
        Ok(records.len())
    }

    /// Takes a state for the keeper to write, if there is anything new.
    pub(crate) fn picture(&mut self, partition: usize) -> Option<(Vec<i64>, Vec<Lineage>)> {
        let holding = self.holdings.get_mut(&partition)?;
        if holding.shard.is_extracting() {
            return None;
        }
        let picture = holding.keeping.picture(
            &mut holding.shard,
            holding.readings.iter(),
            holding.histories.clone(),
            holding.completeness,
        )?;
        let offsets = picture.header.covered.iter().map(|c| c.next_offset).collect();
        self.queue.push_back(picture);
        Some((offsets, holding.lineages.clone()))
    }
}

impl Holding {
    /// Takes the extraction of histories further.
    pub(crate) fn extract(&mut self, entries: usize) -> bool {
        let unfinished = self.shard.extract(entries);
        if let Some(histories) = self.shard.take_histories() {
            self.histories = Some(Arc::new(histories));
        }
        unfinished
    }

    pub(crate) fn extract_all(&mut self) {
        while self.extract(usize::MAX) {}
    }

    /// All that the state is, and what its lifts rest on.
    pub(crate) fn all(&mut self) -> (Vec<u8>, Option<Told>) {
        self.extract_all();
        let mut bytes = Vec::new();
        encode(&self.shard.freeze(), None, &mut bytes);
        (bytes, self.histories.as_deref().map(told))
    }
}

/// What histories tell, in an order of its own: that of the extraction says nothing.
pub(crate) type Told = (u32, BTreeMap<String, BTreeMap<u64, String>>);

pub(crate) fn told(histories: &Histories) -> Told {
    let mut all = BTreeMap::new();
    for segment in &histories.segments {
        let mut people = BTreeMap::new();
        let counts = (segment.exposed, segment.exposed_converted, segment.converted);
        people.insert(0, format!("{counts:?}"));
        for person in &segment.people {
            let acts = segment.acts_of(person).iter();
            let acts: BTreeMap<&str, u64> = acts
                .map(|acted| (&*histories.influencers[acted.influencer as usize], acted.buckets))
                .collect();
            let person_told = format!("{:x} {:x?} {acts:?}", person.converted, person.quarters);
            people.insert(person.key.0, person_told);
        }
        all.insert(segment.segment.to_string(), people);
    }
    (histories.closed, all)
}

/// Up to `max` records in the order of their times, for as long as every topic has one.
pub(crate) fn merged(
    nexts: &[i64],
    max: usize,
    fetch: impl Fn(usize, i64, usize) -> Vec<Record>,
) -> Vec<(usize, Record)> {
    let fetched = nexts.iter().enumerate().map(|(t, next)| fetch(t, *next, max));
    let mut heads: Vec<_> = fetched.map(|records| records.into_iter().peekable()).collect();
    let mut records = Vec::new();
    while records.len() < max {
        let times: Option<Vec<i64>> =
            heads.iter_mut().map(|head| head.peek().map(|record| record.time_ms)).collect();
        let Some(times) = times else { break };
        let (t, _) = times.iter().enumerate().min_by_key(|(t, time)| (**time, *t)).unwrap();
        records.push((t, heads[t].next().unwrap()));
    }
    records
}

/// Decodes and applies records; tells of each the event time, if it was scored.
pub(crate) fn apply(
    shard: &mut Shard,
    records: &[(usize, Record)],
    mut tell: impl FnMut(usize, &Record, Option<i64>),
) {
    let mut batch = Batch::with_capacity(records.len());
    let mut decoded = Vec::with_capacity(records.len());
    for (_, record) in records {
        let (payload, log_time_ms) = (Some(&*record.payload), record.time_ms);
        let wire = format::Record { payload, key: None, log_time_ms };
        decoded.push(DECODER.decode(&wire, &mut batch).is_ok());
    }
    let mut outcomes = Vec::with_capacity(records.len());
    shard.apply(&batch, &mut outcomes);
    let mut applied = batch.interactions().iter().zip(outcomes);
    for ((t, record), decoded) in records.iter().zip(decoded) {
        let outcome = if decoded { applied.next() } else { None };
        let scored = outcome.filter(|(_, outcome)| !matches!(outcome, Outcome::Rejected(_)));
        tell(*t, record, scored.map(|(interaction, _)| interaction.time_ms));
    }
}
