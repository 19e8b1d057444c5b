//! A ranking for a terminal: what an account is, first, then the numbers that say why.
//!
//! Invariant: a name cannot steer the terminal, whatever it holds.

use std::io::{self, Write};

use crate::model::{Label, SegmentStandings, Standing};

/// Cells of a bar of 100 points, and of a short one.
const BAR: usize = 6;
const BAR_SHORT: usize = 4;
/// Characters of a score before its bar.
const NUMBER: usize = 5;
/// Characters of a name that are shown.
const NAME: usize = 24;
const NAME_MIN: usize = 9;
/// Cells of a bar in eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

const BLUE: &str = "34";
const CYAN: &str = "36";
const DIM: &str = "2";
const GREEN: &str = "32";
const YELLOW: &str = "33";

/// How a ranking is written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Style {
    pub colour: bool,
    /// Names as long as `celebrity` fit 80 columns: shorter bars, and none of popularity.
    pub narrow: bool,
    /// Only so many influencers.
    pub rows: Option<usize>,
}

/// Widths that depend on what is shown.
#[derive(Clone, Copy)]
struct Widths {
    rank: usize,
    name: usize,
}

/// Writes the standings of a segment, as of `as_of_ms`.
pub(super) fn write(
    segment: &SegmentStandings,
    as_of_ms: i64,
    style: Style,
    out: &mut impl Write,
) -> io::Result<()> {
    let (named, audience) = (printable(&segment.segment), segment.active_audience);
    let moment = moment(as_of_ms);
    writeln!(out, "segment {named} · active audience {audience:.1} fan-units · as of {moment}")?;
    let rows = style.rows.unwrap_or(usize::MAX);
    let shown = || segment.influencers.iter().take(rows);
    let longest = shown().map(|s| s.influencer.chars().count()).max().unwrap_or(0);
    let widths = Widths {
        rank: shown().count().to_string().len().max(if style.narrow { 1 } else { 2 }),
        name: longest.clamp(NAME_MIN, NAME),
    };
    let header = format!(
        "{:>rank$}  {:<name$}  {:<12}  {:<bar$}  {:<popularity$}  {:>7}  {:>6}  {:>7}  {:>5}",
        "#",
        "account",
        "label",
        "influence",
        "popularity",
        "amplify",
        "relate",
        "convert",
        "fans",
        rank = widths.rank,
        name = widths.name,
        bar = NUMBER + 1 + style.bar(),
        popularity = if style.narrow { "popularity".len() } else { NUMBER + 1 + style.bar() },
    );
    writeln!(out, "{}", style.paint(DIM, &header))?;
    for (rank, standing) in (1..).zip(shown()) {
        row(rank, standing, widths, style, out)?;
    }
    Ok(())
}

fn row(
    rank: usize,
    standing: &Standing,
    widths: Widths,
    style: Style,
    out: &mut impl Write,
) -> io::Result<()> {
    let label = format!("{:<12}", standing.label.as_str());
    let popularity = if style.narrow {
        format!("{:>10.1}", standing.popularity)
    } else {
        format!("{:>5.1} {}", standing.popularity, bar(standing.popularity, YELLOW, style))
    };
    writeln!(
        out,
        "{rank:>ranks$}  {:<names$}  {}  {:>5.1} {}  {popularity}  {:>7.1}  {:>6.1}  {:>7.1}  {:>5}",
        name(&standing.influencer),
        style.paint(colour(standing.label), &label),
        standing.score,
        bar(standing.score, GREEN, style),
        standing.amplify_points,
        standing.relate_points,
        standing.convert_points,
        standing.active_fans,
        ranks = widths.rank,
        names = widths.name,
    )
}

const fn colour(label: Label) -> &'static str {
    match label {
        Label::Influential => GREEN,
        Label::Popular => YELLOW,
        Label::Both => CYAN,
        Label::Emerging => BLUE,
        Label::Quiet | Label::Insufficient => DIM,
    }
}

impl Style {
    const fn bar(self) -> usize {
        if self.narrow { BAR_SHORT } else { BAR }
    }

    /// The text in a colour of the terminal's own palette.
    pub(super) fn paint(self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn name(influencer: &str) -> String {
    let name = printable(influencer);
    if name.chars().count() <= NAME {
        return name;
    }
    let start: String = name.chars().take(NAME - 1).collect();
    format!("{start}…")
}

/// The name without what a terminal would obey.
pub(super) fn printable(name: &str) -> String {
    name.replace(char::is_control, "?")
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a score lies between 0 and 100"
)]
fn bar(score: f64, colour: &str, style: Style) -> String {
    let cells = style.bar();
    let eighths = ((score / 100.0 * (cells * 8) as f64).round() as usize).min(cells * 8);
    let part = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
    let full = format!("{}{part}", "█".repeat(eighths / 8));
    let rest = "·".repeat(cells - full.chars().count());
    format!("{}{}", style.paint(colour, &full), style.paint(DIM, &rest))
}

fn moment(time_ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(time_ms) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => format!("{time_ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_eighths_of_a_cell() {
        let plain = Style::default();
        for (score, expected) in [
            (0.0, "······"),
            (2.1, "▏·····"),
            (25.0, "█▌····"),
            (57.7, "███▌··"),
            (100.0, "██████"),
        ] {
            assert_eq!(bar(score, GREEN, plain), expected, "{score}");
        }
    }

    #[test]
    fn names_are_cut_and_cannot_steer() {
        assert_eq!(name("\x1b[2Jada"), "?[2Jada");
        assert_eq!(name(&"é".repeat(25)), format!("{}…", "é".repeat(23)));
    }
}
