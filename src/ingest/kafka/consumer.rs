//! The member of the group: one thread that polls its main queue and nothing else.
//!
//! Invariant: records never pass through here; they wait in their partitions' own queues, which
//! the owners read. The thread ends by itself only with an [`Error`].

use std::cell::Cell;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::committer::Committer;
use super::config::Config;
use super::context::{Assignments, Context};
use super::membership::is_member;
use super::metrics::Metrics;
use super::status::{ProblemKind, Status};
use super::topics;
use crate::clock;

const POLL: Duration = Duration::from_millis(100);
/// The same while the group is left: nothing comes when it was told.
const LEAVE_POLL: Duration = Duration::from_millis(10);
/// Between two looks at whether a problem is over.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// For the members before to let go of what is to be a new one's.
const NEW: Duration = Duration::from_secs(10);
/// For the owners to let go and the group to hear of it.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// Why Kafka cannot be read, now or on a second attempt.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the kafka client cannot be set up")]
    Client(#[source] KafkaError),
    #[error("the kafka thread cannot be started")]
    Thread(#[source] io::Error),
    #[error("the topics cannot be subscribed")]
    Subscribe(#[source] KafkaError),
    #[error(
        "topics that a shard reads together must have the same number of partitions: \
         {first} has {first_count}, {second} has {second_count}"
    )]
    PartitionedUnlike { first: String, first_count: usize, second: String, second_count: usize },
    #[error("the assignment cannot be taken: {0}")]
    Unprepared(String),
    #[error("the assignment cannot be taken")]
    Assign(#[source] KafkaError),
    #[error("partition {partition} of {topic} has no queue")]
    NoQueue { topic: String, partition: i32 },
    #[error("the kafka client is beyond repair: {0}")]
    Fatal(String),
    #[error("the kafka thread panicked")]
    Panicked,
    #[error("the group was not left within {0:?}")]
    Leave(Duration),
}

/// A running member of the group.
pub struct Consumer {
    stop: Stop,
    status: Status,
    /// Says how the thread ended, once.
    ended: Receiver<Result<(), Error>>,
    /// Whether it has said so.
    told: Cell<bool>,
}

impl Consumer {
    /// Joins the group in the background, as soon as there is a broker and all topics exist.
    pub fn start(
        config: &Config,
        assignments: Arc<dyn Assignments>,
        committer: Committer,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        let (stop, status) = (Stop::default(), Status::default());
        let (end, ended) = mpsc::sync_channel(1);
        metrics.set_prefetch_limit(config.prefetch.0);
        let member = Member {
            config: config.clone(),
            assignments,
            committer,
            metrics,
            status: status.clone(),
            stop: stop.clone(),
        };
        thread::Builder::new()
            .name("kafka".into())
            .spawn(move || {
                // If this thread panics, the channel closes unused, which says so.
                if end.send(member.run()).is_err() {
                    tracing::debug!("nobody waits for the kafka thread any more");
                }
            })
            .map_err(Error::Thread)?;
        Ok(Self { stop, status, ended, told: Cell::new(false) })
    }

    /// What keeps it from reading, if anything.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.clone()
    }

    /// Why it ended by itself, if it did; told once.
    #[must_use]
    pub fn failed(&self) -> Option<Error> {
        if self.told.get() {
            return None;
        }
        let ended = match self.ended.try_recv() {
            Ok(ended) => ended.err(),
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Some(Error::Panicked),
        };
        self.told.set(true);
        ended
    }

    /// Revokes what is owned, leaves the group and closes the client. What takes longer than
    /// `within` is left behind on its own thread, to end with the process.
    pub fn close(self, within: Duration) -> Result<(), Error> {
        self.stop.set();
        if self.told.get() {
            return Ok(());
        }
        match self.ended.recv_timeout(within) {
            Ok(end) => end,
            Err(RecvTimeoutError::Timeout) => Err(Error::Leave(within)),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Panicked),
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.stop.set();
    }
}

/// A request to end that can be waited for.
#[derive(Clone, Default)]
pub(super) struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    fn set(&self) {
        let (stopped, waiting) = &*self.0;
        *stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        waiting.notify_all();
    }

    pub(super) fn is_set(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits to be told to stop, at most for `timeout`.
    pub(super) fn wait(&self, timeout: Duration) {
        let (stopped, waiting) = &*self.0;
        let guard = stopped.lock().unwrap_or_else(PoisonError::into_inner);
        drop(waiting.wait_timeout_while(guard, timeout, |stopped| !*stopped));
    }
}

/// What the thread works with.
struct Member {
    config: Config,
    assignments: Arc<dyn Assignments>,
    committer: Committer,
    metrics: Metrics,
    status: Status,
    stop: Stop,
}

impl Member {
    fn run(self) -> Result<(), Error> {
        let Some(partitions) = self.await_topics()? else { return Ok(()) };
        topics::check_partitioned_alike(&partitions)?;
        let total = partitions.iter().map(|(_, count)| count).sum();
        self.assignments.partitions(partitions.first().map_or(0, |(_, count)| *count));
        let consumer = self.subscribe(total)?;
        let read = self.serve(&consumer);
        let left = leave(consumer);
        read.and(left)
    }

