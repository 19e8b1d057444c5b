//! Worlds in which people differ in more than the plain campaign has.

use super::{Design, Purpose};

pub(super) const HOMOPHILY: Design = Design {
    name: "homophily",
    story: "those who buy most buy twice as much and love one account even more",
    purpose: Purpose::Claimed,
    turn: |knobs| knobs.homophily = 2.0,
};

pub(super) const MOODS: Design = Design {
    name: "moods",
    story: "one week in five a person is 2.5 times as active and as ready to buy",
    purpose: Purpose::Claimed,
    turn: |knobs| knobs.moods = 2.5,
};

pub(super) const RARE: Design = Design {
    name: "rare",
    story: "half as many purchases",
    purpose: Purpose::Claimed,
    turn: |knobs| knobs.purchases = 0.5,
};

pub(super) const SEGMENTS: Design = Design {
    name: "segments",
    story: "two segments, three in ten people in both",
    purpose: Purpose::Claimed,
    turn: |knobs| knobs.both = 0.3,
};
