//! From file and environment to a checked [`Config`], or to one line that says what to mend.

use std::path::{Path, PathBuf};

use super::schema::Key;
use super::tree::{Kind, Node, Origin, parse};
use super::{Config, Invalid, environment, schema};

/// A configuration file is read up to this size.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where the file is, and whether it may be absent.
#[derive(Clone, Debug)]
pub enum Source {
    /// Named by the user: it must be there.
    Given(PathBuf),
    /// The usual place: without it, defaults and environment do.
    Usual(PathBuf),
}

/// Why there is no configuration. Each is one line.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{}: cannot be read: {source}", file.display())]
    Read { file: PathBuf, source: std::io::Error },
    #[error("{at}: is not YAML as it is read here: {what}")]
    Syntax { at: String, what: String },
    #[error("{at}: {key}: there is no such key, {}", instead(key, allowed))]
    UnknownKey { at: String, key: String, allowed: Vec<String> },
    #[error("{at}: {invalid}")]
    Value { at: String, invalid: Invalid },
}

/// Reads the file, lays the environment over it, checks everything.
pub fn load(
    source: &Source,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, LoadError> {
    let (file, text) = match source {
        Source::Usual(file) if !file.exists() => (file, String::new()),
        Source::Given(file) | Source::Usual(file) => (file, read(file)?),
    };
    let place = |origin: &Origin| match origin {
        Origin::Line(line) => format!("{}:{line}", file.display()),
        Origin::Variable(name) => name.to_string(),
    };
    let mut tree = parse(&text).map_err(|f| LoadError::Syntax {
        at: place(&Origin::Line(f.line)),
        what: one_line(&f.what),
    })?;
    let root = Key::root();
    environment::lay_over(&mut tree, &root, variables).map_err(|e| e.placed(&place))?;
    let value = root.shape(&tree).map_err(|e| e.placed(&place))?;
    let config = typed(&value, &tree).map_err(|e| e.placed(&place))?;
    config.validate().map_err(|invalid| refused(invalid, &tree).placed(&place))?;
    Ok(config)
}

fn read(file: &Path) -> Result<String, LoadError> {
    let read = || {
        if std::fs::metadata(file)?.len() > FILE_BYTES_MAX {
            return Err(std::io::Error::other("it is larger than 1 MiB"));
        }
        std::fs::read_to_string(file)
    };
    read().map_err(|source| LoadError::Read { file: file.to_owned(), source })
}

/// What shape let pass and a type of its own refuses, such as a duration without unit.
fn typed(value: &serde_json::Value, tree: &Node) -> Result<Config, schema::Refused> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let key = error.path().to_string();
        let allowed = one_line(&error.into_inner().to_string());
        let value = schema::shown(&key, tree.nearest(&key));
        schema::Refused::Value {
            origin: tree.nearest(&key).origin.clone(),
            invalid: Invalid { key, value, allowed },
        }
    })
}

/// A check sees values; only the tree knows where they were written, and how a number was spelled.
fn refused(mut invalid: Invalid, tree: &Node) -> schema::Refused {
    let node = tree.nearest(&invalid.key);
    if schema::holds_secrets(&invalid.key) {
        invalid.value = schema::HIDDEN.into();
    } else if invalid.value.parse::<f64>().is_ok() && matches!(node.kind, Kind::Scalar { .. }) {
        invalid.value = schema::shown(&invalid.key, node);
    }
    schema::Refused::Value { origin: node.origin.clone(), invalid }
}

impl schema::Refused {
    fn placed(self, place: &impl Fn(&Origin) -> String) -> LoadError {
        match self {
            Self::UnknownKey { origin, key, allowed } => {
                LoadError::UnknownKey { at: place(&origin), key, allowed }
            }
            Self::Value { origin, invalid } => LoadError::Value { at: place(&origin), invalid },
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What could have been meant, and all that there is.
fn instead(key: &str, allowed: &[String]) -> String {
    if allowed.is_empty() {
        return "nothing can be set here".into();
    }
    let all = format!("allowed are {}", allowed.join(", "));
    let wrong = key.rsplit('.').next().unwrap_or(key).to_lowercase();
    match allowed.iter().map(|name| (distance(&wrong, name), name)).min() {
        Some((edits, name)) if edits <= 2.max(name.len() / 3) => {
            format!("did you mean {name}?, {all}")
        }
        _ => all,
    }
}

/// Edits (insert, drop, replace) from one name to the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(b.chars()) {
            let replaced = diagonal + usize::from(from != to);
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, edits) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("kakfa", "kafka", 2),
            ("broker", "brokers", 1),
            ("x", "", 1),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }
}
