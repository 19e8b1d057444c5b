//! `GET /api/v1/shifts`: the latest shifts, newest first, of all segments or one.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::{json_of, serialized};
use crate::model::{Shift, ShiftId};
use crate::serve::problem::Problem;
use crate::serve::routes::{Shared, blocking};
use crate::view::{SHIFTS_MAX, ShiftLog};

const LIMIT: usize = 100;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asked {
    /// A shift, whose followers are asked for, or an event time.
    since: Option<String>,
    segment: Option<String>,
    limit: usize,
}

impl Default for Asked {
    fn default() -> Self {
        Self { since: None, segment: None, limit: LIMIT }
    }
}

#[derive(Serialize)]
struct Latest<'a> {
    shifts: Vec<Told<'a>>,
}

/// A shift, and what its numbers are.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    #[serde(flatten)]
    shift: &'a Shift,
    measure: &'static str,
}

impl<'a> Told<'a> {
    pub(super) fn of(shift: &'a Shift) -> Self {
        Self { shift, measure: shift.rule.measure() }
    }
}

pub(super) async fn shifts(
    State(shared): State<Shared>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = asked?;
    if asked.limit == 0 || asked.limit > SHIFTS_MAX {
        let detail = format!("limit: {} is not allowed, it must be 1 to {SHIFTS_MAX}", asked.limit);
        return Err(Problem::bad_request(detail));
    }
    blocking(move || {
        let found = of(&shared.shifts, &asked)?;
        let shifts = found.iter().map(|shift| Told::of(shift)).collect();
        serialized(&Latest { shifts })
    })
    .await
    .map(json_of)
}

fn of(log: &ShiftLog, asked: &Asked) -> Result<Vec<Arc<Shift>>, Problem> {
    let (place, from_ms) = match asked.since.as_deref().map(since).transpose()? {
        // One that is forgotten is older than all that are not.
        Some(Since::Shift(id)) => (log.behind(id).unwrap_or_else(|| log.start()), i64::MIN),
        Some(Since::Time(ms)) => (log.start(), ms),
        None => (log.start(), i64::MIN),
    };
    let found = log.from(place, SHIFTS_MAX).unwrap_or_else(|| log.all());
    let wanted = |shift: &Arc<Shift>| {
        shift.at_ms >= from_ms && asked.segment.as_deref().is_none_or(|s| *shift.segment == *s)
    };
    Ok(found.into_iter().rev().filter(wanted).take(asked.limit).collect())
}

enum Since {
    Shift(ShiftId),
    /// Ms since the Unix epoch.
    Time(i64),
}

fn since(text: &str) -> Result<Since, Problem> {
    let time = || text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond);
    if let Ok(id) = text.parse() {
        return Ok(Since::Shift(id));
    }
    text.parse().or_else(|_| time()).map(Since::Time).map_err(|_neither| {
        let allowed = "the id of a shift, a time as RFC 3339, or ms since the Unix epoch";
        Problem::bad_request(format!("since: {text:?} is not allowed, it must be {allowed}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::shift;

    fn found(since: Option<&str>, segment: Option<&str>, limit: usize) -> Vec<u64> {
        let log = ShiftLog::default();
        for number in 0..4 {
            let other = if number == 2 { "t" } else { "s" };
            log.push(Shift { segment: other.into(), ..shift(number) });
        }
        let (since, segment) = (since.map(str::to_owned), segment.map(str::to_owned));
        of(&log, &Asked { since, segment, limit }).unwrap().iter().map(|s| s.id.0).collect()
    }

    #[test]
    fn newest_first_since_a_shift_or_a_time() {
        assert_eq!(found(None, None, 100), [3, 2, 1, 0]);
        assert_eq!(found(None, None, 2), [3, 2]);
        assert_eq!(found(None, Some("s"), 100), [3, 1, 0]);
        assert_eq!(found(Some("0000000000000001"), None, 100), [3, 2]);
        assert_eq!(found(Some("00000000000000ff"), None, 100), [3, 2, 1, 0], "forgotten");
        assert_eq!(found(Some("1700007200000"), None, 100), [3, 2]);
        assert_eq!(found(Some("2023-11-15T00:13:21Z"), None, 100), [3]);
        assert!(since("yesterday").is_err());
    }
}
