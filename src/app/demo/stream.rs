//! What the demo is fed with: a campaign that ended before today, or recorded streams.
//!
//! Invariant: events come in the order of the stream, and no more than a day or a block of them
//! is in memory.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::campaign::{Campaign, Plan};
use crate::ingest::files::{Block, Reader, Shape, Source};
use crate::ingest::format::glance;

const PEOPLE: u32 = 20_000;
const DAY_SECONDS: f64 = 86_400.0;
/// How long recorded streams take if nobody says how fast.
const MINUTE_SECONDS: f64 = 60.0;

pub(super) enum Stream {
    Campaign { plan: Plan, campaign: Box<Campaign>, speed: f64 },
    Recorded { files: Vec<PathBuf>, extent: Option<Extent>, speed: f64 },
}

/// How much a recorded stream holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Extent {
    pub events: u64,
    /// From the smallest to the largest event time.
    pub span_seconds: f64,
}

/// One event, as it is to be written to the log.
pub(super) struct Event<'a> {
    pub actor: Option<&'a [u8]>,
    pub payload: &'a [u8],
    /// Ms since the Unix epoch, if it says so.
    pub time_ms: Option<i64>,
}

/// Told by whoever takes events: whether there is to be another.
pub(super) type Wanted = anyhow::Result<bool>;

impl Stream {
    /// Makes the campaign, or reads the files once to see how long they last. `speed` is event
    /// seconds a second.
    pub(super) fn open(files: &[PathBuf], speed: Option<f64>, now_ms: i64) -> anyhow::Result<Self> {
        if files.is_empty() {
            let plan = Plan { people: PEOPLE, ..Plan::default() }.ending_before(now_ms);
            let campaign = Box::new(Campaign::new(plan)?);
            return Ok(Self::Campaign { plan, campaign, speed: speed.unwrap_or(DAY_SECONDS) });
        }
        let files = files.to_vec();
        if let Some(speed) = speed {
            drop(reader(&files)?);
            return Ok(Self::Recorded { files, extent: None, speed });
        }
        if files.iter().any(|file| is_stdin(file)) {
            bail!("how long standard input lasts cannot be seen beforehand: give a --speed");
        }
        let extent = measure(&files)?;
        let speed = (extent.span_seconds / MINUTE_SECONDS).max(1.0);
        Ok(Self::Recorded { files, extent: Some(extent), speed })
    }

    /// Event seconds a second.
    pub(super) const fn speed(&self) -> f64 {
        match self {
            Self::Campaign { speed, .. } | Self::Recorded { speed, .. } => *speed,
        }
    }

    /// Hands all events over, until the end or until no more are wanted.
    pub(super) fn pour(self, mut take: impl FnMut(&Event<'_>) -> Wanted) -> anyhow::Result<()> {
        let files = match self {
            Self::Campaign { campaign, .. } => return pour_campaign(*campaign, take),
            Self::Recorded { files, .. } => files,
        };
        let mut reader = reader(&files)?;
        let mut block = Block::default();
        while reader.next_block(&mut block)? {
            for payload in block.payloads() {
                let seen = glance(&payload);
                let actor = seen.actor.as_deref().map(str::as_bytes);
                let event = Event { actor, payload: &payload, time_ms: seen.time_ms };
                if !take(&event)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn pour_campaign(
    campaign: Campaign,
    mut take: impl FnMut(&Event<'_>) -> Wanted,
) -> anyhow::Result<()> {
    let mut line = Vec::new();
    for event in campaign {
        line.clear();
        event.write_json(&mut line);
        let actor = Some(event.actor.as_bytes());
        if !take(&Event { actor, payload: &line, time_ms: Some(event.time_ms) })? {
            break;
        }
    }
    Ok(())
}

fn measure(files: &[PathBuf]) -> anyhow::Result<Extent> {
    let mut reader = reader(files)?;
    let mut block = Block::default();
    let (mut events, mut first, mut last) = (0, i64::MAX, i64::MIN);
    while reader.next_block(&mut block)? {
        for payload in block.payloads() {
            events += 1;
            if let Some(time_ms) = glance(&payload).time_ms {
                first = first.min(time_ms);
                last = last.max(time_ms);
            }
        }
    }
    Ok(Extent { events, span_seconds: last.saturating_sub(first).max(0) as f64 / 1e3 })
}

fn reader(files: &[PathBuf]) -> anyhow::Result<Reader> {
    let source = |file: &PathBuf| {
        if is_stdin(file) { Source::Stdin } else { Source::File(file.clone()) }
    };
    Reader::new(files.iter().map(source).collect(), Shape::ByName)
        .context("cannot read what to feed")
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poured(stream: Stream) -> Vec<(Option<String>, String, Option<i64>)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut events = Vec::new();
        let take = |event: &Event<'_>| {
            events.push((event.actor.map(text), text(event.payload), event.time_ms));
            Ok(true)
        };
        stream.pour(take).unwrap();
        events
    }

    #[test]
    fn files_are_keyed_by_actor_and_last_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let lines = folder.path().join("a.ndjson");
        let noise = "no event\n";
        std::fs::write(&lines, r#"{"kind":"like","actor":"x","target":"t","time":60}"#).unwrap();
        let rows = folder.path().join("b.csv");
        std::fs::write(&rows, "kind,actor,target,time\nreply,y,t,7260\n").unwrap();
        let third = folder.path().join("c.json");
        std::fs::write(&third, noise).unwrap();
        let stream = Stream::open(&[lines, rows, third], None, 0).unwrap();
        let Stream::Recorded { extent, speed, .. } = &stream else { panic!("a campaign") };
        assert_eq!(*extent, Some(Extent { events: 3, span_seconds: 7_200.0 }));
        assert!((speed - 120.0).abs() < 1e-9);
        let reply = r#"{"actor":"y","kind":"reply","target":"t","time":"7260"}"#;
        assert_eq!(
            poured(stream),
            [
                (
                    Some("x".into()),
                    r#"{"kind":"like","actor":"x","target":"t","time":60}"#.into(),
                    Some(60_000)
                ),
                (Some("y".into()), reply.into(), Some(7_260_000)),
                (None, "no event".into(), None),
            ]
        );
    }

    #[test]
    fn what_cannot_be_fed_is_refused_at_once() {
        let said = |files: &[&str], speed| {
            let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
            Stream::open(&files, speed, 0).err().map(|error| format!("{error:#}"))
        };
        assert!(said(&["-"], None).unwrap().contains("give a --speed"));
        assert_eq!(said(&["-"], Some(5.0)), None);
        assert!(said(&["/no/such"], Some(5.0)).unwrap().contains("cannot open /no/such"));
        assert!(said(&["/no/such"], None).unwrap().contains("cannot open /no/such"));
    }
}