    fn await_topics(&self) -> Result<Option<Vec<(String, usize)>>, Error> {
        let context = self.context(None);
        let client: BaseConsumer<Context> =
            self.config.client().create_with_context(context).map_err(Error::Client)?;
        let found = topics::await_topics(&client, &self.config.topics, &self.status, &self.stop);
        drop_within(client, LEAVE_WITHIN)?;
        Ok(found)
    }

    fn subscribe(&self, partitions: usize) -> Result<Arc<BaseConsumer<Context>>, Error> {
        let context = self.context(Some(Arc::clone(&self.assignments)));
        let consumer: BaseConsumer<Context> =
            self.config.consumer(partitions).create_with_context(context).map_err(Error::Client)?;
        let consumer = Arc::new(consumer);
        consumer.context().bind(&consumer);
        self.committer.bind(&consumer);
        let topics: Vec<&str> = self.config.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(Error::Subscribe)?;
        tracing::info!(
            topics = self.config.topics.join(","),
            group = self.config.group,
            partitions,
            "joining the group"
        );
        Ok(consumer)
    }

    fn context(&self, assignments: Option<Arc<dyn Assignments>>) -> Context {
        let (status, metrics, stop) =
            (self.status.clone(), self.metrics.clone(), self.stop.clone());
        Context::new(&self.config.brokers, status, metrics, assignments, stop)
    }

    fn serve(&self, consumer: &BaseConsumer<Context>) -> Result<(), Error> {
        let began = clock::instant();
        let mut looked = began;
        while !self.stop.is_set() {
            match consumer.poll(POLL) {
                None => {}
                Some(Err(error)) => on_poll_error(consumer, &error),
                Some(Ok(_)) => {
                    return Err(Error::Fatal("a record came through the main queue".into()));
                }
            }
            self.hasten(consumer, began);
            if let Some(error) = consumer.context().take_failure() {
                return Err(error);
            }
            if let Some((code, reason)) = consumer.client().fatal_error() {
                return Err(Error::Fatal(format!("{code}: {reason}")));
            }
            let problem = self.status.problem();
            let over = problem.is_some_and(|problem| problem.kind != ProblemKind::Group);
            if over && looked.elapsed() >= LOOK_AGAIN {
                topics::look(consumer, &self.config.topics, &self.status);
                looked = clock::instant();
            }
        }
        Ok(())
    }

    /// Has librdkafka learn soon that partitions move. Whether it is time for a heartbeat, by whose
    /// answer it does, it looks twice a second, or when it is asked something. And it joins once a
    /// second at most, unless it heard of topics meanwhile; a new member joins twice.
    fn hasten(&self, consumer: &BaseConsumer<Context>, began: Instant) {
        let owned = consumer.assignment().map_or(0, |owned| owned.count());
        if owned == 0 && began.elapsed() < NEW {
            topics::look(consumer, &self.config.topics, &self.status);
        }
    }
}

fn on_poll_error(consumer: &BaseConsumer<Context>, error: &KafkaError) {
    match error {
        // The context was told of these already, with their reasons.
        KafkaError::MessageConsumption(
            RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::Authentication,
        ) => {}
        KafkaError::MessageConsumption(code) => {
            consumer.context().met(*code, &code.to_string());
        }
        error => tracing::warn!(%error, "kafka client"),
    }
}

/// Gives everything back and closes the client, in bounded time.
fn leave(consumer: Arc<BaseConsumer<Context>>) -> Result<(), Error> {
    let began = clock::instant();
    consumer.unsubscribe();
    // The owners are asked to let go in a callback of this poll. A client that is closed before the
    // group was told that it leaves, which waits for what is under way, does not tell it any more,
    // and whoever comes next waits for the session to time out.
    let stays = || is_member(&consumer) && began.elapsed() < LEAVE_WITHIN / 2;
    while (Arc::strong_count(&consumer) > 1 || stays()) && began.elapsed() < LEAVE_WITHIN {
        drop(consumer.poll(LEAVE_POLL));
    }
    match Arc::try_unwrap(consumer) {
        Ok(consumer) => drop_within(consumer, LEAVE_WITHIN.saturating_sub(began.elapsed())),
        Err(_held) => Err(Error::Leave(LEAVE_WITHIN)),
    }
}

/// Drops a client on a thread of its own, because closing one can hang.
fn drop_within(client: BaseConsumer<Context>, within: Duration) -> Result<(), Error> {
    let (end, ended) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("kafka-close".into())
        .spawn(move || {
            drop(client);
            if end.send(()).is_err() {
                tracing::debug!("the kafka client closed late");
            }
        })
        .map_err(Error::Thread)?;
    ended.recv_timeout(within).ok().ok_or(Error::Leave(within))
}
