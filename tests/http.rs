//! The server over real sockets, with a view made by hand.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

mod serving;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use serving::{Serving, segment, shift};
use sillage::serve::{Config, Server};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0";

fn serving() -> Serving {
    let hostile = "a\"b\\c\n</script>";
    Serving::start(vec![
        segment("fr/été x", &[("ana", 60.0), ("bob/1 é", 30.0), (hostile, 1.0)]),
        segment("nobody", &[]),
    ])
}

#[test]
fn every_answer_has_the_status_and_type_that_it_should() {
    let at = serving();
    let (json, problem) = ("application/json", "application/problem+json");
    let audience = "/api/v1/segments/fr%2F%C3%A9t%C3%A9%20x";
    let cases = [
        ("/", 200, "text/html; charset=utf-8"),
        ("/-/healthy", 200, "text/plain; charset=utf-8"),
        ("/-/ready", 200, "text/plain; charset=utf-8"),
        ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("/api/v1/status", 200, json),
        ("/api/v1/segments", 200, json),
        ("/api/v1/openapi.json", 200, json),
        ("/api/v1/shifts?since=2023-11-14T00:00:00Z&segment=s&limit=10000", 200, json),
        ("/api/v1/shifts?limit=10001", 400, problem),
        ("/api/v1/shifts?since=yesterday", 400, problem),
        ("/api/v1/shifts?after=1", 400, problem),
        ("/api/v1/segments/nobody/ranking", 200, json),
        (&format!("{audience}/ranking"), 200, json),
        (&format!("{audience}/ranking?by=momentum&limit=100000&offset=9"), 200, json),
        (&format!("{audience}/ranking?limit=0"), 400, problem),
        (&format!("{audience}/ranking?limit=100001"), 400, problem),
        (&format!("{audience}/ranking?limit=-1"), 400, problem),
        (&format!("{audience}/ranking?offset=x"), 400, problem),
        (&format!("{audience}/ranking?by=luck"), 400, problem),
        (&format!("{audience}/ranking?limits=5"), 400, problem),
        (&format!("{audience}/influencers/bob%2F1%20%C3%A9"), 200, json),
        (&format!("{audience}/influencers/eve"), 404, problem),
        (&format!("{audience}/influencers/%FF"), 400, problem),
        ("/api/v1/segments/fr/ranking", 404, problem),
        ("/api/v1/segments/fr/influencers/ana", 404, problem),
        ("/api/v1/segments/fr", 404, problem),
        ("/api/v2/status", 404, problem),
        ("/favicon.ico", 404, problem),
    ];
    for (path, status, kind) in cases {
        let (got, headers, body) = at.get(path, &[]);
        assert_eq!((got, headers.of("content-type")), (status, kind), "{path}: {body}");
        if status >= 400 {
            let said: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(said["status"], status, "{path}: {body}");
            assert!(!said["detail"].as_str().unwrap().is_empty(), "{path}: {body}");
        }
    }
}

#[test]
fn other_methods_are_refused_with_what_is_allowed() {
    let at = serving();
    for path in ["/metrics", "/api/v1/segments", "/"] {
        let answer = at.raw(&format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ));
        let lower = answer.to_lowercase();
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        assert!(lower.contains("\r\nallow: get,head\r\n"), "{answer}");
        assert!(lower.contains("application/problem+json"), "{answer}");
    }
}

