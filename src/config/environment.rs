//! Environment variables over the file: `SILLAGE__VIEW__INTERVAL=200ms` sets `view.interval`.
//!
//! Two underscores separate levels and case does not matter, as keys are lower case; but keys that
//! are the user's own, such as promo codes, keep it. Single underscores (`SILLAGE_PORT`, which
//! container platforms set by themselves) are not ours.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Invalid;
use super::schema::{Key, Refused};
use super::tree::{Kind, Node, Origin};

const PREFIX: &str = "SILLAGE__";

/// Puts each variable that is ours into the tree.
pub(super) fn lay_over(
    tree: &mut Node,
    root: &Key,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<(), Refused> {
    // By path, so that a whole section comes before one of its keys, whatever the order given.
    let mut ours: BTreeMap<Vec<String>, (Arc<str>, String)> = BTreeMap::new();
    for (name, value) in variables {
        let Some(path) = path_of(&name) else { continue };
        let path = path.map(str::to_lowercase).collect();
        if let Some((other, _)) = ours.insert(path, (Arc::from(name.as_str()), value)) {
            return Err(Refused::Value {
                origin: Origin::Variable(other),
                invalid: Invalid::new("environment", &name, "a key that is set once"),
            });
        }
    }
    for (name, text) in ours.into_values() {
        let path: Vec<&str> = path_of(&name).into_iter().flatten().collect();
        set(tree, root, &path, Node::scalar(&text, Origin::Variable(Arc::clone(&name))))?;
    }
    Ok(())
}

fn path_of(name: &str) -> Option<impl Iterator<Item = &str>> {
    let (prefix, path) = name.split_at_checked(PREFIX.len())?;
    prefix.eq_ignore_ascii_case(PREFIX).then(|| path.split("__"))
}

fn set(tree: &mut Node, key: &Key, path: &[&str], value: Node) -> Result<(), Refused> {
    let Some((segment, rest)) = path.split_first() else {
        *tree = value;
        return Ok(());
    };
    let below = key.below_from_environment(segment, &value.origin)?;
    if let Kind::Scalar { text, plain: true } = &tree.kind {
        // A section given whole by a variable, or one that the file leaves empty.
        *tree = key.flow(text, &tree.origin)?;
    }
    let shown = key.shown(tree);
    let Kind::Map(entries) = &mut tree.kind else {
        return Err(key.refuse_shown(&tree.origin, shown));
    };
    let at = entries.iter().position(|(name, _)| name == below.name());
    let at = at.unwrap_or_else(|| {
        entries.push((below.name().to_owned(), Node::map(value.origin.clone())));
        entries.len() - 1
    });
    match entries.get_mut(at) {
        Some((_, node)) => set(node, &below, rest, value),
        None => Ok(()),
    }
}
