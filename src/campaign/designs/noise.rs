//! Worlds with more that is bought, automatic or loud.

use super::{Design, Purpose};

pub(super) const RINGS: Design = Design {
    name: "rings",
    story: "60 bots pass an account on ten times a day each",
    purpose: Purpose::Claimed,
    turn: |knobs| (knobs.puppet, knobs.bots, knobs.shouts) = (0.02, 60.0, 10.0),
};

pub(super) const LOUD: Design = Design {
    name: "loud",
    story: "the celebrity buys a follower for each person in two days; a spammer answers 300 a day",
    purpose: Purpose::Claimed,
    turn: |knobs| (knobs.wave, knobs.spam) = (1.0, 300.0),
};