#[test]
fn erasing_is_refused_unless_it_is_enabled() {
    let at = serving();
    let long = "x".repeat(257);
    for (actor, status, word) in
        [("ann", 403, "serve.erase"), ("%C3%A9%2F1", 403, "serve.erase"), (&long, 400, "256 bytes")]
    {
        let answer = at.raw(&format!(
            "DELETE /api/v1/actors/{actor} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("application/problem+json") && answer.contains(word), "{answer}");
    }
    let (status, headers, _) = at.get("/api/v1/actors/ann", &[]);
    assert_eq!((status, headers.of("allow")), (405, "DELETE"));
}

#[test]
fn a_ranking_has_the_shape_of_the_contract() {
    let at = serving();
    let said = at.json("/api/v1/segments/fr%2F%C3%A9t%C3%A9%20x/ranking?limit=2");
    assert_eq!(said["segment"], "fr/été x");
    assert_eq!(said["as_of"], 1_700_000_000_000_i64);
    assert_eq!(said["model"], "v2");
    assert_eq!(said["complete"], true);
    assert_eq!(said["active_audience"], 120.5);
    assert_eq!(said["lift_as_of"], 1_699_920_000_000_i64);
    assert_eq!(said["conversions"], 975);
    assert_eq!(said["organic_conversions"], 1.5);
    assert_eq!(said["organic_value"], 30.0);
    let influencers = said["influencers"].as_array().unwrap();
    assert_eq!(influencers.len(), 2);
    assert_eq!(influencers[0]["rank"], 1);
    assert_eq!(influencers[0]["influencer"], "ana");
    assert_eq!(influencers[0]["label"], "quiet");
    assert_eq!(influencers[0]["score"], 60.0);
    assert_eq!(influencers[0]["fans_by_bucket"], serde_json::json!([1, 2, 3, 4, 5, 6, 7]));
    assert_eq!(influencers[0]["lift"]["basis"], "self_controlled");
    assert_eq!(influencers[0]["lift"]["rate_ratio"], 1.9);
    assert_eq!(influencers[0]["declared_conversions"], 20.0);
    assert_eq!(influencers[1]["influencer"], "bob/1 é");
}

#[test]
fn a_reload_says_which_keys_differ_or_what_to_mend() {
    let at = serving();
    let ask = || {
        let request = ureq::post(format!("http://{}/-/reload", at.address()));
        let request = request.config().http_status_as_error(false).build();
        let mut answer = request.send_empty().unwrap();
        let body = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str::<Value>(&body).unwrap())
    };
    let (status, told) = ask();
    assert_eq!(status, 200, "{told}");
    let described = at.json("/api/v1/openapi.json");
    let schema = &described["components"]["schemas"]["Reloaded"];
    same_members(&described, schema, &told, "/-/reload");
    assert_eq!(told["after_restart"], serde_json::json!(["kafka.group"]));
    let (status, told) = ask();
    assert_eq!((status, &told["status"]), (400, &Value::from(400)), "{told}");
    assert_eq!(told["detail"], "sillage.yaml:3: export.top_k: 0 is not allowed");
    assert_eq!(at.get("/-/reload", &[]).0, 405);
}

#[test]
fn the_description_names_every_member_of_every_answer() {
    let at = serving();
    at.shifts.push(shift(1));
    let described = at.json("/api/v1/openapi.json");
    let paths: BTreeSet<_> = described["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(paths.len(), 13, "{paths:?}");
    // Events have no end; a test of their own reads them.
    let ends =
        |path: &String| described["paths"][path].get("get").is_some() && path != "/api/v1/events";
    for path in paths.into_iter().filter(ends) {
        let real =
            path.replace("{segment}", "fr%2F%C3%A9t%C3%A9%20x").replace("{influencer}", "ana");
        assert_eq!(at.get(&real, &[]).0, 200, "{path}");
        let schema = &described["paths"][&path]["get"]["responses"]["200"]["content"]["application/json"]
            ["schema"]["$ref"];
        let Some(schema) = schema.as_str() else { continue };
        let schema = described.pointer(schema.trim_start_matches('#')).unwrap();
        same_members(&described, schema, &at.json(&real), &path);
    }
}

/// Follows events and reads until `text` has come.
fn follow(at: &Serving, headers: &str, text: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(at.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let request =
        format!("GET /api/v1/events HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let said = read_until(&mut stream, text);
    (stream, said)
}

fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let (mut said, mut piece) = (String::new(), [0; 4096]);
    while !said.contains(text) {
        let count = stream.read(&mut piece).expect("more to come");
        assert!(count > 0, "it ended without {text:?}: {said}");
        said.push_str(std::str::from_utf8(&piece[..count]).unwrap());
    }
    said
}

#[test]
fn events_come_as_they_happen_and_can_be_resumed() {
    let mut at = serving();
    at.shifts.push(shift(1));
    let (mut first, said) = follow(&at, "", "retry: 2000\n\n");
    assert!(said.contains("\r\ncontent-type: text/event-stream\r\n"), "{said}");
    for number in 2..200 {
        at.shifts.push(shift(number));
    }
    let said = read_until(&mut first, "id: 00000000000000c7\nevent: shift\ndata: {");
    assert!(!said.contains("id: 0000000000000001\n"), "before it asked: {said}");
    let ids: Vec<_> = said.lines().filter(|line| line.starts_with("id: ")).collect();
    assert_eq!(ids.len(), 198, "each once");
    assert!(ids.is_sorted(), "in order");
    let last_seen = "last-event-id: 00000000000000c5\r\n";
    let (_second, said) = follow(&at, last_seen, "id: 00000000000000c7\n");
    assert!(said.contains("id: 00000000000000c6\n") && !said.contains("c5\n"), "{said}");
    let forgotten = "last-event-id: ffffffffffffffff\r\n";
    let (_third, said) = follow(&at, forgotten, "id: 00000000000000c7\n");
    assert!(said.contains("id: 0000000000000001\n"), "all that is remembered: {said}");
    let (_fourth, said) = follow(&at, "last-event-id: 7\r\n", "problem+json");
    assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
    let began = sillage::clock::instant();
    at.stop(Duration::from_secs(20));
    assert!(began.elapsed() < Duration::from_secs(5), "followers are let go");
}

#[test]
fn followers_are_bounded() {
    let at = serving();
    let followers: Vec<_> = (0..64).map(|_| follow(&at, "", "retry")).collect();
    let (status, _, body) = at.get("/api/v1/events", &[]);
    assert_eq!(status, 503, "{body}");
    assert_eq!(at.get("/-/healthy", &[]).0, 200);
    drop(followers);
    let deadline = sillage::clock::instant() + Duration::from_secs(20);
    while !at.raw_head("/api/v1/events").starts_with("HTTP/1.1 200 ") {
        assert!(sillage::clock::instant() < deadline, "places are given back");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// The members of `answer` are those of its schema, at every depth that is described.
fn same_members(described: &Value, schema: &Value, answer: &Value, place: &str) {
    let schema = match schema["$ref"].as_str() {
        Some(name) => described
            .pointer(name.trim_start_matches('#'))
            .expect("a reference must lead somewhere"),
        None => schema,
    };
    if let (Some(items), Some(first)) = (schema.get("items"), answer.get(0)) {
        return same_members(described, items, first, &format!("{place}[]"));
    }
    let Some(properties) = schema["properties"].as_object() else { return };
    let answer = answer.as_object().expect("what has properties must be an object");
    for (name, schema) in properties {
        assert!(answer.contains_key(name), "{place}: {name} is described and not there");
        same_members(described, schema, &answer[name], &format!("{place}.{name}"));
    }
    if schema["additionalProperties"] != true {
        for name in answer.keys() {
            assert!(properties.contains_key(name), "{place}: {name} is there and not described");
        }
    }
}

#[test]
fn the_status_is_what_the_daemon_says_and_what_is_known_here() {
    let said = serving().json("/api/v1/status");
    assert_eq!(said["lag_records"], 12, "given by the daemon");
    assert_eq!(said["version"], "1.2.3");
    assert_eq!(said["ready"], true, "the daemon cannot overwrite what is known here");
    assert_eq!(said["as_of"], 1_700_000_000_000_i64);
}

#[test]
fn readiness_gives_every_reason() {
    let at = serving();
    at.readiness.set("restoring", Some("2 of 6 partitions are being read".into()));
    at.readiness.set("broker", Some("127.0.0.1:9092 does not answer".into()));
    let (status, headers, body) = at.get("/-/ready", &[]);
    assert_eq!((status, headers.of("content-type")), (503, "application/problem+json"));
    let said: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(said["reasons"][0]["reason"], "broker");
    assert_eq!(said["reasons"][1]["detail"], "2 of 6 partitions are being read");
    assert!(at.get("/metrics", &[]).2.contains("\nsillage_ready 0.0\n"));
    assert_eq!(at.get("/-/healthy", &[]).0, 200);
    at.readiness.set("restoring", None);
    at.readiness.set("broker", None);
    assert_eq!(at.get("/-/ready", &[]).0, 200);
    assert!(at.get("/metrics", &[]).2.contains("\nsillage_ready 1.0\n"));
}

#[test]
fn metrics_come_in_the_format_and_coding_asked_for() {
    let at = serving();
    let (_, headers, plain) = at.get("/metrics", &[]);
    assert_eq!(headers.of("content-encoding"), "");
    assert_eq!(headers.of("vary"), "accept, accept-encoding");
    assert!(plain.contains("# TYPE sillage_http_requests_total counter\n"), "{plain}");
    assert!(plain.contains("\nprocess_resident_memory_bytes "), "{plain}");
    let (_, headers, open) = at.get("/metrics", &[("accept", OPEN_METRICS)]);
    assert_eq!(headers.of("content-type"), format!("{OPEN_METRICS}; charset=utf-8"));
    assert!(open.contains("# TYPE sillage_http_requests counter\n"), "{open}");
    assert!(open.ends_with("\n# EOF\n"), "{open}");
    let (headers, packed) = at.bytes("/metrics", &[("accept-encoding", "gzip")]);
    assert_eq!(headers.of("content-encoding"), "gzip");
    let mut read = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut read).unwrap();
    assert_eq!(scores(&read), scores(&plain));
}

/// The part of a scrape that depends on the view only.
fn scores(scrape: &str) -> &str {
    scrape.split("# HELP process_").next().unwrap_or_default()
}

#[test]
fn promtool_finds_nothing_to_say() {
    let at = serving();
    let scrape = at.get("/metrics", &[]).2;
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: there is no promtool here");
        return;
    };
    child.stdin.take().unwrap().write_all(scrape.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn ten_who_scrape_at_once_read_the_same_picture() {
    let at = serving();
    let read: Vec<_> = std::thread::scope(|scope| {
        let scrapers: Vec<_> = (0..10)
            .map(|_| scope.spawn(|| scores(&at.get("/metrics", &[]).2).to_owned()))
            .collect();
        scrapers.into_iter().map(|scraper| scraper.join().unwrap()).collect()
    });
    assert!(read.iter().all(|scrape| *scrape == read[0]));
    let after = at.get("/metrics", &[]).2;
    assert!(after.contains("sillage_scrape_render_seconds_count 10\n"), "each waited");
}

#[test]
fn requests_are_counted_by_route_and_not_by_path() {
    let at = serving();
    at.get("/api/v1/segments/nobody/ranking", &[]);
    at.get("/api/v1/segments/somebody/ranking", &[]);
    at.get("/some/where", &[]);
    let scrape = at.get("/metrics", &[]).2;
    let ranking = "handler=\"/api/v1/segments/{segment}/ranking\",method=\"GET\"}";
    for line in [
        &format!("{{code=\"200\",{ranking} 1.0"),
        &format!("{{code=\"404\",{ranking} 1.0"),
        "{code=\"404\",handler=\"other\",method=\"GET\"} 1.0",
        "{code=\"200\",handler=\"/-/ready\",method=\"GET\"} 0.0",
    ] {
        let line = format!("\nsillage_http_requests_total{line}\n");
        assert!(scrape.contains(&line), "{line} in {scrape}");
    }
}

#[test]
fn the_page_allows_its_own_script_only() {
    let (_, headers, page) = serving().get("/", &[]);
    let policy = headers.of("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'nonce-"), "{policy}");
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert!(page.contains(&format!("<script nonce=\"{nonce}\">")), "{nonce}");
    assert!(!page.contains("{{"), "nothing is left to fill in");
}

#[test]
fn a_port_that_is_taken_is_said_with_its_cause() {
    let at = serving();
    let config = Config { listen: at.address().to_string(), ..Config::default() };
    let Err(error) = at.second(&config) else { panic!("two servers on one port") };
    let said = format!("{:#}", anyhow::Error::from(error));
    assert!(said.contains(&at.address().to_string()), "{said}");
    assert!(said.contains("Address already in use"), "{said}");
}

#[test]
fn who_sends_no_request_is_cut_off() {
    let config =
        Config { header_timeout: sillage::config::Duration::from_millis(200), ..Config::default() };
    let at = Serving::with(&config, vec![]);
    for begun in ["", "GET / HTTP/1.1\r\nhost"] {
        let mut stream = TcpStream::connect(at.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(begun.as_bytes()).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap_or_else(|e| panic!("{begun:?} is still open: {e}"));
    }
}

#[test]
fn more_connections_than_allowed_wait_for_their_turn() {
    let config = Config { max_connections: 1, ..Config::default() };
    let at = Serving::with(&config, vec![]);
    let first = TcpStream::connect(at.address()).unwrap();
    let mut second = TcpStream::connect(at.address()).unwrap();
    second.write_all(b"GET /-/healthy HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    second.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut byte = [0];
    assert!(second.read(&mut byte).is_err(), "served beside the first");
    drop(first);
    second.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn stopping_does_not_wait_for_the_idle() {
    let mut at = serving();
    let mut idle = TcpStream::connect(at.address()).unwrap();
    idle.write_all(b"GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = [0; 64];
    assert!(idle.read(&mut answer).unwrap() > 0);
    let start = sillage::clock::instant();
    at.stop(Duration::from_secs(10));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(TcpStream::connect(at.address()).is_err(), "it still listens");
}

#[test]
fn stopping_cuts_what_does_not_end_in_time() {
    let mut at = serving();
    let mut slow = TcpStream::connect(at.address()).unwrap();
    slow.write_all(b"GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\nGET /-/he").unwrap();
    let mut answer = [0; 64];
    assert!(slow.read(&mut answer).unwrap() > 0, "it is served");
    let start = sillage::clock::instant();
    at.stop(Duration::from_millis(300));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    slow.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut rest = Vec::new();
    let ended = slow.read_to_end(&mut rest);
    let timed_out = |e: &std::io::Error| e.kind() == std::io::ErrorKind::WouldBlock;
    assert!(!ended.as_ref().is_err_and(timed_out), "{ended:?}");
}

#[test]
fn a_server_answers_as_soon_as_it_has_started() {
    fn send<T: Send + Sync>() {}
    send::<Server>();
    assert_eq!(serving().get("/-/healthy", &[]).2, "healthy\n");
}
