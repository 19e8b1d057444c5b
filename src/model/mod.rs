//! The nouns that every other part speaks: events in, sums in the middle, standings out.
//!
//! Invariant: nothing here does I/O, reads a clock or holds state of the daemon.

mod account;
mod batch;
mod bounds;
mod detection;
mod history;
mod interaction;
mod lift;
mod overrides;
mod params;
mod rejection;
mod shift;
mod standing;
mod sums;

pub use account::{Account, AccountKey, Secret};
pub use batch::Batch;
pub use detection::{Detection, SegmentDetection};
pub use history::{Acted, HISTORY, Histories, History, SegmentHistories};
pub use interaction::{CampaignPlace, Class, Interaction, Kind};
pub use lift::{Basis, Evidence, Lift, RateRatio, SegmentEvidence, Test};
pub use overrides::{HalfSaturationOverride, SegmentParams};
pub use params::{HalfSaturation, Params, ParamsError, Points, Weights};
pub use rejection::{Position, Reason, Rejection};
pub use shift::{NotAShiftId, Rule, Shift, ShiftId};
pub use standing::{Label, SegmentStandings, Standing};
pub use sums::{Attributed, Fans, Outbound, RESIDUE, RING, RING_BUCKETS, SegmentSums, Sums};
