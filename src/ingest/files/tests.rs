//! Streams as they lie on disk, read back: kinds of files, broken files, long lines.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::*;
use crate::ingest::format::Decoder;
use crate::model::{Batch, Reason, Secret};

fn decoder() -> Decoder {
    Decoder::new(Secret::new(1), &BTreeMap::new(), &BTreeMap::new())
}

fn write(directory: &Path, name: &str, content: &[u8]) -> Source {
    let path: PathBuf = directory.join(name);
    fs::write(&path, content).expect("the file can be written");
    Source::File(path)
}

/// Lines of likes of a target that counts up from 0.
fn likes(count: usize) -> String {
    let line = |n| format!(r#"{{"kind":"like","actor":"u{}","target":"t{n}"}}"#, n % 97) + "\n";
    (0..count).map(line).collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).expect("memory takes it")
}

fn targets(batch: &Batch<'_>) -> Vec<String> {
    let name = |i: &crate::model::Interaction<'_>| i.target.as_ref().map(|t| t.name.to_string());
    batch.interactions().iter().filter_map(name).collect()
}

type Outcome = (Vec<String>, Vec<(i64, Reason)>);

/// Targets in order, and the lines rejected.
fn read(sources: Vec<Source>, columns: Option<&str>) -> Result<Outcome, FileError> {
    let table = |names: &str| Shape::Table(names.parse().expect("the columns are right"));
    read_shaped(sources, columns.map_or(Shape::ByName, table))
}

fn read_shaped(sources: Vec<Source>, shape: Shape) -> Result<Outcome, FileError> {
    let mut reader = Reader::new(sources, shape)?;
    let (mut block, decoder) = (Block::default(), decoder());
    let (mut events, mut rejected) = (Vec::new(), Vec::new());
    while reader.next_block(&mut block)? {
        let found = block.decode(&decoder, 1, 0);
        events.extend(found.batches.iter().flat_map(targets));
        let lines = found.rejected.iter().map(|r| &r.rejection);
        rejected.extend(lines.map(|r| (r.position.offset, r.reason)));
    }
    Ok((events, rejected))
}

fn counted(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("t{n}")).collect()
}

#[test]
fn compression_is_seen_by_content() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = likes(1_000);
    let (head, tail) = text.split_at(text.len() / 3);
    for (name, content) in [
        ("plain.ndjson", text.clone().into_bytes()),
        ("no-last-newline", text.trim_end().as_bytes().to_vec()),
        ("windows", text.replace('\n', "\r\n").into_bytes()),
        ("marked", format!("\u{feff}{text}").into_bytes()),
        ("a.gz", gzip(text.as_bytes())),
        ("misnamed.json", gzip(text.as_bytes())),
        ("two-members.gz", [gzip(head.as_bytes()), gzip(tail.as_bytes())].concat()),
        ("a.zst", zstd(text.as_bytes())),
        ("two-frames.zst", [zstd(head.as_bytes()), zstd(tail.as_bytes())].concat()),
    ] {
        let read = read(vec![write(directory.path(), name, &content)], None).expect(name);
        assert_eq!(read, (counted(1_000), vec![]), "{name}");
    }
}

#[test]
fn sources_follow_each_other_and_count_their_own_lines() {
    let directory = tempfile::tempdir().expect("a directory");
    let one = write(directory.path(), "one", format!("{}\n \nx\n", likes(2)).as_bytes());
    let empty = write(directory.path(), "empty", b"");
    let two = write(directory.path(), "two", b"y\n\xff");
    let (events, rejected) = read(vec![one, empty, two], None).expect("readable");
    assert_eq!(events, ["t0", "t1"]);
    assert_eq!(rejected, [(5, Reason::Parse), (1, Reason::Parse), (2, Reason::Parse)]);
}

