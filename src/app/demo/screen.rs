//! Standard output: a picture redrawn in place on a terminal, one after the other elsewhere.
//!
//! Invariant: the terminal is as it was once the screen is dropped.

use std::io::{self, IsTerminal, Write, stdout};
use std::time::{Duration, Instant};

use crate::app::table::Style;

const LIVE: Duration = Duration::from_secs(1);
const LOGGED: Duration = Duration::from_secs(5);

/// No cursor, and lines are cut at the edge: a wrapped one would shift the picture.
const ENTER: &str = "\x1b[?25l\x1b[?7l";
const LEAVE: &str = "\x1b[?7h\x1b[?25h";

pub(super) struct Screen {
    live: bool,
    style: Style,
    /// Lines of the picture that is on the terminal.
    drawn: usize,
    next: Option<Instant>,
}

impl Screen {
    pub(super) fn new() -> Self {
        let live = stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|t| t != "dumb");
        let plain = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        let colour = live && !plain;
        let style = Style { colour, narrow: true, rows: Some(super::show::ROWS) };
        Self { live, style, drawn: 0, next: None }
    }

    /// Whether pictures replace each other.
    pub(super) const fn is_live(&self) -> bool {
        self.live
    }

    pub(super) const fn style(&self) -> Style {
        self.style
    }

    /// Whether it is time for another picture.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| next <= now)
    }

    /// Replaces the picture by another.
    pub(super) fn draw(&mut self, lines: &[String], now: Instant) -> io::Result<()> {
        let every = if self.live { LIVE } else { LOGGED };
        self.next = Some((self.next.unwrap_or(now) + every).max(now));
        let mut page = String::new();
        if self.live {
            page.push_str(ENTER);
            page.push_str(&self.erase());
        }
        page.push_str(&lines.join("\n"));
        page.push_str(if self.live { "\n" } else { "\n\n" });
        self.drawn = if self.live { lines.len() } else { 0 };
        put(&page)
    }

    /// Takes the picture away and gives the terminal back.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        if !self.live {
            return Ok(());
        }
        let page = self.erase() + LEAVE;
        self.drawn = 0;
        put(&page)
    }

    fn erase(&self) -> String {
        match self.drawn {
            0 => String::new(),
            lines => format!("\r\x1b[{lines}A\x1b[J"),
        }
    }
}

/// Prints lines that stay.
pub(super) fn say(lines: &[String]) -> io::Result<()> {
    let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    put(&text)
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.live {
            // A terminal that is gone needs nothing back.
            put(LEAVE).unwrap_or_default();
        }
    }
}

/// Whole, so that no half of a picture is seen.
fn put(text: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
