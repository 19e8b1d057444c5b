//! The results as tables of text.

use std::collections::BTreeMap;

use super::recorded::Read;
use crate::backtest::{
    Claims, Estimate, MethodSummary, Quality, ShiftVerdict, ShiftsSummary, Summary, median, wilson,
};
use crate::model::Shift;

/// Widths of the columns of a table; the first is to the left.
fn line(widths: &[usize], cells: &[String]) -> String {
    let cell = |(at, (width, cell)): (usize, (&usize, &String))| {
        let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
        if at == 0 { format!("{cell}{pad}") } else { format!("  {pad}{cell}") }
    };
    let line: String = widths.iter().zip(cells).enumerate().map(cell).collect();
    line.trim_end().to_owned()
}

/// A table with columns as wide as what is in them.
fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter().map(|row| line(&widths, row)).collect()
}

/// What the model claims, by design and together.
pub(super) fn claims(summary: &Summary) -> Vec<String> {
    let ratios: Vec<&String> = summary.all.proven.keys().collect();
    let mut head: Vec<String> =
        ["design", "worlds", "quiet", "bystanders", "false"].map(str::to_owned).to_vec();
    head.extend(ratios.iter().map(|ratio| (*ratio).clone()));
    head.extend(["covered", "too little", "incremental", "pairs", "celebrity"].map(str::to_owned));
    let mut rows = vec![head];
    for claims in summary.designs.iter().chain([&summary.all]) {
        rows.push(row(claims, &ratios));
    }
    let mut lines = vec![
        "What is proven, by design: quiet and bystanders have no effect (proven of how many), false".into(),
        "of what is discovered; planted ratios proven; intervals that hold what was planted; planted".into(),
        "accounts with too little to compare; incremental over caused conversions; pairs in the right".into(),
        "order by convert points; the celebrity's largest score.".into(),
        String::new(),
    ];
    lines.extend(table(&rows));
    lines.push(String::new());
    lines.extend(together(&summary.all));
    lines
}

fn row(claims: &Claims, ratios: &[&String]) -> Vec<String> {
    let mut row = vec![
        claims.design.clone(),
        claims.worlds.to_string(),
        hits(claims.quiet_proven),
        hits(claims.strangers_proven),
        hits(claims.false_discoveries),
    ];
    row.extend(ratios.iter().map(|ratio| hits(claims.proven.get(*ratio).copied())));
    row.extend([
        hits(claims.covered),
        hits(claims.insufficient),
        plain(claims.incremental, 2),
        percent(claims.pairs),
        format!("{:.1}", claims.celebrity),
    ]);
    row
}

/// All worlds with intervals.
fn together(all: &Claims) -> Vec<String> {
    let mut rows = Vec::new();
    let mut add = |what: &str, value: String| rows.push(vec![what.to_owned(), value]);
    add("accounts without effect proven", with_interval(all.quiet_proven));
    add("bystanders proven", with_interval(all.strangers_proven));
    add("without effect, of what is discovered", with_interval(all.false_discoveries));
    add("the same world by world, on average", with_interval(all.false_discovery_rate));
    for (ratio, estimate) in &all.proven {
        add(&format!("{ratio} proven"), with_interval(Some(*estimate)));
    }
    add("intervals that hold the planted ratio", with_interval(all.covered));
    add("intervals of bystanders that hold 1", with_interval(all.strangers_covered));
    add("incremental over caused conversions", interval(all.incremental, 3));
    add("pairs in the right order", with_interval(all.pairs));
    add("the same world by world, on average", with_interval(all.pairs_by_world));
    add("pairs undecided, with nothing proven of either", with_interval(all.undecided));
    if let Some(ring) = all.ring {
        let said = format!(
            "{:.1} of {:.1} fan-units allowed; score moved by {:.2}, others' by {:.2}",
            ring.gained, ring.allowed, ring.moved, ring.others_moved
        );
        add(&format!("a ring of {} bots, at most", ring.bots), said);
    }
    left(&rows)
}