#[test]
fn blocks_cut_no_event_and_drop_long_lines() {
    let directory = tempfile::tempdir().expect("a directory");
    let many = likes(100_000);
    assert!(many.len() > 2 * BLOCK_BYTES);
    let long = |bytes: usize| format!("{{\"x\":\"{}\"}}\n", "x".repeat(bytes));
    for bytes in [RECORD_BYTES_MAX, 2 * BLOCK_BYTES, 3 * BLOCK_BYTES + 17] {
        let text = format!("{}{many}", long(bytes));
        let (events, rejected) =
            read(vec![write(directory.path(), "long", text.as_bytes())], None).expect("readable");
        assert_eq!(events, counted(100_000));
        assert_eq!(rejected, [(1, Reason::TooLarge)], "{bytes}");
    }
    let text = format!("{many}{}", "x".repeat(3 * BLOCK_BYTES));
    let read = read(vec![write(directory.path(), "end", text.as_bytes())], None).expect("readable");
    assert_eq!(read, (counted(100_000), vec![(100_001, Reason::TooLarge)]));
}

#[test]
fn a_block_stays_small_while_a_line_does_not_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let source = write(directory.path(), "endless", &vec![b'x'; 8 * BLOCK_BYTES]);
    let mut reader = Reader::new(vec![source], Shape::ByName).expect("it exists");
    let mut block = Block::default();
    assert!(reader.next_block(&mut block).expect("readable"));
    assert!(!reader.next_block(&mut block).expect("readable"));
    assert!(block.bytes.capacity() <= 2 * BLOCK_BYTES, "{}", block.bytes.capacity());
    assert_eq!(reader.progress().bytes_read(), 8 * BLOCK_BYTES as u64);
    assert_eq!(reader.progress().bytes_total(), Some(8 * BLOCK_BYTES as u64));
}

#[test]
fn tables_are_read_by_their_header() {
    let directory = tempfile::tempdir().expect("a directory");
    let plain = "target,kind,actor,segments,time\nt0,like,a,x|y,1341100972\n\"t,\n1\",like,b,,\n";
    let other = plain.replacen("target", "to", 1).replacen("actor", "who", 1);
    let expected = ["t0", "t,\n1"];
    for (name, content, columns) in [
        ("a.csv", plain.as_bytes().to_vec(), None),
        ("A.CSV.GZ", gzip(plain.as_bytes()), None),
        ("a.csv.zst", zstd(plain.as_bytes()), None),
        ("marked.csv", format!("\u{feff}{plain}").into_bytes(), None),
        ("other", other.into_bytes(), Some("actor=who,target=to")),
    ] {
        let (events, rejected) =
            read(vec![write(directory.path(), name, &content)], columns).expect(name);
        assert_eq!((&events[..], rejected), (&expected.map(str::to_owned)[..], vec![]), "{name}");
    }
}

#[test]
fn rows_are_rejected_as_lines_are() {
    let directory = tempfile::tempdir().expect("a directory");
    let long = "x".repeat(2 * RECORD_BYTES_MAX);
    let text = format!(
        "kind,actor,target,time,value,segments\n\
         like,a,b\n\
         shout,a,b\n\
         like,a,a\n\
         like,a\n\
         like,,b\n\
         like,a,b,soon\n\
         like,a,b,,much\n\
         conversion,a,,,NaN\n\
         like,a,b,,,x||y\n\
         like,a,{long}\n\
         {}\n\
         like,a,c\n",
        ",".repeat(5_000)
    );
    let source = write(directory.path(), "a.csv", text.as_bytes());
    let (events, rejected) = read(vec![source], None).expect("readable");
    assert_eq!(events, ["b", "c"]);
    let expected = [
        (3, Reason::UnknownKind),
        (4, Reason::SelfInteraction),
        (5, Reason::MissingField),
        (6, Reason::MissingField),
        (7, Reason::BadValue),
        (8, Reason::Parse),
        (9, Reason::BadValue),
        (10, Reason::BadValue),
        (11, Reason::TooLarge),
        (12, Reason::TooLarge),
    ];
    assert_eq!(rejected, expected);
}

