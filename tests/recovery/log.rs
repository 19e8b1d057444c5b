//! A log with what a real one has: offsets without records, a beginning that moves, a topic that is
//! deleted and made again.

use std::sync::{Arc, Mutex, MutexGuard};

use sillage::snapshot::{LastRecord, Log, LogError, LogId};

/// A record of a topic's only interesting kind.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) offset: i64,
    pub(crate) time_ms: i64,
    pub(crate) payload: Arc<[u8]>,
}

impl Record {
    pub(crate) fn recognised(&self) -> LastRecord {
        LastRecord::new(self.offset, Some(self.time_ms), None, Some(&self.payload))
    }
}

/// All topics of the cluster, shared by all members; cheap to clone.
#[derive(Clone)]
pub(crate) struct SimLog(Arc<Mutex<Cluster>>);

struct Cluster {
    /// Counts up whenever topics are made anew.
    generation: u32,
    /// By topic and partition.
    parts: Vec<Vec<Part>>,
    /// Whether it answers.
    away: bool,
    /// Whether its topics have ids, as those of old brokers have not.
    tells_ids: bool,
}

#[derive(Clone, Default)]
struct Part {
    first: i64,
    end: i64,
    records: Vec<Record>,
}

pub(crate) fn topic(number: usize) -> String {
    format!("topic-{number}")
}

impl SimLog {
    pub(crate) fn new(topics: usize, partitions: usize, tells_ids: bool) -> Self {
        let parts = vec![vec![Part::default(); partitions]; topics];
        Self(Arc::new(Mutex::new(Cluster { generation: 0, parts, away: false, tells_ids })))
    }

    /// Appends a record, behind `markers` offsets that have none.
    pub(crate) fn append(&self, at: (usize, usize), markers: i64, time_ms: i64, payload: &[u8]) {
        let part = &mut self.cluster().parts[at.0][at.1];
        let offset = part.end + markers;
        part.records.push(Record { offset, time_ms, payload: payload.into() });
        part.end = offset + 1;
    }

    /// Up to `max` records from `offset` on; nothing if the log no longer has that offset.
    pub(crate) fn fetch(&self, at: (usize, usize), offset: i64, max: usize) -> Option<Vec<Record>> {
        let part = &self.cluster().parts[at.0][at.1];
        if !(part.first..=part.end).contains(&offset) {
            return None;
        }
        let from = part.records.partition_point(|record| record.offset < offset);
        Some(part.records[from..].iter().take(max).cloned().collect())
    }

    pub(crate) fn ends(&self, at: (usize, usize)) -> (i64, i64) {
        let part = &self.cluster().parts[at.0][at.1];
        (part.first, part.end)
    }

    /// Deletes what lies before `offset`.
    pub(crate) fn delete_before(&self, at: (usize, usize), offset: i64) {
        let part = &mut self.cluster().parts[at.0][at.1];
        part.first = part.first.max(offset.min(part.end));
        let first = part.first;
        part.records.retain(|record| record.offset >= first);
    }

    /// Deletes all topics and makes them again.
    pub(crate) fn recreate(&self) {
        let cluster = &mut *self.cluster();
        cluster.generation += 1;
        for part in cluster.parts.iter_mut().flatten() {
            *part = Part::default();
        }
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.cluster().away = away;
    }

    fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.0.lock().unwrap()
    }

    fn answering(&self) -> Result<MutexGuard<'_, Cluster>, LogError> {
        let cluster = self.cluster();
        if cluster.away { Err(LogError("nobody answers".into())) } else { Ok(cluster) }
    }
}

fn number(name: &str) -> usize {
    name.rsplit_once('-').unwrap().1.parse().unwrap()
}

impl Log for SimLog {
    fn id(&self, _topic: &str) -> Result<LogId, LogError> {
        let cluster = self.answering()?;
        let topic = cluster.tells_ids.then(|| cluster.generation.to_string());
        Ok(LogId { cluster: Some("cluster".into()), topic })
    }

    fn bounds(&self, topic: &str, partition: i32) -> Result<(i64, i64), LogError> {
        let cluster = self.answering()?;
        let part = &cluster.parts[number(topic)][usize::try_from(partition).unwrap()];
        Ok((part.first, part.end))
    }

    fn record(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<Option<LastRecord>, LogError> {
        let cluster = self.answering()?;
        let part = &cluster.parts[number(topic)][usize::try_from(partition).unwrap()];
        let found = part.records.iter().find(|record| record.offset == offset);
        Ok(found.map(Record::recognised))
    }
}
