//! A real Kafka broker on free ports of the loopback address.
//!
//! Invariant: the broker and its data are gone when its handle is dropped and when this process
//! ends, however it ends.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use sillage::clock;

const VERSION: &str = "4.3.1";
const READY_WITHIN: Duration = Duration::from_secs(90);
/// The one account of the listener with passwords.
pub(crate) const USER: (&str, &str) = ("sillage", "correct");

/// A running broker.
pub(crate) struct Kafka {
    /// A shell that kills and starts the broker as it is told, and removes it once its standard
    /// input closes.
    guard: Child,
    ports: Ports,
    data: PathBuf,
}

/// Free when they were drawn.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    plain: u16,
    password: u16,
    controller: u16,
    /// Where the listener behind the detour is, and where it says that it is.
    behind: u16,
    detour: u16,
}

/// A producer on its topic.
pub(crate) struct Stream {
    producer: BaseProducer,
    topic: String,
}

/// A record to produce; its key chooses the partition, as Java clients do.
pub(crate) struct Event<'a> {
    pub(crate) key: Option<&'a str>,
    pub(crate) payload: Option<&'a [u8]>,
    /// When it claims to be written, ms since the Unix epoch; nothing is now.
    pub(crate) log_time_ms: Option<i64>,
}

impl Ports {
    pub(crate) fn draw() -> Self {
        let listeners: Vec<TcpListener> =
            (0..5).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
        let port = |at: usize| listeners[at].local_addr().expect("bound").port();
        Self {
            plain: port(0),
            password: port(1),
            controller: port(2),
            behind: port(3),
            detour: port(4),
        }
    }

    pub(crate) fn brokers(self) -> String {
        format!("127.0.0.1:{}", self.plain)
    }
}

