//! A configuration before it has types: nodes that remember where each was written.
//!
//! Invariant: a node knows its file's line or its environment variable, so that an error can
//! point there whatever finds it.

use std::sync::Arc;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

/// Where a node was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Line(usize),
    Variable(Arc<str>),
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Text, and whether it stood without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    /// In the order written, each key once.
    Map(Vec<(String, Node)>),
}

/// Text that is no tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) what: String,
}

impl Node {
    pub(super) fn map(origin: Origin) -> Self {
        Self { origin, kind: Kind::Map(Vec::new()) }
    }

    pub(super) fn scalar(text: &str, origin: Origin) -> Self {
        Self { origin, kind: Kind::Scalar { text: text.to_owned(), plain: true } }
    }

    /// Whether it says nothing: no value, `~` or `null` without quotes.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The deepest node on the way to a dotted path. Keys may hold dots themselves.
    pub(super) fn nearest(&self, path: &str) -> &Self {
        let Kind::Map(entries) = &self.kind else { return self };
        let found = entries.iter().find_map(|(key, node)| {
            let rest = path.strip_prefix(key.as_str())?;
            (rest.is_empty() || rest.starts_with('.')).then(|| (node, rest.trim_start_matches('.')))
        });
        match found {
            Some((node, "")) => node,
            Some((node, rest)) => node.nearest(rest),
            None => self,
        }
    }

    /// As a person would write it on one line.
    pub(super) fn display(&self) -> String {
        match &self.kind {
            Kind::Scalar { text, plain: true } => text.clone(),
            Kind::Scalar { text, plain: false } => format!("{text:?}"),
            Kind::List(items) => {
                format!("[{}]", items.iter().map(Self::display).collect::<Vec<_>>().join(", "))
            }
            Kind::Map(entries) => {
                let entries =
                    entries.iter().map(|(key, node)| format!("{key}: {}", node.display()));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// The tree of one YAML document; an empty one is an empty map.
pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    let mut reader = Reader { parser: Parser::new_from_str(text) };
    let mut tree = None;
    loop {
        let (event, line) = reader.next()?;
        match event {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
            _ if tree.is_some() => return fault(line, "a second document"),
            event => tree = Some(reader.node(event, line)?),
        }
    }
    let tree = tree.unwrap_or_else(|| Node::map(Origin::Line(1)));
    Ok(if tree.is_null() { Node::map(tree.origin) } else { tree })
}

struct Reader<'a, P: Iterator<Item = Result<(Event<'a>, Span), ScanError>>> {
    parser: P,
}

impl<'a, P: Iterator<Item = Result<(Event<'a>, Span), ScanError>>> Reader<'a, P> {
    fn next(&mut self) -> Result<(Event<'a>, usize), Fault> {
        loop {
            match self.parser.next() {
                None => return Ok((Event::StreamEnd, 0)),
                Some(Err(error)) => return fault(error.marker().line(), error.info()),
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok((event, span))) => return Ok((event, span.start.line())),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, line: usize) -> Result<Node, Fault> {
        let kind = match event {
            Event::Scalar(text, style, ..) => {
                Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }
            }
            Event::SequenceStart(..) => self.list()?,
            Event::MappingStart(..) => self.entries()?,
            Event::Alias(..) => return fault(line, "an alias; write the value again"),
            _ => return fault(line, "a value is missing"),
        };
        Ok(Node { origin: Origin::Line(line), kind })
    }

    fn list(&mut self) -> Result<Kind, Fault> {
        let mut items = Vec::new();
        loop {
            let (event, line) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Kind::List(items));
            }
            items.push(self.node(event, line)?);
        }
    }

    fn entries(&mut self) -> Result<Kind, Fault> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        loop {
            let (event, line) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(Kind::Map(entries)),
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return fault(line, "a key that is not text"),
            };
            if entries.iter().any(|(known, _)| *known == key) {
                return fault(line, format!("the key {key} is there twice"));
            }
            let (event, value_line) = self.next()?;
            let value = self.node(event, value_line)?;
            // Where a person looks for it is the line of the key.
            entries.push((key, Node { origin: Origin::Line(line), ..value }));
        }
    }
}

fn fault<T>(line: usize, what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { line, what: what.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_know_their_lines() {
        let tree = parse("# a comment\na:\n  b.c: 1\n  d:\n    - x\n    - y\n").unwrap();
        for (path, line, shown) in
            [("a.b.c", 3, "1"), ("a.d", 4, "[x, y]"), ("a.gone", 2, "{b.c: 1, d: [x, y]}")]
        {
            let node = tree.nearest(path);
            assert_eq!((&node.origin, node.display().as_str()), (&Origin::Line(line), shown));
        }
    }

    #[test]
    fn nothing_is_an_empty_map() {
        for text in ["", "# only a comment\n", "---\n", "~", "{}"] {
            assert!(matches!(parse(text).unwrap().kind, Kind::Map(m) if m.is_empty()), "{text:?}");
        }
    }

    #[test]
    fn faults_know_their_line() {
        let cases = [
            ("a: 1\na: 2", 2, "twice"),
            ("a: &x 1\nb: *x", 2, "alias"),
            ("a: 1\n---\nb: 2", 3, "second document"),
            ("[a]: 1", 1, "not text"),
            ("a: [1, 2", 1, ""),
            ("a: 'x", 1, ""),
            ("a: 1\n b: 2\n", 2, ""),
        ];
        for (text, line, what) in cases {
            let fault = parse(text).unwrap_err();
            assert!(fault.line == line && fault.what.contains(what), "{text:?}: {fault:?}");
        }
    }
}
