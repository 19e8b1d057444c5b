//! A broker inside the process, so that a demonstration needs nothing installed.
//!
//! Invariant: it listens on the loopback address only. It keeps the last 5 MiB of a partition:
//! who feeds it must not run further ahead of who reads it.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::consumer::Error;

/// A running broker; it ends when dropped.
pub struct Embedded(MockCluster<'static, DefaultProducerContext>);

impl Embedded {
    /// Starts a broker with these topics and numbers of partitions.
    pub fn start(topics: &[(&str, i32)]) -> Result<Self, Error> {
        let cluster = MockCluster::new(1).map_err(Error::Client)?;
        for (topic, partitions) in topics {
            cluster.create_topic(topic, *partitions, 1).map_err(Error::Client)?;
        }
        Ok(Self(cluster))
    }

    /// Its address, as `kafka.brokers` takes it.
    #[must_use]
    pub fn brokers(&self) -> String {
        self.0.bootstrap_servers()
    }
}