impl Kafka {
    /// The broker that the tests of this binary share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Ports::draw()))
    }

    /// A broker of the test's own; waits until it answers.
    pub(crate) fn start(ports: Ports) -> Self {
        Self::start_with(ports, "")
    }

    /// A broker of the test's own on which [`USER`] may do nothing.
    pub(crate) fn start_guarded(ports: Ports) -> Self {
        Self::start_with(ports, GUARDS)
    }

    fn start_with(ports: Ports, more: &str) -> Self {
        let cache = fetch();
        let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!(
            "kafka-{}-{}",
            std::process::id(),
            ports.plain
        ));
        std::fs::create_dir_all(data.join("log")).expect("a folder for the broker");
        copy_folder(&cache.join("formatted"), &data.join("log"));
        std::fs::write(data.join("server.properties"), properties(ports, &data) + more)
            .expect("written");
        let guard = Command::new("sh")
            .args(["-c", GUARDED, "sh"])
            .args([cache.join("lib"), data.clone()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh must be there");
        let kafka = Self { guard, ports, data };
        kafka.await_ready();
        kafka
    }

    pub(crate) fn brokers(&self) -> String {
        self.ports.brokers()
    }

    /// The listener that asks for [`USER`] by SASL PLAIN.
    pub(crate) fn brokers_with_password(&self) -> String {
        format!("127.0.0.1:{}", self.ports.password)
    }

    /// The listener that sends its clients to [`Self::brokers_by_detour`].
    pub(crate) fn behind_the_detour(&self) -> String {
        format!("127.0.0.1:{}", self.ports.behind)
    }

    /// Where nobody listens but a proxy that a test starts.
    pub(crate) fn brokers_by_detour(&self) -> String {
        format!("127.0.0.1:{}", self.ports.detour)
    }

    /// kill -9: it is gone when this returns, its data is not.
    pub(crate) fn kill(&mut self) {
        self.tell("kill");
        let gone = || std::net::TcpStream::connect(self.brokers()).is_err().then_some(());
        poll("the broker to be gone", READY_WITHIN, gone);
    }

    /// Starts the broker on the data that it left.
    pub(crate) fn start_again(&mut self) {
        self.tell("start");
        self.await_ready();
    }

    /// Has the broker hold still, with all its connections open, or go on.
    pub(crate) fn pause(&mut self, pause: bool) {
        self.tell(if pause { "pause" } else { "resume" });
    }

    fn tell(&mut self, word: &str) {
        let stdin = self.guard.stdin.as_mut().expect("a guard that listens");
        writeln!(stdin, "{word}").expect("a guard that listens");
    }

    /// Deletes a topic, and waits until it is gone.
    pub(crate) fn delete_topic(&self, name: &str) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin");
        let deleted = block_on(admin.delete_topics(&[name], &AdminOptions::new()));
        deleted.expect("an answer").remove(0).expect("deleted");
        let gone = || {
            let answer = admin.inner().fetch_metadata(Some(name), Duration::from_secs(5)).ok()?;
            answer.topics().iter().all(|topic| topic.partitions().is_empty()).then_some(())
        };
        poll("the topic to be gone", Duration::from_secs(30), gone);
    }

    /// Deletes what a partition has before `offset`.
    pub(crate) fn delete_records(&self, topic: &str, partition: i32, offset: i64) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).expect("an offset");
        let deleted = block_on(admin.delete_records(&list, &AdminOptions::new()));
        deleted.expect("deleted");
    }

    /// Creates a topic; `settings` are the topic's own, such as `max.message.bytes`.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin");
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let created = block_on(admin.create_topics(&[topic], &AdminOptions::new()));
        created.expect("an answer").remove(0).expect("created");
        let known = || {
            let answer = admin.inner().fetch_metadata(Some(name), Duration::from_secs(5)).ok()?;
            let of_topic = answer.topics().first()?;
            let led = of_topic.partitions().iter().filter(|p| p.leader() >= 0).count();
            (led == usize::try_from(partitions).expect("not negative")).then_some(())
        };
        poll("every partition to have a leader", Duration::from_secs(30), known);
    }

    /// Gives a topic more partitions than it has.
    pub(crate) fn add_partitions(&self, topic: &str, total: usize) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin");
        let more = NewPartitions::new(topic, total);
        let added = block_on(admin.create_partitions(&[more], &AdminOptions::new()));
        added.expect("an answer").remove(0).expect("added");
    }

    /// A producer whose records come by transactions; those that are open under `id` are aborted.
    pub(crate) fn transactional(&self, id: &str) -> BaseProducer {
        let mut config = self.client();
        config.set("transactional.id", id).set("partitioner", "murmur2_random");
        let producer: BaseProducer = config.create().expect("a producer");
        producer.init_transactions(Duration::from_secs(30)).expect("a coordinator");
        producer
    }

    /// The offsets that a partition has records at.
    pub(crate) fn offsets(&self, topic: &str, partition: i32) -> Vec<i64> {
        let mut config = self.client();
        config.set("group.id", "offsets").set("enable.partition.eof", "true");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
        consumer.assign(&list).expect("assigned");
        let mut offsets = Vec::new();
        let deadline = clock::instant() + Duration::from_secs(30);
        loop {
            assert!(clock::instant() < deadline, "{topic}-{partition} has no end");
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => offsets.push(message.offset()),
                Some(Err(KafkaError::PartitionEOF(_))) => return offsets,
                Some(Err(_)) | None => {}
            }
        }
    }

    /// Produces to a topic and waits until the broker has everything.
    pub(crate) fn produce<'a>(&self, topic: &str, events: impl IntoIterator<Item = Event<'a>>) {
        let mut stream = Stream::over(self, topic, "50");
        events.into_iter().for_each(|event| stream.put(&event));
        stream.flush();
    }

    /// All records of a topic from its beginning: what each holds, as `read` takes it.
    pub(crate) fn read_all<T>(
        &self,
        topic: &str,
        count: usize,
        read: impl Fn(&rdkafka::message::BorrowedMessage<'_>) -> T,
    ) -> Vec<T> {
        let consumer: BaseConsumer = self
            .client()
            .set("group.id", format!("read-{topic}"))
            .set("auto.offset.reset", "earliest")
            .create()
            .expect("a consumer");
        consumer.subscribe(&[topic]).expect("subscribed");
        let mut records = Vec::new();
        let deadline = clock::instant() + Duration::from_secs(30);
        while records.len() < count {
            assert!(clock::instant() < deadline, "{topic}: {} of {count} records", records.len());
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                records.push(read(&message));
            }
        }
        records
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers());
        config
    }

    fn await_ready(&self) {
        let probe: BaseConsumer = self.client().create().expect("a client");
        let deadline = clock::instant() + READY_WITHIN;
        loop {
            let answer = probe.client().fetch_metadata(None, Duration::from_secs(2));
            if answer.is_ok_and(|answer| !answer.brokers().is_empty()) {
                return;
            }
            if clock::instant() > deadline {
                let mut log = String::new();
                if let Ok(mut file) = std::fs::File::open(self.data.join("server.log")) {
                    file.read_to_string(&mut log).expect("readable");
                }
                let tail = log.len().saturating_sub(4_000);
                panic!("kafka did not start:\n{}", log.get(tail..).unwrap_or(&log));
            }
        }
    }
}

