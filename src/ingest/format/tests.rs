//! Events as they come, right and wrong, each decoded by the scanner and by the general decoder.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::{Kind, Secret};

const SECRET: Secret = Secret::new(7);
const LOG_MS: i64 = 1_700_000_000_000;

/// What a record became, in terms that can be compared.
#[derive(Debug, PartialEq)]
struct Decoded {
    kind: Kind,
    time_ms: i64,
    actor: u64,
    target: Option<String>,
    id: Option<u64>,
    segments: Vec<String>,
    value: f64,
    unpriced: bool,
    refers: Option<u64>,
}

fn decoder() -> Decoder {
    let codes = BTreeMap::from([("ADA10".to_owned(), "ada".to_owned())]);
    let currencies = BTreeMap::from([("EUR".to_owned(), 2.0)]);
    Decoder::new(SECRET, &codes, &currencies)
}

fn contents(batch: &Batch<'_>) -> Vec<Decoded> {
    let decoded = |i: &crate::model::Interaction<'_>| Decoded {
        kind: i.kind,
        time_ms: i.time_ms,
        actor: i.actor.0,
        target: i.target.as_ref().map(|t| t.name.to_string()),
        id: i.id,
        segments: batch.segments(i).iter().map(ToString::to_string).collect(),
        value: i.value,
        unpriced: i.unpriced,
        refers: i.refers,
    };
    batch.interactions().iter().map(decoded).collect()
}

fn decode(payload: &[u8]) -> Result<Decoded, Reason> {
    let record = Record { payload: Some(payload), key: None, log_time_ms: LOG_MS };
    let mut batch = Batch::default();
    decoder().decode(&record, &mut batch).map(|_| contents(&batch).remove(0))
}

/// Where the scanner recognises a text, it and the general decoder read the same.
fn scanner_agrees(text: &str) -> bool {
    let mut batch = Batch::default();
    let mut scanned = Fields::default();
    if scan::read(text, &mut scanned, &mut batch).is_err() {
        return false;
    }
    let scanned = (format!("{scanned:?}"), pending(batch));
    let mut batch = Batch::default();
    let general = canonical::fields(text, &mut batch).expect(text);
    let general = (format!("{general:?}"), pending(batch));
    assert_eq!(scanned, general, "{text}");
    true
}

/// The segments that wait in `batch`.
fn pending(mut batch: Batch<'_>) -> Vec<String> {
    batch.push(crate::model::Interaction {
        kind: Kind::Like,
        time_ms: 0,
        log_time_ms: 0,
        actor: SECRET.account(""),
        target: None,
        id: None,
        segments: (0, 0),
        value: 0.0,
        refers: None,
        unpriced: false,
        campaign: crate::model::CampaignPlace::default(),
    });
    contents(&batch).remove(0).segments
}

#[test]
fn every_field_is_read() {
    let payload = br#"{"id":"e1","kind":"refund","time":1341100972123,"actor":"u1",
        "target":"caf\u00e9","segments":["a","b"],"campaign":"spring","value":12.5,
        "currency":"EUR","refers":"e0"}"#;
    let decoded = decode(payload).expect("the event is right");
    let expected = Decoded {
        kind: Kind::Refund,
        time_ms: 1_341_100_972_123,
        actor: SECRET.account("u1").0,
        target: Some("café".to_owned()),
        id: Some(SECRET.event_id("e1")),
        segments: vec!["a".to_owned(), "b".to_owned()],
        value: 25.0,
        unpriced: false,
        refers: Some(SECRET.event_id("e0")),
    };
    assert_eq!(decoded, expected);
}

