//! The secret of account keys, beside the snapshots whose accounts it stands for.
//!
//! Invariant: of several daemons that start at once on one folder, all end up with the same key.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};

use crate::model::Secret;

const FILE: &str = "actor.key";

/// The key in `dir`, drawn and written there if there is none.
pub(in crate::app) fn secret_beside(dir: &Path) -> anyhow::Result<Secret> {
    let path = dir.join(FILE);
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    if let Some(secret) = read(&path)? {
        return Ok(secret);
    }
    let drawn = random()?;
    let unfinished = dir.join(format!("{FILE}.{:016x}.tmp", random()?));
    write(&unfinished, drawn).with_context(|| format!("cannot write {}", path.display()))?;
    // Unlike a rename, a link leaves alone what another daemon was faster to write.
    let linked = fs::hard_link(&unfinished, &path);
    fs::remove_file(&unfinished).with_context(|| format!("{}", unfinished.display()))?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("cannot write {}", path.display()))
        }
        _ => {
            fs::File::open(dir).and_then(|dir| dir.sync_all())?;
            read(&path)?.with_context(|| format!("{} is gone", path.display()))
        }
    }
}

fn random() -> anyhow::Result<u64> {
    getrandom::u64().map_err(|error| anyhow::anyhow!("cannot draw a key: {error}"))
}

fn read(path: &Path) -> anyhow::Result<Option<Secret>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    match u64::from_str_radix(text.trim(), 16) {
        Ok(key) if text.trim().len() == 16 => Ok(Some(Secret::new(key))),
        _ => bail!("{} does not hold 16 hexadecimal digits", path.display()),
    }
}

fn write(path: &Path, key: u64) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{key:016x}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_drawn_once_and_kept_from_others() {
        let dir = tempfile::tempdir().expect("a folder");
        let below = dir.path().join("snapshots");
        let keys: Vec<Secret> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| secret_beside(&below))).collect();
            threads.into_iter().map(|t| t.join().expect("a thread").expect("a key")).collect()
        });
        let again = secret_beside(&below).expect("the same key");
        assert!(keys.iter().all(|key| *key == again));
        let mode = fs::metadata(below.join(FILE)).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = secret_beside(dir.path()).expect("another key");
        assert!(other != again, "two folders must have two keys");
        fs::write(below.join(FILE), "none").expect("written");
        assert!(secret_beside(&below).is_err(), "a broken key must not be replaced");
    }
}
