//! `config/reference.yaml`: every key with its default and its doc comment.

use std::fmt::Write as _;

use super::schema::Key;
use super::tree::{Kind, Node, Origin, parse};
use super::{Config, Duration};

const WIDTH: usize = 96;

const HEAD: &str = "\
# Every key of sillage's configuration with its default. `sillage reference` prints this file.
# Each key can come from the environment as well: SILLAGE__VIEW__INTERVAL=200ms; lists are
# separated by commas, maps written {key: value}.
";

/// The reference as YAML that loads to the defaults.
#[must_use]
pub fn reference() -> String {
    let defaults =
        serde_saphyr::to_string(&Config::default()).expect("defaults must be plain data");
    let tree = parse(&defaults).expect("what was written must be readable");
    let mut text = HEAD.to_owned();
    write_entries(&mut text, &Key::root(), &tree, 0);
    text
}

/// All keys that can be set, dotted, in the order of the reference.
#[must_use]
pub fn keys() -> Vec<String> {
    let text = reference();
    let tree = parse(&text).expect("what was written must be readable");
    let mut keys = Vec::new();
    collect(&mut keys, &Key::root(), &tree);
    keys
}

fn collect(keys: &mut Vec<String>, key: &Key, node: &Node) {
    for (below, node) in entries(key, node) {
        if below.is_section() {
            collect(keys, &below, node);
        } else {
            keys.push(below.path().to_owned());
        }
    }
}

fn write_entries(text: &mut String, key: &Key, node: &Node, indent: usize) {
    for (below, node) in entries(key, node) {
        let margin = " ".repeat(indent);
        if indent == 0 {
            text.push('\n');
        }
        write_comment(text, &below.description(), &margin);
        if below.is_section() {
            writeln!(text, "{margin}{}:", below.name()).expect("a string takes all");
            write_entries(text, &below, node, indent + 2);
        } else {
            writeln!(text, "{margin}{}: {}", below.name(), value(&below, node))
                .expect("a string takes all");
        }
    }
}

fn entries<'a>(key: &Key, node: &'a Node) -> Vec<(Key, &'a Node)> {
    let Kind::Map(entries) = &node.kind else { return Vec::new() };
    let below = |name: &str| key.below(name, &Origin::Line(0)).expect("a default must be a key");
    entries.iter().map(|(name, node)| (below(name), node)).collect()
}

fn write_comment(text: &mut String, description: &str, margin: &str) {
    let mut line = format!("{margin}#");
    let empty = line.len();
    for word in description.split_whitespace() {
        if line.len() > empty && line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line.truncate(empty);
        }
        line.push(' ');
        line.push_str(word);
    }
    if line.len() > empty {
        text.push_str(&line);
        text.push('\n');
    }
}

fn value(key: &Key, node: &Node) -> String {
    let shown = node.display();
    let millis = if key.holds_millis() { shown.parse().ok() } else { None };
    match millis {
        Some(ms) => Duration::from_millis(ms).to_string(),
        None => shown,
    }
}
