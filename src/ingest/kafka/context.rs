//! What librdkafka tells the daemon: assignments, errors, statistics.
//!
//! Invariant: a partition's queue is split before the partition is assigned, so that the first
//! record its owner sees is the one at its start offset; it is given up only when its owner has
//! let go of it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, Statistics, TopicPartitionList};

use super::batch::PartitionQueue;
use super::consumer::{Error, Stop};
use super::metrics::{Metrics, PartitionSeries};
use super::status::{ProblemKind, Status};

/// Between two questions to a log that does not answer.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Where a partition is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The earliest record that the log still has.
    Beginning,
    At(i64),
}

/// A partition that this member owns from now on.
pub struct Assigned {
    pub topic: Arc<str>,
    pub partition: i32,
    pub start: Start,
    pub queue: PartitionQueue,
    pub series: PartitionSeries,
}

/// Why partitions cannot be assigned.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotPrepared {
    /// The log cannot be asked; asked again it may answer.
    #[error("{0}")]
    Unanswered(String),
    #[error("{0}")]
    Refused(String),
}

/// Who owns the partitions. Called on the control thread, which polls nothing meanwhile.
pub trait Assignments: Send + Sync + 'static {
    /// How many partitions each topic has; told before any is assigned.
    fn partitions(&self, count: usize);

    /// Takes note that partitions are about to be assigned, or says why they cannot be.
    fn prepare(&self, partitions: &[(String, i32)]) -> Result<(), NotPrepared>;

    /// Where to read a partition from that is about to be assigned.
    fn start(&self, topic: &str, partition: i32) -> Start;

    /// Takes over partitions. What was lost and is not among them is somebody else's.
    fn assign(&self, assigned: Vec<Assigned>);

    /// Gives partitions back; their queues are dropped when this returns. When they are `lost`,
    /// somebody else may own them by now, or they come back with the next assignment.
    fn revoke(&self, partitions: &[(String, i32)], lost: bool);
}

pub(super) struct Context {
    brokers: String,
    status: Status,
    metrics: Metrics,
    /// Whoever owns partitions; nobody while the cluster is only asked about topics.
    assignments: Option<Arc<dyn Assignments>>,
    consumer: OnceLock<Weak<BaseConsumer<Self>>>,
    failure: Mutex<Option<Error>>,
    stop: Stop,
}

impl Context {
    pub(super) fn new(
        brokers: &str,
        status: Status,
        metrics: Metrics,
        assignments: Option<Arc<dyn Assignments>>,
        stop: Stop,
    ) -> Self {
        Self {
            brokers: brokers.to_owned(),
            status,
            metrics,
            assignments,
            consumer: OnceLock::new(),
            failure: Mutex::default(),
            stop,
        }
    }

    /// Names the consumer that this is the context of, before it subscribes.
    pub(super) fn bind(&self, consumer: &Arc<BaseConsumer<Self>>) {
        self.consumer.get_or_init(|| Arc::downgrade(consumer));
    }

    /// What went wrong in a callback and cannot be retried.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn fail(&self, error: Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Sorts an error by who can do something about it.
    pub(super) fn met(&self, code: RDKafkaErrorCode, reason: &str) {
        use RDKafkaErrorCode as Code;
        self.metrics.error(code);
        // That all are down says less than why each of them is.
        if code != Code::AllBrokersDown {
            self.status.note_error(reason);
        }
        let reason = self.status.last_error().unwrap_or_default();
        match code {
            // Being turned away is why they count as down.
            Code::AllBrokersDown | Code::Resolve if self.is_denied() => {}
            // Who asks learns it from the answer that does not come; this may be old news.
            Code::AllBrokersDown | Code::Resolve if self.assignments.is_none() => {}
            Code::AllBrokersDown | Code::Resolve => {
                self.status.begin(ProblemKind::Unreachable, self.unreachable(&reason));
            }
            Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TopicAuthorizationFailed
            | Code::SSL => {
                let what = format!("kafka at {} refuses us: {reason}", self.brokers);
                self.status.begin(ProblemKind::Denied, what);
            }
            Code::GroupAuthorizationFailed | Code::FencedInstanceId => {
                let what = format!("kafka at {} keeps us out of the group: {reason}", self.brokers);
                self.status.begin(ProblemKind::Group, what);
            }
            Code::UnknownTopic | Code::UnknownTopicOrPartition => {
                let what = format!("kafka at {}: topic missing: {reason}", self.brokers);
                self.status.begin(ProblemKind::NoTopic, what);
            }
            _ => tracing::debug!(?code, reason, "kafka client"),
        }
    }

    pub(super) fn is_denied(&self) -> bool {
        self.status.problem().is_some_and(|problem| problem.kind == ProblemKind::Denied)
    }

    pub(super) fn brokers(&self) -> &str {
        &self.brokers
    }

