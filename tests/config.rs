//! Configuration from outside: what is refused, how that is said, and what stays secret.

use std::path::Path;

use sillage::config::{Config, Source, keys, load, reference};

/// A file and how the line begins that refuses it.
const WRONG_FILES: &[(&str, &str)] = &[
    // Text that is no YAML, or more of it than is needed.
    ("view:\n  interval: 1s\n interval: 2s\n", "sillage.yaml:3: is not YAML"),
    ("view: [1, 2\n", "sillage.yaml:1: is not YAML"),
    ("view:\n\tinterval: 1s\n", "sillage.yaml:2: is not YAML"),
    ("a: &x 1\nview: *x\n", "sillage.yaml:2: is not YAML as it is read here: an alias"),
    (
        "view:\n  clock: log\n  clock: wall\n",
        "sillage.yaml:3: is not YAML as it is read here: the key clock is there twice",
    ),
    (
        "view: {}\n---\nview: {}\n",
        "sillage.yaml:3: is not YAML as it is read here: a second document",
    ),
    ("hello\n", "sillage.yaml:1: configuration: the value is not allowed, it must be a section"),
    // Keys.
    (
        "viev:\n  interval: 1s\n",
        "sillage.yaml:1: viev: there is no such key, did you mean view?, allowed are",
    ),
    (
        "\nview:\n  intervall: 1s\n",
        "sillage.yaml:3: view.intervall: there is no such key, did you mean interval?, allowed are clock, interval",
    ),
    (
        "ingest:\n  dedup: 1h\n",
        "sillage.yaml:2: ingest.dedup: there is no such key, allowed are dedup_ids, \
         dedup_window, idle_timeout, stall_timeout, threads",
    ),
    (
        "notify:\n  email: {to: x}\n",
        "sillage.yaml:2: notify.email: there is no such key, allowed are alertmanager, external_url,",
    ),
    (
        "model:\n  weights:\n    likes: 1\n",
        "sillage.yaml:3: model.weights.likes: there is no such key, did you mean like?",
    ),
    // Shapes.
    (
        "view: 3\n",
        "sillage.yaml:1: view: 3 is not allowed, it must be a section with the keys clock, interval",
    ),
    (
        "view:\n  interval: [1s]\n",
        "sillage.yaml:2: view.interval: [1s] is not allowed, it must be a duration",
    ),
    (
        "codes: [a]\n",
        "sillage.yaml:1: codes: [a] is not allowed, it must be a map such as {key: value}",
    ),
    (
        "ingest:\n  threads: two\n",
        "sillage.yaml:2: ingest.threads: two is not allowed, it must be a whole number",
    ),
    (
        "ingest:\n  threads: '2'\n",
        "sillage.yaml:2: ingest.threads: \"2\" is not allowed, it must be a whole number",
    ),
    (
        "ingest:\n  dedup_ids: -1\n",
        "sillage.yaml:2: ingest.dedup_ids: -1 is not allowed, it must be a whole number, 0 or more",
    ),
    (
        "ingest:\n  dedup_ids: 1.5\n",
        "sillage.yaml:2: ingest.dedup_ids: 1.5 is not allowed, it must be a whole number",
    ),
    (
        "ingest:\n  dedup_ids:\n",
        "sillage.yaml:2: ingest.dedup_ids: nothing is not allowed, it must be a whole number",
    ),
    (
        "view:\n  clock: utc\n",
        "sillage.yaml:2: view.clock: utc is not allowed, it must be one of log, wall",
    ),
    (
        "model:\n  margin: high\n",
        "sillage.yaml:2: model.margin: high is not allowed, it must be a number",
    ),
    (
        "model:\n  margin: .nan\n",
        "sillage.yaml:2: model.margin: .nan is not allowed, it must be a number",
    ),
    (
        "model:\n  max_touches: 5000000000\n",
        "sillage.yaml:2: model.max_touches: 5000000000 is not allowed, it must be a whole number from 0 to 4294967295",
    ),
    // Units.
    (
        "view:\n  interval: 5\n",
        "sillage.yaml:2: view.interval: 5 is not allowed, it must be a duration",
    ),
    (
        "view:\n  interval: 5 seconds\n",
        "sillage.yaml:2: view.interval: 5 seconds is not allowed, it must be a duration",
    ),
    (
        "state:\n  memory_limit: 4G\n",
        "sillage.yaml:2: state.memory_limit: 4G is not allowed, it must be a size",
    ),
    (
        "model:\n  half_life_ms: 7days\n",
        "sillage.yaml:2: model.half_life_ms: 7days is not allowed, it must be a duration",
    ),
    // Bounds.
    (
        "view:\n  interval: 2h\n",
        "sillage.yaml:2: view.interval: 2h is not allowed, it must be from 10ms to 1h",
    ),
    (
        "ingest:\n  idle_timeout: 2d\n",
        "sillage.yaml:2: ingest.idle_timeout: 2d is not allowed, it must be from 1ms to 1d",
    ),
    (
        "ingest:\n  threads: 0\n",
        "sillage.yaml:2: ingest.threads: 0 is not allowed, it must be from 1 to 1024",
    ),
    (
        "ingest:\n  dedup_window: 5w\n",
        "sillage.yaml:2: ingest.dedup_window: 35d is not allowed, it must be at most 31d",
    ),
    (
        "state:\n  memory_limit: 1MiB\n",
        "sillage.yaml:2: state.memory_limit: 1MiB is not allowed, it must be 16MiB or more",
    ),
    (
        "snapshot:\n  keep: 0\n",
        "sillage.yaml:2: snapshot.keep: 0 is not allowed, it must be from 1 to 100",
    ),
    (
        "snapshot:\n  interval: 1ms\n",
        "sillage.yaml:2: snapshot.interval: 1ms is not allowed, it must be 1s or more",
    ),
    (
        "campaigns: [spring, other]\n",
        "sillage.yaml:1: campaigns: [\"spring\", \"other\"] is not allowed, it must be at most 100",
    ),
    (
        "campaigns: [spring, spring]\n",
        "sillage.yaml:1: campaigns: [\"spring\", \"spring\"] is not allowed, it must be at most 100",
    ),
    (
        "codes:\n  SPRING: ''\n",
        "sillage.yaml:2: codes.SPRING: \"\" is not allowed, it must be a code and a name",
    ),
    (
        "model:\n  cap: 2.9\n",
        "sillage.yaml:2: model.cap: 2.9 is not allowed, it must be a multiple of 1/4",
    ),
    (
        "model:\n  weights: {view: 0.01}\n",
        "sillage.yaml:2: model.weights.view: 0.01 is not allowed, it must be a multiple of 1/20",
    ),
    (
        "model:\n  points:\n    amplify: 90\n",
        "sillage.yaml:2: model.points: a sum of 160 is not allowed, it must be a sum of at most 100",
    ),
    (
        "model:\n  segments:\n    vip:\n      half_saturation: {convert: 0}\n",
        "sillage.yaml:4: model.segments.vip.half_saturation.convert: 0 is not allowed, it must be from 0.000001 to 1000000",
    ),
    (
        "model:\n  segments: {vip: {half_saturation: {converts: 1}}}\n",
        "sillage.yaml:2: model.segments.vip.half_saturation.converts: there is no such key, did you mean convert?",
    ),
    // Shifts and who is told of them.
    (
        "detect:\n  window_ms: 1s\n",
        "sillage.yaml:2: detect.window_ms: 1s is not allowed, it must be from 1m to 31d",
    ),
    (
        "detect:\n  segments: {vip: {window_ms: soon}}\n",
        "sillage.yaml:2: detect.segments.vip.window_ms: soon is not allowed, it must be a duration",
    ),
    (
        "detect:\n  segments:\n    vip:\n      share_ratio: 1\n",
        "sillage.yaml:4: detect.segments.vip.share_ratio: 1 is not allowed, it must be from 1.01 to 1000",
    ),
    (
        "notify:\n  alertmanager: {url: alertmanager}\n",
        "sillage.yaml:2: notify.alertmanager.url: alertmanager is not allowed, it must be an address",
    ),
    (
        "notify:\n  alertmanager: {resolve_after: 1s}\n",
        "sillage.yaml:2: notify.alertmanager.resolve_after: 1s is not allowed, it must be from 1m to 7d",
    ),
    (
        "notify:\n  webhook: {url: hunter2}\n",
        "sillage.yaml:2: notify.webhook.url: the value is not allowed, it must be an address",
    ),
    (
        "notify:\n  webhook:\n    secret: hunter2\n",
        "sillage.yaml:3: notify.webhook.secret: the value is not allowed, it must be 16 bytes or more",
    ),
    (
        "notify:\n  slack: hunter2\n",
        "sillage.yaml:2: notify.slack: the value is not allowed, it must be a section with the keys url",
    ),
    (
        "notify:\n  slack: {url: 'ftp://hunter2'}\n",
        "sillage.yaml:2: notify.slack.url: the value is not allowed, it must be an address",
    ),
    (
        "notify:\n  kafka: {topic: ''}\n",
        "sillage.yaml:2: notify.kafka.topic: \"\" is not allowed, it must be the name of a topic",
    ),
    (
        "notify:\n  queue_bytes: 1KiB\n",
        "sillage.yaml:2: notify.queue_bytes: 1KiB is not allowed, it must be from 64KiB to 1GiB",
    ),
    (
        "notify:\n  retry_max: 1ms\n",
        "sillage.yaml:2: notify.retry_max: 1ms is not allowed, it must be from 500ms to 1h",
    ),
    // The way in and the way out.
    (
        "kafka:\n  broker: x\n",
        "sillage.yaml:2: kafka.broker: there is no such key, did you mean brokers?, allowed are brokers, erase_topic, group,",
    ),
    (
        "kafka:\n  erase_topic: wishes\n",
        "sillage.yaml:2: kafka.erase_topic: wishes is not allowed, it must be one of kafka.topics",
    ),
    (
        "kafka:\n  topics: interactions\n",
        "sillage.yaml:2: kafka.topics: interactions is not allowed, it must be a list such as [a, b]",
    ),
    (
        "kafka:\n  topics: [a b]\n",
        "sillage.yaml:2: kafka.topics: a b is not allowed, it must be one topic or more",
    ),
    (
        "kafka:\n  prefetch: 12\n",
        "sillage.yaml:2: kafka.prefetch: 12 is not allowed, it must be a size",
    ),
    (
        "kafka:\n  properties:\n    group.id: hunter2\n",
        "sillage.yaml:3: kafka.properties.group.id: ",
    ),
    (
        "kafka:\n  properties:\n    sasl.pasword: hunter2\n",
        "sillage.yaml:3: kafka.properties.sasl.pasword: ",
    ),
    (
        "kafka:\n  properties: [hunter2]\n",
        "sillage.yaml:2: kafka.properties: the value is not allowed, it must be a map",
    ),
    (
        "kafka: hunter2\n",
        "sillage.yaml:1: kafka: the value is not allowed, it must be a section with the keys brokers,",
    ),
    (
        "dead_letter:\n  topics: a\n",
        "sillage.yaml:2: dead_letter.topics: there is no such key, did you mean topic?",
    ),
    (
        "dead_letter:\n  on_failure: panic\n",
        "sillage.yaml:2: dead_letter.on_failure: panic is not allowed, it must be one of count, block",
    ),
    (
        "dead_letter:\n  topic: a\n  file: b\n",
        "sillage.yaml:2: dead_letter.topic: a is not allowed, it must be left out when there is a file",
    ),
    (
        "export:\n  topk: 5\n",
        "sillage.yaml:2: export.topk: there is no such key, did you mean top_k?",
    ),
    (
        "export:\n  top_k: 0\n",
        "sillage.yaml:2: export.top_k: 0 is not allowed, it must be 1 to 10000",
    ),
    (
        "export:\n  watch: [1, {a: b}]\n",
        "sillage.yaml:2: export.watch[1]: {a: b} is not allowed, it must be text",
    ),
    ("serve:\n  port: 80\n", "sillage.yaml:2: serve.port: there is no such key, allowed are"),
    (
        "serve:\n  listen: 9464\n",
        "sillage.yaml:2: serve.listen: 9464 is not allowed, it must be host and port",
    ),
    (
        "log:\n  format: xml\n",
        "sillage.yaml:2: log.format: xml is not allowed, it must be one of text, json",
    ),
    (
        "log:\n  level: inof\n",
        "sillage.yaml:2: log.level: inof is not allowed, it must be error, warn,",
    ),
    (
        "log:\n  level: loud=\n",
        "sillage.yaml:2: log.level: loud= is not allowed, it must be error, warn,",
    ),
    // A secret is not repeated.
    (
        "state:\n  actor_key: hunter2\n",
        "sillage.yaml:2: state.actor_key: the value is not allowed, it must be 16 hexadecimal digits",
    ),
];