#[test]
fn reasons() {
    use Reason::*;
    let long = "x".repeat(257);
    let many = (0..17).map(|n| format!("\"s{n}\"")).collect::<Vec<_>>().join(",");
    let like = |fields: &str| format!(r#"{{"kind":"like","actor":"a","target":"b",{fields}}}"#);
    let cases = [
        (String::new(), Parse),
        ("null".into(), Parse),
        ("[]".into(), Parse),
        (r#"["like","a","b"]"#.into(), Parse),
        (r#"{"kind":"like","actor":"a","target":"b"} x"#.into(), Parse),
        (r#"{"kind":"like","actor":"a","target":"b",}"#.into(), Parse),
        (r#"{"kind":"like","actor":"a","target":"b""#.into(), Parse),
        (r#"{"kind":"like","actor":5,"target":"b"}"#.into(), Parse),
        ("{\"kind\":\"like\",\"actor\":\"a\nb\",\"target\":\"b\"}".into(), Parse),
        (like(r#""time":true"#), Parse),
        (like(r#""time":01"#), Parse),
        (like(r#""id":1.5"#), Parse),
        (like(r#""value":"12""#), Parse),
        (like(r#""segments":"a""#), Parse),
        (like(r#""segments":["a",null]"#), Parse),
        (like(r#""other":"\ud800x"#), Parse),
        ("{}".into(), MissingField),
        (r#"{"actor":"a","target":"b"}"#.into(), MissingField),
        (r#"{"kind":"like","target":"b"}"#.into(), MissingField),
        (r#"{"kind":"like","actor":"a"}"#.into(), MissingField),
        (r#"{"kind":"like","actor":"a","target":null}"#.into(), MissingField),
        (r#"{"kind":"like","actor":"a","code":"ADA10"}"#.into(), MissingField),
        (r#"{"kind":"Like"}"#.into(), UnknownKind),
        (r#"{"kind":"","actor":"a","target":"a"}"#.into(), UnknownKind),
        (like(r#""target":"a","time":-1"#), SelfInteraction),
        (r#"{"kind":"conversion","actor":"ada","code":"ADA10"}"#.into(), SelfInteraction),
        (like(r#""time":-1"#), BadValue),
        (like(r#""time":"soon""#), BadValue),
        (like(r#""time":1e300"#), BadValue),
        (like(r#""target":"""#), BadValue),
        (like(r#""actor":"""#), BadValue),
        (like(r#""segments":["a",""]"#), BadValue),
        (like(r#""value":-1"#), BadValue),
        (like(&format!(r#""actor":"{long}""#)), TooLarge),
        (like(&format!(r#""target":"{long}""#)), TooLarge),
        (like(&format!(r#""id":"{long}""#)), TooLarge),
        (format!(r#"{{"kind":"refund","actor":"a","refers":"{long}"}}"#), TooLarge),
        (r#"{"kind":"refund","actor":"a","refers":1.5}"#.into(), Parse),
        (r#"{"kind":"refund","actor":"a","currency":5}"#.into(), Parse),
        (r#"{"kind":"conversion","actor":"a","value":6e14,"currency":"EUR"}"#.into(), BadValue),
        (r#"{"kind":"refund","actor":"a","value":1.1e15}"#.into(), BadValue),
        (like(&format!(r#""segments":["{long}"]"#)), TooLarge),
        (like(&format!(r#""segments":[{many}]"#)), TooLarge),
        (" ".repeat(RECORD_BYTES_MAX + 1), TooLarge),
    ];
    for (text, reason) in cases {
        assert_eq!(decode(text.as_bytes()), Err(reason), "{text}");
    }
    assert_eq!(decode(b"{\"kind\":\"like\",\"actor\":\"a\xff\",\"target\":\"b\"}"), Err(Parse));
    let mut batch = Batch::default();
    let tombstone = Record { payload: None, key: None, log_time_ms: LOG_MS };
    assert_eq!(decoder().decode(&tombstone, &mut batch), Err(Parse));
}

#[test]
fn what_may_be_left_out_or_spelled_otherwise() {
    let base = decode(br#"{"kind":"like","actor":"a","target":"b"}"#).expect("right");
    assert_eq!((base.time_ms, base.id, base.value), (LOG_MS, None, 0.0));
    let same = [
        r#" { "kind" : "like" , "actor" : "a" , "target" : "b" } "#,
        r#"{"\u006bind":"like","actor":"\u0061","target":"b"}"#,
        r#"{"kind":"like","actor":"a","target":"b","time":null,"id":null,"segments":null}"#,
        r#"{"kind":"like","actor":"a","target":"b","id":"","segments":[],"value":null}"#,
        r#"{"kind":"view","actor":"x","segments":["x"],"kind":"like","actor":"a","target":"b","segments":[]}"#,
        r#"{"post":{"a":[1,{}]},"kind":"like","actor":"a","target":"b","via":[[]],"n":1e999}"#,
    ];
    for text in same {
        assert_eq!(decode(text.as_bytes()).as_ref(), Ok(&base), "{text}");
    }
    let with_id = |id: &str| {
        let text = format!(r#"{{"kind":"like","actor":"a","target":"b","id":{id}}}"#);
        decode(text.as_bytes()).expect("right").id
    };
    assert_eq!(with_id("123"), with_id("\"123\""));
    assert_eq!(with_id("-9223372036854775808"), with_id("\"-9223372036854775808\""));
    assert_ne!(with_id("123"), with_id("124"));
}

#[test]
fn a_code_declares_the_target_of_a_conversion() {
    let target = |text: &str| decode(text.as_bytes()).expect("right").target;
    let conversion = |fields: &str| format!(r#"{{"kind":"conversion","actor":"a",{fields}}}"#);
    assert_eq!(target(&conversion(r#""code":"ADA10""#)).as_deref(), Some("ada"));
    assert_eq!(target(&conversion(r#""code":"EVE""#)), None);
    assert_eq!(target(&conversion(r#""code":"ADA10","target":"eve""#)).as_deref(), Some("eve"));
}

#[test]
fn only_sales_and_what_takes_them_back_have_a_price() {
    let priced = |kind: &str, currency: &str| {
        let text = format!(
            r#"{{"kind":"{kind}","actor":"a","target":"b","value":10,"currency":{currency}}}"#
        );
        decode(text.as_bytes()).map(|event| (event.value, event.unpriced)).expect("right")
    };
    for (kind, currency, expected) in [
        ("conversion", r#""EUR""#, (20.0, false)),
        ("refund", r#""EUR""#, (20.0, false)),
        ("conversion", r#""USD""#, (0.0, true)),
        ("refund", r#""USD""#, (0.0, true)),
        ("conversion", "null", (10.0, false)),
        ("conversion", r#""""#, (10.0, false)),
        ("like", r#""USD""#, (10.0, false)),
    ] {
        assert_eq!(priced(kind, currency), expected, "{kind} {currency}");
    }
}

#[test]
fn only_a_refund_refers_to_a_sale() {
    let refers = |fields: &str| {
        let text = format!(r#"{{"actor":"a","target":"b",{fields}}}"#);
        decode(text.as_bytes()).expect("right").refers
    };
    let long = "x".repeat(257);
    for (fields, expected) in [
        (r#""kind":"refund","refers":"e1""#, Some("e1")),
        (r#""kind":"refund","refers":"\u00651""#, Some("e1")),
        (r#""kind":"refund","refers":17"#, Some("17")),
        (r#""kind":"refund","refers":"""#, None),
        (r#""kind":"refund","refers":null"#, None),
        (r#""kind":"conversion","refers":"e1""#, None),
        (&format!(r#""kind":"like","refers":"{long}""#), None),
    ] {
        assert_eq!(refers(fields), expected.map(|id| SECRET.event_id(id)), "{fields}");
    }
}

#[test]
fn nesting_does_not_reach_the_stack() {
    let depth = 400_000;
    let text = format!(
        r#"{{"x":{}{},"kind":"like","actor":"a","target":"b"}}"#,
        "[".repeat(depth),
        "]".repeat(depth)
    );
    assert!(decode(text.as_bytes()).is_ok());
}

#[test]
fn a_rejected_record_leaves_no_segments_behind() {
    let mut batch = Batch::default();
    let (decoder, key) = (decoder(), None);
    let bad = br#"{"kind":"like","actor":"a","segments":["x"]}"#;
    let good = br#"{"kind":"like","actor":"a","target":"b","segments":["y"]}"#;
    for (payload, ok) in [(&bad[..], false), (&good[..], true)] {
        let record = Record { payload: Some(payload), key, log_time_ms: LOG_MS };
        assert_eq!(decoder.decode(&record, &mut batch).is_ok(), ok);
    }
    assert_eq!(contents(&batch).remove(0).segments, ["y"]);
}

#[test]
fn the_key_is_compared_with_the_actor() {
    let payload = Some(&br#"{"kind":"like","actor":"a","target":"b"}"#[..]);
    for (key, expected) in [
        (None, Keyed::Not),
        (Some(&b"a"[..]), Keyed::ByActor),
        (Some(&b"b"[..]), Keyed::ByAnother),
        (Some(&b""[..]), Keyed::ByAnother),
    ] {
        let record = Record { payload, key, log_time_ms: LOG_MS };
        assert_eq!(decoder().decode(&record, &mut Batch::default()), Ok(expected));
    }
}

#[test]
fn the_scanner_knows_the_common_shapes() {
    for text in [
        r#"{"id":"h0","kind":"mention","time":1341100972000,"actor":"u2","target":"u3","segments":["higgs"]}"#,
        r#"{"id": 17, "kind": "like", "actor": "é", "target": "☃", "time": "2012-07-01T00:02:52Z"}"#,
        "{\"kind\":\"like\",\n \"via\":null,\"has_link\":true,\"is_question\":false}\n",
        r#"{"kind":"conversion","value":20,"code":"x","segments":["a","b"],"segments":["c"]}"#,
        r#"{"kind":"refund","value":20,"currency":"EUR","refers":"e1","currency":null,"refers":7}"#,
    ] {
        assert!(scanner_agrees(text), "{text}");
    }
}

#[test]
fn the_scanner_leaves_the_rest_to_the_general_decoder() {
    for text in [
        "{}",
        r#"{"kind":"li\u006be"}"#,
        r#"{"time":18446744073709551616}"#,
        r#"{"value":1.5}"#,
        r#"{"value":1e3}"#,
        r#"{"value":-1}"#,
        r#"{"post":{}}"#,
        r#"{"actor":1}"#,
    ] {
        let scanned = scan::read(text, &mut Fields::default(), &mut Batch::default());
        assert_eq!(scanned.err(), Some(scan::Unfamiliar), "{text}");
    }
}

/// JSON-like text: mostly right events, with fields repeated, of wrong types, or odd.
fn event() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "id", "kind", "time", "actor", "target", "code", "value", "currency", "refers", "segments",
        "post", "\\u0069d",
    ]);
    let value = prop_oneof![
        4 => "[a-zé]{0,12}".prop_map(|s| format!("\"{s}\"")),
        2 => prop::sample::select(vec![
            "\"like\"", "\"view\"", "\"conversion\"", "null", "true", "false", "[]", "{}",
            "[\"a\",\"b\"]", "[ \"a\" , null ]", "[1]", "\"\\n\"", "\"\\ud800\"", "-0", "01",
            "1e3", "1.5", "-7", "18446744073709551616", "9007199254740993", "nul", "\"a",
            "\"2012-07-01T00:02:52Z\"", "tru", "[\"a\",]", "[[[]]]", "999999999999999999",
        ]).prop_map(str::to_owned),
        2 => any::<i64>().prop_map(|n| n.to_string()),
        1 => any::<f64>().prop_map(|x| format!("{x:e}")),
    ];
    let space = prop::sample::select(vec!["", "", "", " ", "\n", "\t\r"]);
    let field = (name, value, space).prop_map(|(n, v, s)| format!("{s}\"{n}\"{s}:{s}{v}{s}"));
    prop::collection::vec(field, 0..9).prop_map(|fields| format!("{{{}}}", fields.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn scanner_and_general_decoder_agree(text in event()) {
        scanner_agrees(&text);
    }

    #[test]
    fn they_agree_on_mutations(text in event(), at in any::<prop::sample::Index>(), with in any::<char>(), keep in any::<bool>()) {
        let mut chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        if keep { chars.insert(at, with) } else { chars.remove(at); }
        scanner_agrees(&chars.into_iter().collect::<String>());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(decode(&bytes).is_err());
    }
}