/// What other methods say of the same worlds.
pub(super) fn methods(summary: &Summary) -> Vec<String> {
    let head =
        ["method", "pairs in order", "first is right", "NDCG@50", "to no effect", "claimed/caused"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for method in &summary.methods {
        let MethodSummary { method, pairs, first, ndcg, misplaced, claimed } = method;
        rows.push(vec![
            method.as_str().to_owned(),
            with_interval(*pairs),
            with_interval(*first),
            interval(*ndcg, 3),
            with_interval(*misplaced),
            interval(*claimed, 2),
        ]);
    }
    let between = &summary.between_person;
    let mut lines = vec![
        "What each method says of the same accounts: pairs in the order of what they caused, whether".into(),
        "the one that caused most comes first, and how much of what it gives goes to no effect.".into(),
        String::new(),
    ];
    lines.extend(table(&rows));
    lines.extend([String::new(), "Between-person lift calls better than 1, at 95 %:".into()]);
    let mut rows = vec![
        vec!["  planted accounts without effect".to_owned(), with_interval(between.quiet_better)],
        vec!["  bystanders".to_owned(), with_interval(between.strangers_better)],
    ];
    rows.push(vec!["  its intervals hold what was planted".into(), with_interval(between.covered)]);
    rows.extend(found(&between.found));
    lines.extend(left(&rows));
    lines
}

fn found(found: &BTreeMap<String, Estimate>) -> Vec<Vec<String>> {
    let of = |(ratio, found): (&String, &Estimate)| {
        vec![format!("  finds for a planted {ratio}, on average"), interval(Some(*found), 2)]
    };
    found.iter().map(of).collect()
}

/// How planted shifts were told, and what else was.
pub(super) fn shifts(summary: &ShiftsSummary, verdicts: &[ShiftVerdict]) -> Vec<String> {
    let head = ["account", "told as", "found", "recall", "again", "hours to it: median", "most"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let all = ("all".to_owned(), &summary.all);
    let kinds = summary.kinds.iter().map(|(account, kind)| (account.clone(), kind));
    for (account, kind) in kinds.chain([all]) {
        let hours: Vec<f64> = kind.after_ms.iter().map(|ms| *ms as f64 / 3_600_000.0).collect();
        rows.push(vec![
            account,
            kind.rule.map_or_else(none, |rule| rule.as_str().to_owned()),
            format!("{}/{}", kind.found, kind.planted),
            with_interval(wilson(kind.found, kind.planted)),
            kind.repeated.to_string(),
            interval(median(&hours), 0),
            hours.last().map_or_else(none, |most| format!("{most:.0}")),
        ]);
    }
    let mut lines = vec![
        "Planted changes that were told, told again, and how long it took, in event time:".into(),
        String::new(),
    ];
    lines.extend(table(&rows));
    lines.push(String::new());
    lines.extend(left(&[
        vec!["recall".into(), with_interval(summary.recall)],
        vec!["precision, what follows from changes apart".into(), with_interval(summary.precision)],
        vec!["told because of a change".into(), summary.consequences.to_string()],
        vec!["told without one".into(), summary.strange.values().sum::<u64>().to_string()],
    ]));
    let strange = |verdict: &ShiftVerdict| {
        let seed = verdict.seed;
        let line = move |shift: &Shift| format!("  seed {seed}: {}", shift.summary);
        verdict.strange.iter().map(line).collect::<Vec<_>>()
    };
    lines.extend(verdicts.iter().flat_map(strange));
    lines
}

/// How well the methods foretell the next day.
pub(super) fn forecast(read: &Read) -> Vec<String> {
    let mut rows = vec![["method", "NDCG@50", "Spearman"].map(str::to_owned).to_vec()];
    for Quality { method, ndcg, spearman } in read.forecast.quality() {
        rows.push(vec![method.as_str().to_owned(), interval(ndcg, 3), interval(spearman, 3)]);
    }
    let (scored, rejected, days) = (read.scored, read.rejected, read.days);
    let mut lines = vec![
        format!("{scored} events scored, {rejected} rejected; {days} days."),
        format!(
            "Distinct actors on each account the next day, foretold on {} days (Spearman's ρ over",
            read.forecast.days()
        ),
        "the accounts known by then; 0 where a method cannot order them):".into(),
        String::new(),
    ];
    lines.extend(table(&rows));
    lines
}

/// Two columns, both to the left.
fn left(rows: &[Vec<String>]) -> Vec<String> {
    let first = |row: &Vec<String>| row.first().map_or(0, |cell| cell.chars().count());
    let width = rows.iter().map(first).max().unwrap_or_default();
    let of = |row: &Vec<String>| {
        let [what, value] = [0, 1].map(|at| row.get(at).cloned().unwrap_or_default());
        format!("{what:<width$}  {value}")
    };
    rows.iter().map(of).collect()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
fn hits(share: Option<Estimate>) -> String {
    share.map_or_else(none, |share| {
        format!("{}/{}", (share.value * share.of as f64).round() as u64, share.of)
    })
}

fn plain(estimate: Option<Estimate>, digits: usize) -> String {
    estimate.map_or_else(none, |of| format!("{:.digits$}", of.value))
}

fn interval(estimate: Option<Estimate>, digits: usize) -> String {
    estimate.map_or_else(none, |of| {
        format!("{:.digits$} ({:.digits$}–{:.digits$})", of.value, of.low, of.high)
    })
}

fn percent(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(none, |of| format!("{:.1} %", of.value * 100.0))
}

fn with_interval(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(none, |of| {
        let [value, low, high] = [of.value, of.low, of.high].map(|share| share * 100.0);
        format!("{value:.2} % ({low:.2}–{high:.2})")
    })
}

fn none() -> String {
    "–".into()
}
