//! What the two indices together say of an influencer, without flapping (SCORING §7).
//!
//! Invariant: an index that stays within [`BAND`] of its threshold never changes a label.

use crate::model::Label;

/// Threshold of influence and of popularity.
const HIGH: f64 = 40.0;
/// How far beyond the threshold an index must be for its side to change.
const BAND: f64 = 5.0;
/// Momentum and credit of those who rise.
const RISING: f64 = 1.5;
const NOTICED: f64 = 20.0;
/// Credit below which nothing is said.
const TOO_LITTLE: f64 = 5.0;

/// On which side of its threshold each index of a listing was last; all that labels remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sides {
    pub(super) influential: bool,
    pub(super) popular: bool,
}

/// What a label is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Indices {
    pub(super) score: f64,
    pub(super) popularity: f64,
    pub(super) momentum: f64,
    /// Credit of amplify and relate, fan-units.
    pub(super) credit: f64,
}

impl Sides {
    /// The sides now, by those before. Who has no past is judged at the threshold itself.
    pub(super) fn next(before: Option<Self>, indices: &Indices) -> Self {
        Self {
            influential: side(before.map(|sides| sides.influential), indices.score),
            popular: side(before.map(|sides| sides.popular), indices.popularity),
        }
    }

    pub(super) fn label(self, indices: &Indices) -> Label {
        let rising = indices.momentum > RISING && indices.credit >= NOTICED;
        match (self.influential, self.popular) {
            _ if indices.credit < TOO_LITTLE => Label::Insufficient,
            (true, true) => Label::Both,
            (true, false) => Label::Influential,
            (false, true) => Label::Popular,
            (false, false) if rising => Label::Emerging,
            (false, false) => Label::Quiet,
        }
    }
}

fn side(before: Option<bool>, index: f64) -> bool {
    index
        >= match before {
            None => HIGH,
            Some(true) => HIGH - BAND,
            Some(false) => HIGH + BAND,
        }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn indices(score: f64, popularity: f64) -> Indices {
        Indices { score, popularity, momentum: 1.0, credit: 100.0 }
    }

    /// The labels of a listing as its indices move.
    fn labels(readings: &[(f64, f64)]) -> Vec<Label> {
        let mut sides = None;
        let label = |&(score, popularity): &(f64, f64)| {
            let indices = indices(score, popularity);
            let next = Sides::next(sides, &indices);
            sides = Some(next);
            next.label(&indices)
        };
        readings.iter().map(label).collect()
    }

    #[test]
    fn a_side_is_left_beyond_the_band_only() {
        use Label::{Both, Influential, Popular, Quiet};
        for (readings, expected) in [
            (&[(39.9, 0.0)][..], &[Quiet][..]),
            (&[(40.0, 0.0)], &[Influential]),
            (&[(0.0, 40.0)], &[Popular]),
            (&[(39.9, 0.0), (44.9, 0.0), (45.0, 0.0)], &[Quiet, Quiet, Influential]),
            (&[(40.0, 0.0), (35.0, 0.0), (34.9, 0.0)], &[Influential, Influential, Quiet]),
            (&[(50.0, 39.9), (50.0, 45.0), (34.0, 35.0)], &[Influential, Both, Popular]),
        ] {
            assert_eq!(labels(readings), expected, "{readings:?}");
        }
    }

    #[test]
    fn momentum_and_credit_say_the_rest() {
        let quiet = Sides { influential: false, popular: false };
        for (momentum, credit, expected) in [
            (1.5, 20.0, Label::Quiet),
            (1.6, 20.0, Label::Emerging),
            (1.6, 19.9, Label::Quiet),
            (1.6, 4.9, Label::Insufficient),
        ] {
            let indices = Indices { momentum, credit, ..indices(39.0, 39.0) };
            assert_eq!(quiet.label(&indices), expected);
        }
    }

    proptest! {
        /// Property 19: within a unit of the thresholds nothing flaps.
        #[test]
        fn labels_do_not_flap(
            first in (0.0..100.0, 0.0..100.0),
            near in prop::collection::vec((39.0..41.0, 39.0..41.0), 1..50),
        ) {
            let near: Vec<(f64, f64)> = [first].into_iter().chain(near).collect();
            let labels = labels(&near);
            prop_assert!(labels.windows(2).all(|pair| pair[0] == pair[1]), "{labels:?}");
        }
    }
}