    pub(super) fn unreachable(&self, reason: &str) -> String {
        let because = if reason.is_empty() { "no answer" } else { reason };
        format!("no kafka broker at {} can be reached: {because}", self.brokers)
    }

    /// Asks for as long as the log does not answer, because an assignment cannot be put off; false
    /// if told to stop meanwhile.
    fn prepare(&self, partitions: &[(String, i32)]) -> Result<bool, Error> {
        let Some(owner) = &self.assignments else { return Ok(true) };
        while !self.stop.is_set() {
            match owner.prepare(partitions) {
                Ok(()) => return Ok(true),
                Err(NotPrepared::Refused(why)) => return Err(Error::Unprepared(why)),
                Err(NotPrepared::Unanswered(why)) => {
                    self.status.begin(ProblemKind::Unreachable, self.unreachable(&why));
                    self.stop.wait(ASK_EVERY);
                }
            }
        }
        Ok(false)
    }

    fn take_over(
        &self,
        consumer: &Arc<BaseConsumer<Self>>,
        list: &mut TopicPartitionList,
    ) -> Result<Vec<Assigned>, Error> {
        let mut named = partitions(list);
        let mut nothing = TopicPartitionList::new();
        let list = if self.prepare(&named)? {
            list
        } else {
            named.clear();
            &mut nothing
        };
        let mut taken = Vec::with_capacity(named.len());
        for (topic, partition) in named {
            let start = self.assignments.as_ref().map(|owner| owner.start(&topic, partition));
            let start = start.unwrap_or(Start::Beginning);
            let offset = match start {
                Start::Beginning => Offset::Beginning,
                Start::At(offset) => Offset::Offset(offset),
            };
            tracing::info!(topic, partition, start = ?start, "partition assigned");
            list.set_partition_offset(&topic, partition, offset).map_err(Error::Assign)?;
            let queue = PartitionQueue::split(consumer, &topic, partition, offset)
                .ok_or_else(|| Error::NoQueue { topic: topic.clone(), partition })?;
            let topic = Arc::from(topic);
            let series = self.metrics.partition(&topic, partition);
            taken.push(Assigned { topic, partition, start, queue, series });
        }
        let given = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
            RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(list),
        };
        given.map_err(Error::Assign).map(|()| taken)
    }

    fn on_assign(&self, list: &mut TopicPartitionList) {
        self.metrics.rebalanced("assign");
        self.status.end(&[ProblemKind::Group]);
        // Gone only while the consumer is being dropped, when nothing is assigned any more.
        let Some(consumer) = self.consumer.get().and_then(Weak::upgrade) else { return };
        match self.take_over(&consumer, list) {
            Ok(taken) => {
                if let Some(owner) = &self.assignments {
                    owner.assign(taken);
                }
            }
            Err(error) => self.fail(error),
        }
    }

    fn on_revoke(&self, consumer: &BaseConsumer<Self>, revoked: &TopicPartitionList) {
        let lost = consumer.assignment_lost();
        self.metrics.rebalanced(if lost { "lost" } else { "revoke" });
        let partitions = partitions(revoked);
        if lost {
            tracing::warn!(?partitions, "partitions lost: they may be somebody else's by now");
            if self.status.problem().is_none() {
                let what = format!("the group at {} does not answer this member", self.brokers);
                self.status.begin(ProblemKind::Group, what);
            }
        } else {
            tracing::info!(?partitions, "partitions revoked");
        }
        if let Some(owner) = &self.assignments {
            owner.revoke(&partitions, lost);
        }
        let given_up = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => give_up(consumer, &partitions),
            RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
        };
        if let Err(error) = given_up {
            self.fail(Error::Assign(error));
        }
    }
}

/// Gives partitions back, but for those that were not taken: one that was told to stop meanwhile
/// takes none, and librdkafka would not give back what it does not have.
fn give_up<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[(String, i32)],
) -> KafkaResult<()> {
    let owned = consumer.assignment()?;
    let mut list = TopicPartitionList::new();
    for (topic, partition) in partitions {
        if owned.find_partition(topic, *partition).is_some() {
            list.add_partition(topic, *partition);
        }
    }
    consumer.incremental_unassign(&list)
}

fn partitions(list: &TopicPartitionList) -> Vec<(String, i32)> {
    list.elements().iter().map(|at| (at.topic().to_owned(), at.partition())).collect()
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.on_assign(list),
            _ => self.on_revoke(consumer, list),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        match result {
            Ok(()) => self.metrics.committed(offsets),
            Err(error) => {
                self.metrics.commit_failed();
                tracing::debug!(%error, "commit");
            }
        }
    }
}

impl ClientContext for Context {
    /// What matters of these lines also comes as an error, once.
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, line: &str) {
        tracing::debug!(target: "librdkafka", facility, "{line}");
    }

    fn stats(&self, statistics: Statistics) {
        self.metrics.observe(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.met(code, reason);
        }
    }
}
