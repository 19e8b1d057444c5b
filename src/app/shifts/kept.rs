//! The file that keeps what was announced over a restart.
//!
//! Invariant: it is replaced whole or not at all. One that cannot be read is put aside, never
//! overwritten, and the start goes on without.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::detect::DetectorState;
use crate::model::Shift;

pub(super) const FILE: &str = "shifts.json";
const VERSION: u32 = 2;

#[derive(Deserialize)]
struct Kept {
    version: u32,
    state: DetectorState,
    announced: Vec<Shift>,
}

#[derive(Serialize)]
struct Keeping<'a> {
    version: u32,
    state: &'a DetectorState,
    announced: &'a [Arc<Shift>],
}

/// It cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}")]
pub(super) struct SaveError {
    path: String,
    source: io::Error,
}

/// The state and what was announced; nothing where nothing was kept.
pub(super) fn load(file: &Path) -> (DetectorState, Vec<Shift>) {
    let read = fs::read(file).and_then(|bytes| {
        let kept: Kept = serde_json::from_slice(&bytes)?;
        match kept.version {
            1 => Ok(Kept { state: kept.state.from_first_version(), ..kept }),
            VERSION => Ok(kept),
            _ => Err(io::Error::other("it is of another version")),
        }
    });
    match read {
        Ok(kept) => (kept.state, kept.announced),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Default::default(),
        Err(error) => {
            let aside = file.with_extension("unreadable");
            let moved = fs::rename(file, &aside).is_ok();
            tracing::error!(
                file = %file.display(),
                %error,
                moved,
                "what was announced cannot be read, this start announces nothing of before"
            );
            Default::default()
        }
    }
}

pub(super) fn save(
    file: &Path,
    state: &DetectorState,
    announced: &[Arc<Shift>],
) -> Result<(), SaveError> {
    let write = || {
        let bytes = serde_json::to_vec(&Keeping { version: VERSION, state, announced })?;
        let folder = file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let beside = file.with_extension("new");
        let mut new = File::create(&beside)?;
        new.write_all(&bytes)?;
        new.sync_all()?;
        fs::rename(&beside, file)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|source| SaveError { path: file.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::shift;

    #[test]
    fn what_is_kept_comes_back_and_what_is_broken_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep").join(FILE);
        assert_eq!(load(&file), (DetectorState::default(), vec![]));
        let state = DetectorState { as_of_ms: 7, ..DetectorState::default() };
        save(&file, &state, &[Arc::new(shift(1))]).unwrap();
        assert_eq!(load(&file), (state, vec![shift(1)]));
        for broken in
            ["", "{", r#"{"version":3,"state":{"as_of_ms":1,"segments":{}},"announced":[]}"#]
        {
            fs::write(&file, broken).unwrap();
            assert_eq!(load(&file), (DetectorState::default(), vec![]), "{broken}");
            assert!(!file.exists());
            assert_eq!(fs::read_to_string(file.with_extension("unreadable")).unwrap(), broken);
        }
    }

    #[test]
    fn a_file_of_each_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for version in 1..=VERSION {
            let fixture = format!("tests/fixtures/shifts/v{version}.json");
            let file = folder.path().join(FILE);
            fs::copy(&fixture, &file).unwrap();
            let (state, announced) = load(&file);
            let known = &state.segments["s"].influencers;
            let told = known.values().map(|known| known.announced.len()).sum::<usize>();
            assert_eq!((known.len(), told), (30, announced.len()), "{fixture}");
            assert!(known.values().any(|known| !known.moving.is_empty()), "{fixture}");
            let in_doubt = known.values().any(|known| known.next_proof.is_some());
            assert_eq!(in_doubt, version > 1, "{fixture}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::write(&taken, "").unwrap();
        let error = save(&taken.join(FILE), &DetectorState::default(), &[]).unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
    }
}
