//! What a shard publishes: plain sums over its actors, which add up exactly over partitions.

/// Buckets of which fans are kept, the newest included; the bound on `ring_buckets`.
pub const RING: usize = 8;

/// [`RING`], to count buckets with.
pub const RING_BUCKETS: u32 = 8;

/// Distinct actors by bucket, for the [`RING`] buckets up to `newest`.
/// The count of bucket `b` lies at `b mod RING`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Fans {
    /// Actors with an act of amplify or relate in the bucket.
    pub acted: [u32; RING],
    /// Actors whose latest such act lies in the bucket: their sum is a distinct count.
    pub latest: [u32; RING],
}

/// Credit in fan-units that counts as none, wherever it is added to or read. A shard may thus let
/// go of a record with as little whenever it likes: no reading shows whether it has.
pub const RESIDUE: f64 = 1.0 / (1_u128 << 80) as f64;

/// Sums of one (segment, influencer) over the actors of a shard.
/// Credits are in fan-units as of the shard's landmark; multiply by the landmark's factor.
///
/// Laid out so that an act in a bucket that its actor has acted in before touches credit only.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct Sums {
    /// Credit `E_A`: passing on.
    pub amplify: f64,
    /// Credit `E_R`: talking with.
    pub relate: f64,
    /// Credit `E_P`: liking and seeing.
    pub popularity: f64,
    /// Bucket of the newest act in `fans`.
    pub newest_bucket: u32,
    /// Actors of the segment that follow now.
    pub followers: u32,
    pub fans: Fans,
    /// The part of `amplify` and `relate` from actors that, in their run in the segment, act on
    /// others as well.
    pub shared: f64,
}

/// Sums of one segment over the actors of a shard, as of the shard's landmark.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SegmentSums {
    /// The active audience `U`, fan-units.
    pub active_audience: f64,
    /// Conversions of the open buckets and the evidence window attributed to nobody.
    pub organic_conversions: f64,
    /// Their value, in the base currency.
    pub organic_value: f64,
}

/// What conversions of the open buckets and the evidence window give an influencer in a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Attributed {
    /// Shares of conversions by touches.
    pub touched: f64,
    /// Conversions declared by a target or a code.
    pub declared: f64,
    /// The value of both, in the base currency.
    pub value: f64,
}

/// An account's own acts of its last run: `C_out` as of `bucket`, in units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outbound {
    pub units: f64,
    pub bucket: u32,
}

impl Sums {
    /// Whether all credit, referred to a moment by `factor`, is a residue.
    #[must_use]
    pub fn are_residues(&self, factor: f64) -> bool {
        [self.amplify, self.relate, self.popularity].iter().all(|credit| credit * factor < RESIDUE)
    }

    /// Forgets credits that are under `least`.
    pub fn drop_residues(&mut self, least: f64) {
        for credit in [&mut self.amplify, &mut self.relate, &mut self.popularity] {
            // Without a branch, because which sums are 0 cannot be foreseen.
            *credit = if *credit < least { 0.0 } else { *credit };
        }
    }
}
