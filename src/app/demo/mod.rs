//! `sillage demo`: the whole daemon on a broker of its own, fed by a synthetic campaign or by
//! recorded streams, with the ranking live on the terminal.
//!
//! Invariant: it is the daemon of `sillage run`, reading Kafka; only who feeds it is different.

mod feed;
mod screen;
mod show;
mod story;
mod stream;

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use anyhow::Context;

use self::feed::Feed;
use self::screen::Screen;
use self::show::Show;
use self::stream::Stream;
use super::arguments::Demo;
use super::daemon::Daemon;
use crate::clock;
use crate::config::{self, Config, ViewClock};
use crate::ingest::kafka::{self, Embedded};
use crate::serve;

const TOPIC: &str = "interactions";
const PARTITIONS: i32 = 6;
/// A picture is drawn at least so often, for the ranking to look live.
const INTERVAL: config::Duration = config::Duration::from_millis(500);
/// For the feed to notice that it is to end.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Why a demo that did not fail is over.
enum Over {
    /// Told by a signal.
    Asked,
    /// The time that it was given is up.
    InTime,
    /// Nobody reads what it prints any more.
    Unheard,
}

/// Runs until a signal or for as long as asked, and prints the last ranking.
pub(super) fn run(config: &Config, arguments: &Demo) -> anyhow::Result<()> {
    let stream = Stream::open(&arguments.files, arguments.speed, clock::wall_ms())?;
    let broker = Embedded::start(&[(TOPIC, PARTITIONS)])
        .context("cannot start the broker inside this process")?;
    let config = settings(config, broker.brokers());
    // What was asked for is made up; there is nothing to read anew.
    let same = config.clone();
    let reread = Box::new(move || Ok(same.clone()));
    let mut daemon = Daemon::start(&config, reread).map_err(explained)?;
    let began = clock::instant();
    let lines = story::opening(&stream, &config.kafka.brokers, daemon.address());
    let feed = Feed::start(stream, &config.kafka, TOPIC, daemon.scoring().clone())?;
    let mut show = Show::new(daemon.views().clone(), daemon.scoring().clone(), feed.progress());
    let mut screen = Screen::new();

    let watched = screen::say(&lines).map_err(anyhow::Error::from).and_then(|()| {
        let until = arguments.duration.map(|time| began + time.0);
        watch(&mut daemon, &feed, &mut show, &mut screen, until)
    });
    // First the cursor: what follows may take a while, and may be cut short.
    let cleared = screen.clear();
    let poured = feed.end(END_WITHIN);
    let ended = daemon.end();
    drop(broker);
    let over = match watched {
        Err(error) if is_unheard(&error) => Over::Unheard,
        watched => watched?,
    };
    poured.and(ended)?;
    let farewell = [String::new(), show.farewell(&over, began.elapsed())];
    let last = cleared.and_then(|()| screen::say(&show.ranking(screen.style())));
    match last.and_then(|()| screen::say(&farewell)).map_err(anyhow::Error::from) {
        Err(error) if !is_unheard(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Shows the ranking while the daemon beats.
fn watch(
    daemon: &mut Daemon,
    feed: &Feed,
    show: &mut Show,
    screen: &mut Screen,
    until: Option<Instant>,
) -> anyhow::Result<Over> {
    let mut drawn = Ok(());
    let mut over = Over::Asked;
    daemon.beat(|_| {
        let now = clock::instant();
        show.look();
        if until.is_some_and(|until| until <= now) {
            over = Over::InTime;
            return true;
        }
        if screen.is_due(now) && show.is_news(screen.is_live()) {
            drawn = screen.draw(&show.picture(screen.style(), now), now);
        }
        drawn.is_err() || feed.has_failed()
    })?;
    drawn.context("cannot print the ranking")?;
    Ok(over)
}

/// The user's configuration, on the broker inside this process.
fn settings(config: &Config, brokers: String) -> Config {
    let mut demo = config.clone();
    demo.kafka = kafka::Config {
        brokers,
        topics: vec![TOPIC.into()],
        group: "sillage-demo".into(),
        prefetch: config.kafka.prefetch,
        ..kafka::Config::default()
    };
    // No other start finds this log again, and its broker cannot say which one it is.
    demo.snapshot.dir = None;
    demo.view.interval = config.view.interval.min(INTERVAL);
    // The campaign lies in the past: by the wall clock all would fade at its end.
    demo.view.clock = ViewClock::Log;
    if demo.log == super::log::Config::default() {
        demo.log.level = "warn".into();
    }
    demo
}

/// What to do about the port is more help than what the system says of it.
fn explained(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref() {
        Some(serve::Error::Listen { listen, source })
            if source.kind() == io::ErrorKind::AddrInUse =>
        {
            anyhow::anyhow!(
                "{listen} is taken, by another sillage perhaps; \
                 SILLAGE__SERVE__LISTEN=127.0.0.1:0 takes any free port"
            )
        }
        _ => error,
    }
}

fn is_unheard(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "stopped as told",
            Self::InTime => "stopped when its time was up",
            Self::Unheard => "stopped because nobody listens",
        })
    }
}
