//! Worlds that differ in which accounts there are.

use super::{Design, Purpose};

pub(super) const NOTHING: Design = Design {
    name: "nothing",
    story: "no account has an effect",
    purpose: Purpose::Claimed,
    turn: |knobs| (knobs.micro, knobs.mid) = (1.0, 1.0),
};

pub(super) const BESIDE: Design = Design {
    name: "beside",
    story: "17 in 20 fans of micro act on another account on the same days",
    purpose: Purpose::Claimed,
    turn: |knobs| knobs.beside = 0.85,
};

pub(super) const CROWD: Design = Design {
    name: "crowd",
    story: "60 further accounts with fans, six of them times 2",
    purpose: Purpose::Claimed,
    turn: |knobs| knobs.accounts = 60.0,
};
