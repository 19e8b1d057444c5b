//! Worlds in which the day matters: everybody buys more at a sale, whomever they have seen.

use super::{Design, Purpose};

pub(super) const SALES: Design = Design {
    name: "sales",
    story: "three days of sale a fortnight, three times the purchases; a launch, five times",
    purpose: Purpose::Claimed,
    turn: |knobs| knobs.sales = 3.0,
};

pub(super) const POSTER: Design = Design {
    name: "poster",
    story: "sales, and an account without effect that is acted on just then",
    purpose: Purpose::Claimed,
    turn: |knobs| (knobs.sales, knobs.poster) = (3.0, 0.08),
};
