//! The page in a real browser shows what the API tells.

use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::process::Daemon;
use crate::support::kafka::{Event, Kafka, poll};

const WITHIN: Duration = Duration::from_secs(30);
const ROWS: usize = 25;

/// A name and a segment that would be more than text, were they taken for markup.
const NAME: &str = "<img src=x onerror=\"document.title='taken'\">&amp;";
const SEGMENT: &str = "<b>\"s\"</b>";

/// Looks at the page as somebody does who follows a campaign.
pub(crate) fn shows_what_the_api_tells(kafka: &Kafka, topic: &str, daemon: &Daemon, address: &str) {
    let browser = Browser::start();
    browser.open(&format!("http://{address}/"));
    let segment = largest(&daemon.json("/api/v1/segments"));
    shows_ranking(&browser, &daemon.json(&ranking(&segment, "influence")));
    assert_eq!(browser.texts("#status .state"), ["ready"]);
    shows_shifts(&browser, &daemon.json("/api/v1/shifts?limit=50"));

    browser.click("#by input", 1);
    shows_ranking(&browser, &daemon.json(&ranking(&segment, "popularity")));
    explains(&browser, daemon, &segment);

    // Whoever is told of a shift comes by such a link.
    let shift = daemon.json("/api/v1/shifts?limit=1")["shifts"][0].clone();
    let (of, influencer) = (text(&shift["segment"]), text(&shift["influencer"]));
    let link = format!("http://{address}/?segment={}&influencer={}", enc(of), enc(influencer));
    browser.open(&link);
    shows_ranking(&browser, &daemon.json(&ranking(of, "influence")));
    await_why(&browser, influencer);

    takes_names_for_text(kafka, topic, daemon, &browser);
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:?}");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// For a path or a query.
fn enc(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02x}"))
}

fn ranking(segment: &str, by: &str) -> String {
    format!("/api/v1/segments/{}/ranking?by={by}&limit=250", enc(segment))
}

fn largest(segments: &Value) -> String {
    let audience = |one: &&Value| one["active_audience"].as_f64().unwrap();
    let segments = segments["segments"].as_array().unwrap();
    let largest = segments.iter().max_by(|a, b| audience(a).total_cmp(&audience(b))).unwrap();
    text(&largest["segment"]).to_owned()
}

fn shows_ranking(browser: &Browser, told: &Value) {
    let told = told["influencers"].as_array().unwrap();
    let rows = &told[..told.len().min(ROWS)];
    let names: Vec<&str> = rows.iter().map(|one| text(&one["influencer"])).collect();
    poll("the ranking on the page", WITHIN, || {
        (browser.texts("#rows .who button") == names).then_some(())
    });
    let scores: Vec<String> =
        rows.iter().map(|one| format!("{:.1}", one["score"].as_f64().unwrap())).collect();
    assert_eq!(browser.texts("#rows .score"), scores);
    let labels: Vec<&str> = rows.iter().map(|one| text(&one["label"])).collect();
    assert_eq!(browser.texts("#rows .label"), labels);
    assert_eq!(browser.texts("#plot circle").len(), told.len(), "a dot each");
}

fn shows_shifts(browser: &Browser, told: &Value) {
    let told: Vec<&str> =
        told["shifts"].as_array().unwrap().iter().map(|one| text(&one["summary"])).collect();
    assert!(!told.is_empty());
    poll("the shifts on the page", WITHIN, || {
        let mut shown = browser.texts("#shifts span");
        let mut told = told.clone();
        shown.sort();
        told.sort_unstable();
        (shown == told).then_some(())
    });
    assert_eq!(browser.texts("#live"), ["live"]);
}

fn await_why(browser: &Browser, influencer: &str) {
    let heading = format!("Why {influencer} scores ");
    poll("the reasons on the page", WITHIN, || {
        browser.texts("#why h2").first().filter(|said| said.starts_with(&heading)).map(drop)
    });
}

/// The third of the ranking is asked about.
fn explains(browser: &Browser, daemon: &Daemon, segment: &str) {
    browser.click("#rows tr", 2);
    let influencer = browser.texts("#rows .who button").remove(2);
    await_why(browser, &influencer);
    let at = format!("/api/v1/segments/{}/influencers/{}", enc(segment), enc(&influencer));
    let told = daemon.json(&at);
    let said = browser.texts("#why > p");
    for part in told["parts"].as_array().unwrap() {
        let explanation = text(&part["explanation"]);
        assert!(said.iter().any(|said| said == explanation), "{explanation} is not in {said:?}");
    }
}

fn takes_names_for_text(kafka: &Kafka, topic: &str, daemon: &Daemon, browser: &Browser) {
    let time = &daemon.json("/api/v1/status")["as_of"];
    let event = json!({
        "kind": "retweet", "actor": "fan", "target": NAME, "time": time, "segments": [SEGMENT],
    });
    let event = event.to_string();
    let record = Event { key: Some("fan"), payload: Some(event.as_bytes()), log_time_ms: None };
    kafka.produce(topic, [record]);
    poll("the segment on the page", WITHIN, || {
        browser.texts("#segment option").contains(&SEGMENT.to_owned()).then_some(())
    });
    browser.run(&format!(
        "const choice = document.getElementById('segment'); choice.value = {}; \
         choice.dispatchEvent(new Event('change'));",
        json!(SEGMENT)
    ));
    shows_ranking(browser, &daemon.json(&ranking(SEGMENT, "influence")));
    await_why(browser, NAME);
    assert!(browser.texts("main img, main b b").is_empty(), "a name became markup");
}