#[test]
fn what_cannot_be_read_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let cut = gzip(likes(1_000).as_bytes());
    let cut = write(directory.path(), "cut.gz", &cut[..cut.len() / 2]);
    let no_gzip = write(directory.path(), "no.gz", b"{}");
    let no_column = write(directory.path(), "no.csv", b"a,b\n1,2\n");
    let absent = Source::File(directory.path().join("absent"));
    let folder = Source::File(directory.path().to_owned());
    for (source, expected) in [
        (cut, "cannot read DIR/cut.gz"),
        (no_gzip, "cannot open DIR/no.gz"),
        (no_column, "cannot read DIR/no.csv as a table"),
        (absent, "cannot open DIR/absent"),
        (folder, "cannot open DIR"),
    ] {
        let error = read(vec![source], None).expect_err(expected);
        let directory = directory.path().display().to_string();
        assert_eq!(error.to_string().replace(&directory, "DIR"), expected);
    }
}

#[test]
fn shards_see_their_actors_in_order_whatever_their_number() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = format!("nonsense\n{}", likes(100_000));
    let path = write(directory.path(), "many", text.as_bytes());
    for width in [1, 2, 3, 7] {
        let reader = Reader::new(vec![path.clone()], Shape::ByName).expect("it exists");
        let mut shards = vec![Vec::new(); width];
        let mut rejected = 0;
        let apply = |shard: &mut Vec<(u64, usize)>, batch: &Batch<'_>| {
            let numbers = targets(batch).into_iter().map(|t| t[1..].parse().expect("a number"));
            shard.extend(batch.interactions().iter().map(|i| i.actor.0).zip(numbers));
        };
        spread(reader, &decoder(), &mut shards, apply, |_| rejected += 1).expect("readable");
        assert_eq!(rejected, 1);
        assert_eq!(shards.iter().map(Vec::len).sum::<usize>(), 100_000);
        let mut home = BTreeMap::new();
        for (index, shard) in shards.iter().enumerate() {
            assert!(shard.is_sorted_by_key(|(_, number)| *number), "shard {index} of {width}");
            for (actor, _) in shard {
                assert_eq!(*home.entry(*actor).or_insert(index), index);
            }
        }
        assert!(width == 1 || shards.iter().filter(|shard| !shard.is_empty()).count() > 1);
    }
}

#[test]
fn what_precedes_an_error_is_applied() {
    let directory = tempfile::tempdir().expect("a directory");
    let good = write(directory.path(), "good", likes(10).as_bytes());
    let folder = Source::File(directory.path().to_owned());
    let reader = Reader::new(vec![good, folder], Shape::ByName).expect("both exist");
    let mut shards = [0, 0, 0];
    let apply = |count: &mut usize, batch: &Batch<'_>| *count += batch.len();
    let result = spread(reader, &decoder(), &mut shards, apply, |_| ());
    assert!(matches!(result, Err(FileError::Open { .. })), "{result:?}");
    assert_eq!(shards.iter().sum::<usize>(), 10);
}

#[test]
fn dead_letters_give_the_records_that_are_in_them() {
    use crate::ingest::dead_letter::{DeadLetter, FileSink, Sink};
    use crate::model::{Position, Rejection};

    let directory = tempfile::tempdir().expect("a folder");
    let path = directory.path().join("dead.ndjson");
    let letter = |offset, payload: Option<&[u8]>| DeadLetter {
        rejection: Rejection {
            position: Position { topic: "t".into(), partition: 3, offset },
            reason: Reason::TooNew,
        },
        key: None,
        payload: payload.map(Into::into),
        time_ms: 7,
    };
    let event = br#"{"kind":"like","actor":"a","target":"t0"}"#;
    let letters = [letter(5, Some(event)), letter(6, None), letter(7, Some(b"\xff\xfe"))];
    FileSink::open(&path).expect("opened").write(&letters).expect("written");
    let mut text = fs::read(&path).expect("readable");
    text.extend_from_slice(b"no letter\n");
    fs::write(&path, text).expect("writable");
    let (events, rejected) =
        read_shaped(vec![Source::File(path)], Shape::Letters).expect("readable");
    assert_eq!(events, ["t0"]);
    let lines: Vec<i64> = rejected.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3, 4]);
}