impl Stream {
    /// To a topic, an event at a time and without delay.
    pub(crate) fn to(kafka: &Kafka, topic: &str) -> Self {
        Self::over(kafka, topic, "5")
    }

    fn over(kafka: &Kafka, topic: &str, linger_ms: &str) -> Self {
        let producer: BaseProducer = kafka
            .client()
            .set("linger.ms", linger_ms)
            .set("batch.size", "1000000")
            .set("compression.codec", "zstd")
            .set("partitioner", "murmur2_random")
            .set("message.max.bytes", "10000000")
            .set("queue.buffering.max.messages", "500000")
            .create()
            .expect("a producer");
        Self { producer, topic: topic.to_owned() }
    }

    pub(crate) fn send(&mut self, key: &str, payload: &str) {
        self.put(&Event { key: Some(key), payload: Some(payload.as_bytes()), log_time_ms: None });
    }

    fn put(&mut self, event: &Event<'_>) {
        let mut record: BaseRecord<'_, str, [u8]> = BaseRecord::to(&self.topic);
        record.key = event.key;
        record.payload = event.payload;
        record.timestamp = event.log_time_ms;
        while let Err((error, back)) = self.producer.send(record) {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            assert_eq!(error, full, "cannot produce");
            self.producer.poll(Duration::from_millis(10));
            record = back;
        }
    }

    /// Waits until the broker has everything.
    pub(crate) fn flush(&mut self) {
        self.producer.flush(Duration::from_mins(1)).expect("flushed");
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        self.guard.wait().expect("the guard must end");
    }
}

/// Runs the broker until the standard input closes, then removes it and its data.
const GUARDED: &str = r#"
lib=$1 data=$2
start() {
    java -Xms256m -Xmx768m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$lib/*" \
        kafka.Kafka "$data/server.properties" >>"$data/server.log" 2>&1 </dev/null &
    broker=$!
}
end() {
    kill -9 $broker
    wait $broker
}
start
while read -r word; do
    case $word in
        kill) end ;;
        start) start ;;
        pause) kill -STOP $broker ;;
        resume) kill -CONT $broker ;;
    esac
done
end
rm -rf "$data"
"#;

/// Only those without a name may do anything.
const GUARDS: &str = "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
";

fn fetch() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target");
    let cache = target.join(format!("kafka-{VERSION}"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/fetch-kafka.sh");
    let fetched = Command::new("sh").arg(script).arg(&cache).output().expect("sh must be there");
    let said = String::from_utf8_lossy(&fetched.stderr);
    assert!(fetched.status.success(), "{}", said.trim());
    cache
}

fn properties(ports: Ports, data: &Path) -> String {
    let Ports { plain, password, controller, behind, detour } = ports;
    let (user, secret) = USER;
    let login = "org.apache.kafka.common.security.plain.PlainLoginModule required";
    format!(
        r#"process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{plain},PASSWORD://127.0.0.1:{password},DETOUR://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},PASSWORD://127.0.0.1:{password},DETOUR://127.0.0.1:{detour}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PASSWORD:SASL_PLAINTEXT,DETOUR:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.password.plain.sasl.jaas.config={login} user_{user}="{secret}";
log.dirs={log}
log.retention.ms=-1
log.cleaner.backoff.ms=200
message.max.bytes=10485760
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.consumer.heartbeat.interval.ms=500
group.consumer.min.heartbeat.interval.ms=500
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"#,
        log = data.join("log").display(),
    )
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        if entry.file_type().expect("a type").is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
        }
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// Waits for `condition` to give something.
pub(crate) fn poll<T>(what: &str, within: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = clock::instant() + within;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(clock::instant() < deadline, "waited {within:?} in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