/// Loads a file of that text below the variables.
fn loaded(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("sillage.yaml");
    std::fs::write(&file, text).expect("a file");
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    load(&Source::Given(file), variables)
        .map_err(|e| e.to_string().replace(&format!("{}/", dir.path().display()), ""))
}

fn refused(text: &str, variables: &[(&str, &str)]) -> String {
    let error = loaded(text, variables).expect_err(text);
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[test]
fn wrong_files_are_explained_on_one_line() {
    for (text, expected) in WRONG_FILES {
        let error = refused(text, &[]);
        assert!(error.starts_with(expected), "{text}\n  says {error}\n  not  {expected}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn wrong_variables_are_explained_by_their_name() {
    let cases = [
        (
            ("SILLAGE__KAKFA__BROKERS", "a:1"),
            "SILLAGE__KAKFA__BROKERS: kakfa: there is no such key, did you mean kafka?",
        ),
        (
            ("SILLAGE__KAFKA__PROPERTIES__SASL_PASWORD", "hunter2"),
            "SILLAGE__KAFKA__PROPERTIES__SASL_PASWORD: kafka.properties.sasl.pasword: ",
        ),
        (
            ("SILLAGE__VIEV__INTERVAL", "1s"),
            "SILLAGE__VIEV__INTERVAL: viev: there is no such key, did you mean view?",
        ),
        (
            ("SILLAGE__VIEW__INTERVALS", "1s"),
            "SILLAGE__VIEW__INTERVALS: view.intervals: there is no such key, did you mean interval?",
        ),
        (
            ("SILLAGE__VIEW__INTERVAL", "1"),
            "SILLAGE__VIEW__INTERVAL: view.interval: 1 is not allowed, it must be a duration",
        ),
        (
            ("SILLAGE__VIEW__INTERVAL", "2h"),
            "SILLAGE__VIEW__INTERVAL: view.interval: 2h is not allowed, it must be from 10ms to 1h",
        ),
        (
            ("SILLAGE__VIEW__INTERVAL__MS", "1"),
            "SILLAGE__VIEW__INTERVAL__MS: view.interval.ms: there is no such key, nothing can be set here",
        ),
        (("SILLAGE__VIEW", "7"), "SILLAGE__VIEW: view: 7 is not allowed, it must be a section"),
        (
            ("SILLAGE__VIEW", "{interval: 1s"),
            "SILLAGE__VIEW: view: {interval: 1s is not allowed, it must be a section",
        ),
        (
            ("SILLAGE__CODES", "SPRING"),
            "SILLAGE__CODES: codes: SPRING is not allowed, it must be a map",
        ),
        (
            ("SILLAGE__INGEST__THREADS", "many"),
            "SILLAGE__INGEST__THREADS: ingest.threads: many is not allowed, it must be a whole number",
        ),
        (
            ("SILLAGE__STATE__ACTOR_KEY", "hunter2"),
            "SILLAGE__STATE__ACTOR_KEY: state.actor_key: the value is not allowed",
        ),
    ];
    for (variable, expected) in cases {
        let error = refused("", &[variable]);
        assert!(error.starts_with(expected), "{variable:?}\n  says {error}\n  not  {expected}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let twice = refused("", &[("SILLAGE__VIEW__CLOCK", "log"), ("sillage__view__clock", "wall")]);
    assert!(twice.contains("set once"), "{twice}");
}

#[test]
fn variables_lie_over_the_file() {
    let file = "view:\n  interval: 5s\n  clock: wall\ningest:\n";
    let config = loaded(
        file,
        &[
            ("SILLAGE__VIEW__INTERVAL", "200ms"),
            ("SILLAGE__INGEST__THREADS", "3"),
            ("SILLAGE__CODES", "{SPRING: ada, 'FALL': bob}"),
            ("SILLAGE__CODES__Mai_25", "eve"),
            ("SILLAGE__MODEL__HALF_LIFE_MS", "3d"),
            ("SILLAGE__MODEL__WEIGHTS", "{quote: 2}"),
            ("SILLAGE__MODEL__WEIGHTS__LIKE", "0.5"),
            ("SILLAGE__KAFKA__BROKERS", "a:1,b:2"),
            ("SILLAGE__KAFKA__TOPICS", "interactions, conversions"),
            ("SILLAGE__EXPORT__WATCH", "[ada, 'b,c']"),
            (
                "SILLAGE__KAFKA__PROPERTIES",
                "{security.protocol: plaintext, session.timeout.ms: 6000}",
            ),
            ("SILLAGE__KAFKA__PROPERTIES__CLIENT_RACK", "7"),
            ("SILLAGE_PORT", "tcp://10.0.0.1:9464"),
        ],
    )
    .expect("a configuration");
    assert_eq!(config.kafka.brokers, "a:1,b:2");
    assert_eq!(config.kafka.topics, ["interactions", "conversions"]);
    assert_eq!(config.export.watch, ["ada", "b,c"]);
    let properties: Vec<_> = config.kafka.properties.values().map(String::as_str).collect();
    assert_eq!(properties, ["7", "plaintext", "6000"]);
    assert_eq!(config.view.interval.to_string(), "200ms");
    assert_eq!(config.view.clock.to_string(), "wall");
    assert_eq!(config.ingest.threads, Some(3));
    assert_eq!((&*config.codes["FALL"], &*config.codes["Mai_25"]), ("bob", "eve"));
    assert_eq!(config.model.half_life_ms, 3 * 86_400_000);
    let weights = serde_json::to_value(&config.model.weights).expect("plain data");
    assert_eq!((&weights["quote"], &weights["like"]), (&2.0.into(), &0.5.into()));
    assert_eq!(weights["share"], 1.0);
}

#[test]
fn the_usual_file_may_be_absent_and_a_given_one_may_not() {
    let absent = Path::new("/nowhere/sillage.yaml");
    assert_eq!(load(&Source::Usual(absent.into()), []).expect("defaults"), Config::default());
    let error = load(&Source::Given(absent.into()), []).expect_err("no file").to_string();
    assert!(error.starts_with("/nowhere/sillage.yaml: cannot be read: "), "{error}");
}

#[test]
fn the_reference_is_committed_and_loads_to_the_defaults() {
    let committed = std::fs::read_to_string("config/reference.yaml").expect("the reference");
    let same = committed == reference();
    assert!(same, "run `cargo run -- reference > config/reference.yaml`");
    assert_eq!(loaded(&committed, &[]).expect("a configuration"), Config::default());
}

#[test]
fn each_key_is_explained_in_the_reference() {
    let text = reference();
    let lines: Vec<&str> = text.lines().collect();
    for key in keys() {
        let name = key.rsplit('.').next().expect("a name");
        let explained = lines.windows(2).any(|pair| {
            pair[1].trim_start().starts_with(&format!("{name}:"))
                && pair[0].trim_start().starts_with('#')
        });
        assert!(explained, "{key} has no comment");
    }
}

#[test]
fn the_starting_point_loads() {
    let text = std::fs::read_to_string("config/sillage.yaml").expect("the file");
    loaded(&text, &[]).expect("a configuration");
}

#[test]
fn secrets_stay_inside() {
    let text = "state: {actor_key: 00ff00ff00ff00ff}\nkafka: {properties: {sasl.password: hunter2}}\n\
                notify: {slack: {url: 'https://x/hunter2'}, webhook: {secret: hunter2hunter2hunter2}}\n";
    let config = loaded(text, &[]).expect("a configuration");
    let key = 0x00ff_00ff_00ff_00ff_u64.to_string();
    let shown = format!("{config:?}");
    assert!(["00ff00ff", key.as_str(), "hunter2"].iter().all(|secret| !shown.contains(secret)));
    assert!(shown.contains("sasl.password"), "{shown}");
}

#[test]
fn the_digest_tells_configurations_apart() {
    let one = loaded("view: {interval: 1s}\n", &[]).expect("a configuration");
    let same = loaded("view: {interval: 1000ms}\n", &[]).expect("a configuration");
    let other = loaded("view: {interval: 2s}\n", &[]).expect("a configuration");
    assert_eq!(one.digest(), same.digest());
    assert_ne!(one.digest(), other.digest());
}

#[test]
fn a_state_depends_on_the_model_and_not_on_how_it_is_read() {
    let digest = |text: &str| loaded(text, &[]).expect("a configuration").state_digest();
    let usual = digest("{}\n");
    for same in ["model: {points: {convert: 40}}\n", "view: {interval: 2s}\n"] {
        assert_eq!(digest(same), usual, "{same}");
    }
    for other in [
        "model: {half_life_ms: 8d}\n",
        "model: {currencies: {EUR: 1.1}}\n",
        "codes: {ADA10: ada}\n",
        "ingest: {dedup_window: 2h}\n",
    ] {
        assert_ne!(digest(other), usual, "{other}");
    }
}
