//! A world that changes while one looks.

use super::{Design, Purpose, noise};

pub(super) const SHIFTS: Design = Design {
    name: "shifts",
    story: "a newcomer, a surge, a fade, bought followers, an effect that comes and one that goes; \
            moods, sales, bots, spam, 20 further accounts, which are none",
    purpose: Purpose::Shifts,
    turn: |knobs| {
        for design in [noise::RINGS, noise::LOUD] {
            (design.turn)(knobs);
        }
        (knobs.turns, knobs.moods, knobs.sales) = (1.0, 2.0, 2.0);
        // By then a sixth follow the celebrity, and five times as many when it has bought.
        knobs.wave = 4.0 / 6.0;
        (knobs.micro, knobs.mid, knobs.accounts, knobs.effect) = (1.0, 1.0, 20.0, 1.0);
    },
};
