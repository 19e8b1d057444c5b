//! Asks the cluster for the topics, until all of them are there.
//!
//! Invariant: nothing is subscribed before every topic is known and all have the same number of
//! partitions; a topic that appears later is found within seconds.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::MetadataTopic;

use super::consumer::{Error, Stop};
use super::context::Context;
use super::status::{ProblemKind, Status};

/// How long a question may go unanswered; together with a connection attempt below ten seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// To hear of errors that wait.
const SERVE: Duration = Duration::from_millis(50);
/// Between two questions while something is missing.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// The topics and their numbers of partitions; nothing if told to stop.
pub(super) fn await_topics(
    client: &BaseConsumer<Context>,
    topics: &[String],
    status: &Status,
    stop: &Stop,
) -> Option<Vec<(String, usize)>> {
    while !stop.is_set() {
        if let Some(found) = look(client, topics, status) {
            return Some(found);
        }
        serve_errors(client);
        stop.wait(ASK_EVERY);
    }
    None
}

/// The topics and their numbers of partitions, or else a problem that is now in `status`.
pub(super) fn look(
    client: &BaseConsumer<Context>,
    topics: &[String],
    status: &Status,
) -> Option<Vec<(String, usize)>> {
    let mut found = Vec::with_capacity(topics.len());
    for topic in topics {
        let answer = client.client().fetch_metadata(Some(topic), ANSWER_WITHIN);
        let (error, partitions) = match answer {
            Err(error) => (error.rdkafka_error_code(), 0),
            Ok(answer) => {
                let of_topic = answer.topics().iter().find(|t| t.name() == topic);
                let error = of_topic.and_then(MetadataTopic::error).map(RDKafkaErrorCode::from);
                (error, of_topic.map_or(0, |t| t.partitions().len()))
            }
        };
        if error.is_none() && partitions > 0 {
            found.push((topic.clone(), partitions));
        } else {
            // Why there is none was said on the side.
            serve_errors(client);
            report(client.context(), status, topic, error);
            return None;
        }
    }
    if status.problem().is_some() {
        // What was met before they answered may still wait to be heard, and is over as well.
        serve_errors(client);
    }
    status.end(&[ProblemKind::Unreachable, ProblemKind::Denied, ProblemKind::NoTopic]);
    Some(found)
}

fn report(context: &Context, status: &Status, topic: &str, error: Option<RDKafkaErrorCode>) {
    use RDKafkaErrorCode as Code;
    match error {
        Some(Code::UnknownTopic | Code::UnknownTopicOrPartition) | None => {
            status.end(&[ProblemKind::Unreachable, ProblemKind::Denied]);
            let what = format!("kafka at {} has no topic {topic}", context.brokers());
            status.begin(ProblemKind::NoTopic, what);
        }
        Some(Code::TopicAuthorizationFailed) => {
            let what = format!("kafka at {} denies us topic {topic}", context.brokers());
            status.begin(ProblemKind::Denied, what);
        }
        Some(Code::LeaderNotAvailable) => tracing::debug!(topic, "has no leader yet"),
        Some(_) if context.is_denied() => {}
        Some(_) => {
            let why = status.last_error().unwrap_or_default();
            status.begin(ProblemKind::Unreachable, context.unreachable(&why));
        }
    }
}

/// Several topics make up a shard each partition, so that they must have as many.
pub(super) fn check_partitioned_alike(topics: &[(String, usize)]) -> Result<(), Error> {
    let Some(((first, count), others)) = topics.split_first() else { return Ok(()) };
    match others.iter().find(|(_, other)| other != count) {
        None => Ok(()),
        Some((second, other)) => Err(Error::PartitionedUnlike {
            first: first.clone(),
            first_count: *count,
            second: second.clone(),
            second_count: *other,
        }),
    }
}

/// Has the context hear of the errors that wait.
fn serve_errors(client: &BaseConsumer<Context>) {
    // Bounded, because a client that fails fast may go on failing. A poll that does not wait
    // would end at the first line of the log.
    for _ in 0..20 {
        if client.poll(SERVE).is_none() {
            return;
        }
    }
}
