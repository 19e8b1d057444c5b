//! The page that lists every metric, made from the tables that the metrics are written from.

use std::fmt::Write as _;

use super::catalogue::Section;

const INTRODUCTION: &str = "# Metrics

Every metric of `GET /metrics`, written by `sillage reference --metrics`. Do not edit: it is made
from the code.

An `info` metric is always 1 and says what it has to say in its labels; in the text format of
Prometheus it is a gauge. A series of an influencer is there while the influencer is among the first
`export.top_k` of the segment or is watched, and is gone from the next scrape on after that. Beside
these there are the usual `process_*` metrics.
";

/// Markdown, with a table for each section.
#[must_use]
pub fn reference(sections: &[Section]) -> String {
    let mut page = INTRODUCTION.to_owned();
    for section in sections {
        write!(
            page,
            "\n## {}\n\n| metric | kind | unit | labels | help |\n|---|---|---|---|---|\n",
            section.title
        )
        .expect("a String takes all that is written");
        for family in section.families {
            let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
            writeln!(
                page,
                "| `{}` | {} | {} | {} | {} |",
                family.name,
                family.kind.as_str(),
                family.unit().unwrap_or_default(),
                labels.join(", "),
                family.help
            )
            .expect("a String takes all that is written");
        }
    }
    page
}
