//! Rows of a table with a header as events: which column holds which field.

use std::borrow::Cow;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::{Fields, RECORD_BYTES_MAX, time::Time};
use crate::model::{Batch, Reason};

/// Fields of an event that a table can have.
const FIELDS: [&str; 10] =
    ["kind", "actor", "target", "time", "id", "segments", "code", "value", "currency", "refers"];
/// Fields without which no row is an event.
const REQUIRED: [&str; 2] = ["kind", "actor"];

/// What stands between the segments of a cell.
const SEPARATORS: [char; 2] = ['|', ';'];

/// One row: the text of its cells side by side, and where each of them ends.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub cells: &'a [u8],
    pub ends: &'a [usize],
}

/// What the columns of a table are called: `FIELD=COLUMN`, separated by commas. A field that is
/// left out has the column of its own name, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnNames(Vec<(&'static str, String)>);

/// Which column of a table holds each field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns([Option<usize>; FIELDS.len()]);

/// Columns that make no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    #[error("{0:?} is not allowed, it must be FIELD=COLUMN")]
    NotAPair(String),
    #[error("{0:?} is not a field, it must be one of {fields}", fields = FIELDS.join(", "))]
    UnknownField(String),
    #[error("no column {column:?} for {field}, the header has {header:?}")]
    NoColumn { field: &'static str, column: String, header: Vec<String> },
}

impl FromStr for ColumnNames {
    type Err = ColumnsError;

    fn from_str(text: &str) -> Result<Self, ColumnsError> {
        let pair = |pair: &str| {
            let not_a_pair = || ColumnsError::NotAPair(pair.to_owned());
            let (field, column) = pair.split_once('=').ok_or_else(not_a_pair)?;
            let known = FIELDS.into_iter().find(|known| *known == field.trim());
            let field = known.ok_or_else(|| ColumnsError::UnknownField(field.to_owned()))?;
            Ok((field, column.trim().to_owned()))
        };
        text.split(',').map(pair).collect::<Result<_, _>>().map(Self)
    }
}

impl Columns {
    /// Finds the columns in the first row of a table.
    pub fn find(names: &ColumnNames, header: Row<'_>) -> Result<Self, ColumnsError> {
        let header: Vec<Cow<'_, str>> = (0..header.ends.len())
            .map(|column| String::from_utf8_lossy(header.cell(column).trim_ascii()))
            .collect();
        let mut columns = [None; FIELDS.len()];
        for (field, found) in FIELDS.into_iter().zip(&mut columns) {
            let given = names.0.iter().rfind(|(of, _)| *of == field).map(|(_, name)| &**name);
            let column = given.unwrap_or(field);
            *found = header.iter().position(|name| name == column);
            if found.is_none() && (given.is_some() || REQUIRED.contains(&field)) {
                let header = header.into_iter().map(Cow::into_owned).collect();
                return Err(ColumnsError::NoColumn { field, column: column.to_owned(), header });
            }
        }
        Ok(Self(columns))
    }

    /// The event of a row in canonical JSON, with no check of what the cells hold.
    pub(in crate::ingest) fn rewrite(&self, row: Row<'_>) -> Vec<u8> {
        let mut event = Map::new();
        for (field, column) in FIELDS.into_iter().zip(self.0) {
            let cell = String::from_utf8_lossy(column.map_or(&[], |column| row.cell(column)));
            if cell.is_empty() {
                continue;
            }
            let value = match field {
                "segments" => cell.split(SEPARATORS).map(str::trim).collect(),
                "value" => cell.parse::<f64>().map_or_else(|_| Value::from(&*cell), Value::from),
                _ => Value::from(&*cell),
            };
            event.insert(field.to_owned(), value);
        }
        Value::Object(event).to_string().into_bytes()
    }

