//! A ranking for a terminal.

use std::io::{self, Write};

use crate::model::{SegmentStandings, Standing};

/// Cells of a bar of 100 points.
const BAR: usize = 20;
/// Characters of a name that are shown.
const NAME: usize = 24;

/// Writes the standings of a segment, as of `as_of_ms`.
pub(super) fn write(
    segment: &SegmentStandings,
    as_of_ms: i64,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(
        out,
        "segment {} · active audience {:.1} fan-units · as of {}",
        segment.segment,
        segment.active_audience,
        moment(as_of_ms)
    )?;
    writeln!(
        out,
        "{:>4}  {:<NAME$} {:>9} {:<BAR$} {:>7} {:>7} {:>7} {:>10}  {:<12} {:>7}",
        "rank",
        "influencer",
        "influence",
        "",
        "amplify",
        "relate",
        "convert",
        "popularity",
        "label",
        "fans 7d"
    )?;
    for (rank, standing) in (1..).zip(&segment.influencers) {
        row(rank, standing, out)?;
    }
    writeln!(out)
}

fn row(rank: usize, standing: &Standing, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{rank:>4}  {:<NAME$} {:>9.1} {} {:>7.1} {:>7.1} {:>7.1} {:>10.1}  {:<12} {:>7}",
        name(&standing.influencer),
        standing.score,
        bar(standing.score),
        standing.amplify_points,
        standing.relate_points,
        standing.convert_points,
        standing.popularity,
        standing.label.as_str(),
        standing.active_fans,
    )
}

fn name(influencer: &str) -> String {
    if influencer.chars().count() <= NAME {
        return influencer.replace(char::is_control, "?");
    }
    let start: String = influencer.chars().take(NAME - 1).collect();
    format!("{}…", start.replace(char::is_control, "?"))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a score lies between 0 and 100"
)]
fn bar(score: f64) -> String {
    let full = ((score / 100.0 * BAR as f64).round() as usize).min(BAR);
    format!("{}{}", "█".repeat(full), "·".repeat(BAR - full))
}

fn moment(time_ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(time_ms) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => format!("{time_ms} ms"),
    }
}
