//! The time that a shutdown takes: until when each part is waited for, after the signal.
//!
//! Invariant: the last part is left behind within the 30 s that a shutdown may take, however many
//! of them hang; what one leaves of its time is for those after it.

use std::time::{Duration, Instant};

use crate::clock;

/// To apply what is in hand and draw the last picture.
pub(super) const DRAINED: Duration = Duration::from_secs(12);
/// To write what the shards hand over then.
pub(super) const KEPT: Duration = Duration::from_secs(20);
pub(super) const GROUP_LEFT: Duration = Duration::from_secs(24);
pub(super) const OWNERS_ENDED: Duration = Duration::from_secs(25);
pub(super) const SHIFTS_TOLD: Duration = Duration::from_secs(27);
pub(super) const LETTERS_WRITTEN: Duration = Duration::from_secs(28);
pub(super) const SERVER_ENDED: Duration = Duration::from_millis(28_500);
pub(super) const RUNTIME_ENDED: Duration = Duration::from_secs(29);

/// For parts that wait for others, such as brokers and receivers, even when there is more time.
const PATIENCE: Duration = Duration::from_secs(5);

/// A shutdown that is under way.
#[derive(Clone, Copy)]
pub(super) struct Ending(Instant);

impl Ending {
    /// Of a daemon that was told to stop at `asked`.
    pub(super) const fn since(asked: Instant) -> Self {
        Self(asked)
    }

    /// The moment that lies so long after the signal.
    pub(super) fn by(self, after: Duration) -> Instant {
        self.0 + after
    }

    /// What is left until then, for a part that need not have all of it.
    pub(super) fn within(self, after: Duration) -> Duration {
        self.by(after).saturating_duration_since(clock::instant()).min(PATIENCE)
    }
}