    /// The fields of a row; its segments wait in `batch`, also after a failure. An empty cell is
    /// a missing field.
    pub(super) fn fields<'a>(
        &self,
        row: Row<'a>,
        batch: &mut Batch<'a>,
    ) -> Result<Fields<'a>, Reason> {
        if row.cells.len() > RECORD_BYTES_MAX {
            return Err(Reason::TooLarge);
        }
        let cell = |column: Option<usize>| match column.map_or(&[][..], |column| row.cell(column)) {
            [] => Ok(None),
            cell => str::from_utf8(cell).map(Some).ok().ok_or(Reason::Parse),
        };
        let [kind, actor, target, time, id, segments, code, value, currency, refers] = self.0;
        let mut fields = Fields {
            kind: cell(kind)?.map(Cow::Borrowed),
            actor: cell(actor)?.map(Cow::Borrowed),
            target: cell(target)?.map(Cow::Borrowed),
            time: cell(time)?.map(|time| Time::Text(Cow::Borrowed(time))),
            id: cell(id)?.map(Cow::Borrowed),
            code: cell(code)?.map(Cow::Borrowed),
            value: cell(value)?.map(str::parse).transpose().ok().ok_or(Reason::Parse)?,
            currency: cell(currency)?.map(Cow::Borrowed),
            refers: cell(refers)?.map(Cow::Borrowed),
            ..Fields::default()
        };
        for name in cell(segments)?.into_iter().flat_map(|list| list.split(SEPARATORS)) {
            fields.push_segment(Cow::Borrowed(name.trim()), batch);
        }
        Ok(fields)
    }
}

impl<'a> Row<'a> {
    /// The text of a cell; nothing if the row is too short.
    fn cell(self, column: usize) -> &'a [u8] {
        let end_of = |column: usize| self.ends.get(column).copied();
        let from = column.checked_sub(1).and_then(end_of).unwrap_or(0);
        end_of(column).and_then(|end| self.cells.get(from..end)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> (Vec<u8>, Vec<usize>) {
        let ends = cells.iter().scan(0, |end, cell| {
            *end += cell.len();
            Some(*end)
        });
        (cells.concat().into_bytes(), ends.collect())
    }

    fn find(names: &str, header: &[&str]) -> Result<Columns, ColumnsError> {
        let names = if names.is_empty() { Ok(ColumnNames::default()) } else { names.parse() };
        let (cells, ends) = row(header);
        Columns::find(&names?, Row { cells: &cells, ends: &ends })
    }

    #[test]
    fn columns_are_found_by_their_given_name_or_that_of_the_field() {
        let columns = find("actor=who,time=at", &["at", "kind", "noise", "who", "target"]);
        let expected = [Some(1), Some(3), Some(4), Some(0), None, None, None, None, None, None];
        assert_eq!(columns, Ok(Columns(expected)));
    }

    #[test]
    fn a_row_is_rewritten_as_an_event() {
        let header = ["kind", "who", "segments", "value", "time", "order", "currency"];
        let columns = find("actor=who,refers=order", &header).unwrap();
        for (cells, expected) in [
            (
                &["like", "a\"b", "x|y ; z", "1.5", "1341100972"][..],
                r#"{"actor":"a\"b","kind":"like","segments":["x","y","z"],"time":"1341100972","value":1.5}"#,
            ),
            (&["", "", "", "much"], r#"{"value":"much"}"#),
            (
                &["refund", "a", "", "5", "", "e1", "EUR"],
                r#"{"actor":"a","currency":"EUR","kind":"refund","refers":"e1","value":5.0}"#,
            ),
            (&["like"], r#"{"kind":"like"}"#),
        ] {
            let (cells, ends) = row(cells);
            let rewritten = columns.rewrite(Row { cells: &cells, ends: &ends });
            let text = String::from_utf8(rewritten).unwrap();
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn what_is_wrong_with_columns_is_said() {
        for (names, header, said) in [
            ("actor", &["kind"][..], "\"actor\" is not allowed, it must be FIELD=COLUMN"),
            (
                "who=x",
                &["kind"],
                "\"who\" is not a field, it must be one of kind, actor, target, time, id, \
                 segments, code, value, currency, refers",
            ),
            ("", &["kind"], "no column \"actor\" for actor, the header has [\"kind\"]"),
            (
                "time=at",
                &["kind", "actor"],
                "no column \"at\" for time, the header has [\"kind\", \"actor\"]",
            ),
        ] {
            let error = find(names, header).expect_err(names);
            assert_eq!(error.to_string(), said);
        }
    }
}
