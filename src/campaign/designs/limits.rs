//! Worlds in which the model is known to fail, so that by how much can be measured.

use super::{Design, Purpose};

pub(super) const SMALL: Design = Design {
    name: "small",
    story: "a tenth of the people",
    purpose: Purpose::Limits,
    turn: |knobs| knobs.size = 0.1,
};

pub(super) const THANKS: Design = Design {
    name: "thanks",
    story: "who buys acts on each favourite the day after, one time in two; on the brand, times 3, \
            hardly otherwise",
    purpose: Purpose::Limits,
    turn: |knobs| (knobs.thanks, knobs.brand) = (0.5, 0.2),
};

pub(super) const IDOL: Design = Design {
    name: "idol",
    story: "fans of an account, times 3, act on it every day and are never without it",
    purpose: Purpose::Limits,
    turn: |knobs| knobs.idol = 0.03,
};

pub(super) const FLASH: Design = Design {
    name: "flash",
    story: "an account, times 3, that works on the day of the touch only",
    purpose: Purpose::Limits,
    turn: |knobs| knobs.flash = 0.03,
};
