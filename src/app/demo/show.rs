//! The picture: how far the stream is, the ranking, and in words what to see in it.

use std::time::{Duration, Instant};

use super::feed::Progress;
use super::{Over, story};
use crate::app::owner;
use crate::app::table::{self, Style};
use crate::model::SegmentStandings;
use crate::view::Views;

/// Influencers in a picture: a small terminal holds it.
pub(super) const ROWS: usize = 7;

pub(super) struct Show {
    views: Views,
    scoring: owner::Metrics,
    feed: Progress,
    /// The rate is taken from this moment on.
    before: Option<(Instant, u64)>,
    /// All of the stream had been scored when last looked.
    was_read: bool,
    /// The view at hand shows all of the stream.
    is_whole: bool,
    /// Such a picture was drawn.
    is_complete: bool,
}

impl Show {
    pub(super) fn new(views: Views, scoring: owner::Metrics, feed: Progress) -> Self {
        Self {
            views,
            scoring,
            feed,
            before: None,
            was_read: false,
            is_whole: false,
            is_complete: false,
        }
    }

    /// Looks how far the daemon is; called once after each beat. What was scored at one beat is in
    /// the view of the next.
    pub(super) fn look(&mut self) {
        self.is_whole = self.was_read;
        self.was_read =
            self.feed.is_over() && self.feed.sent_bytes() <= self.scoring.received_bytes();
    }

    /// Whether a picture would show something new; while live, the wait is news as well.
    pub(super) fn is_news(&self, live: bool) -> bool {
        !self.is_complete && (live || self.has_scores())
    }

    /// All lines, as of `now`.
    pub(super) fn picture(&mut self, style: Style, now: Instant) -> Vec<String> {
        let mut lines = vec![style.paint("1", &self.status(now)), String::new()];
        lines.extend(self.ranking(style));
        lines
    }

    /// The ranking of the largest segment, and what to see in it.
    pub(super) fn ranking(&self, style: Style) -> Vec<String> {
        let view = self.views.current();
        let Some(segment) = largest(&view.segments) else { return Vec::new() };
        let mut out = Vec::new();
        table::write(segment, view.as_of_ms, style, &mut out).expect("memory must take a table");
        let mut lines: Vec<String> =
            String::from_utf8_lossy(&out).lines().map(str::to_owned).collect();
        lines.push(String::new());
        lines.extend(story::what_to_see(segment));
        let others = view.segments.len() - 1;
        if others > 0 {
            lines.push(format!("The largest of {} segments; the page has all.", others + 1));
        }
        lines
    }

    pub(super) fn farewell(&self, over: &Over, ran: Duration) -> String {
        let (scored, rejected) = (self.scoring.scored(), self.scoring.rejected());
        let seconds = ran.as_secs();
        let (scored, rejected) = (story::grouped(scored), story::grouped(rejected));
        format!("{over}, after {seconds} s: {scored} events scored, {rejected} rejected")
    }

    fn status(&mut self, now: Instant) -> String {
        let scored = self.scoring.scored();
        let count = story::grouped(scored);
        if self.is_whole {
            self.is_complete = true;
            return format!(
                "The stream has ended, {count} events scored; the page stays up until Ctrl-C"
            );
        }
        if !self.has_scores() {
            self.before = Some((now, scored));
            return "Waiting for the first scores: the daemon joins its consumer group".into();
        }
        let (since, before) = self.before.replace((now, scored)).unwrap_or((now, scored));
        let seconds = (now - since).as_secs_f64();
        let rate = (scored - before) as f64 / seconds;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "events are only counted up"
        )]
        let rate = story::grouped(rate as u64);
        if seconds > 0.0 {
            format!("Live: {count} events scored, {rate} a second")
        } else {
            format!("Live: {count} events scored")
        }
    }

    fn has_scores(&self) -> bool {
        let view = self.views.current();
        view.segments.iter().any(|segment| !segment.influencers.is_empty())
    }
}

/// By active audience.
fn largest(segments: &[SegmentStandings]) -> Option<&SegmentStandings> {
    let shown = segments.iter().filter(|segment| !segment.influencers.is_empty());
    shown.max_by(|a, b| a.active_audience.total_cmp(&b.active_audience))
}
