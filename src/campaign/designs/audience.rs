//! Worlds in which people differ in more than the plain campaign has.

use super::Design;

pub(super) const HOMOPHILY: Design = Design {
    name: "homophily",
    story: "those who buy most buy twice as much and love one account even more",
    is_claimed: true,
    turn: |knobs| knobs.homophily = 2.0,
};

pub(super) const MOODS: Design = Design {
    name: "moods",
    story: "one week in five a person is 2.5 times as active and as ready to buy",
    is_claimed: true,
    turn: |knobs| knobs.moods = 2.5,
};

pub(super) const RARE: Design = Design {
    name: "rare",
    story: "half as many purchases",
    is_claimed: true,
    turn: |knobs| knobs.purchases = 0.5,
};

pub(super) const SEGMENTS: Design = Design {
    name: "segments",
    story: "two segments, three in ten people in both",
    is_claimed: true,
    turn: |knobs| knobs.both = 0.3,
};
