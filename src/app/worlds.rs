//! Planted worlds as arguments name them: designs, joined by `+`, and single knobs.

use clap::Args;

use crate::campaign::{DESIGNS, Design, KNOBS, Knobs, Purpose};

/// A world as it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// The designs in it.
    pub name: String,
    pub knobs: Knobs,
}

/// One world, or all those that the model claims (`claimed`), or fails in (`limits`).
#[derive(Clone, Debug, PartialEq)]
pub struct WorldSet(pub Vec<World>);

/// A knob and where to turn it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn(&'static str, f64);

/// Knobs that are turned in every world.
#[derive(Clone, Debug, Default, Args)]
pub struct Turns {
    /// Turn a knob of the worlds, such as accounts=40, mid=2, homophily=3 (see the end).
    #[arg(long = "set", value_name = "KNOB=N", value_parser = turn)]
    turns: Vec<Turn>,
}

impl Turns {
    /// The world with these knobs turned.
    #[must_use]
    pub fn apply(&self, world: &World) -> World {
        let mut world = world.clone();
        for Turn(name, value) in &self.turns {
            world.knobs.set(name, *value).expect("a turn must have been checked");
        }
        world
    }
}

/// A world by the names of its designs, such as `moods` or `sales+beside`.
pub fn world(text: &str) -> Result<World, String> {
    let mut knobs = Knobs::default();
    for name in text.split('+') {
        let Some(design) = Design::find(name) else {
            let names: Vec<_> = DESIGNS.iter().map(|design| design.name).collect();
            return Err(format!("there is no design {name}, there are: {}", names.join(", ")));
        };
        (design.turn)(&mut knobs);
    }
    Ok(World { name: text.to_owned(), knobs })
}

/// The worlds of a name.
pub fn worlds(text: &str) -> Result<WorldSet, String> {
    let purpose = match text {
        "claimed" => Purpose::Claimed,
        "limits" => Purpose::Limits,
        _ => return world(text).map(|world| WorldSet(vec![world])),
    };
    let those = DESIGNS.iter().filter(|design| design.purpose == purpose);
    let named = |design: &Design| World { name: design.name.to_owned(), knobs: design.knobs() };
    Ok(WorldSet(those.map(named).collect()))
}

fn turn(text: &str) -> Result<Turn, String> {
    let (name, value) = text.split_once('=').ok_or("KNOB=NUMBER is needed")?;
    let value = value.parse::<f64>().map_err(|error| format!("{value}: {error}"))?;
    Knobs::default().set(name, value).map_err(|invalid| invalid.to_string())?;
    let knob = KNOBS.iter().find(|knob| knob.name == name).ok_or("no such knob")?;
    Ok(Turn(knob.name, value))
}

/// All designs and knobs, for the end of a command's help.
#[must_use]
pub fn listed() -> String {
    let mut lines = vec!["Designs, which combine with + (moods+sales):".to_owned()];
    lines.extend(DESIGNS.iter().map(|design| format!("  {:<11} {}", design.name, design.story)));
    lines.extend([String::new(), "Knobs, of --set:".to_owned()]);
    lines.extend(KNOBS.iter().map(|knob| {
        format!("  {:<11} {} [{}]", knob.name, knob.meaning, knob.of(Knobs::default()))
    }));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worlds_have_names_and_knobs() {
        let both = world("moods+rings").unwrap();
        assert_eq!(both.knobs, Knobs { moods: 2.5, ..Design::find("rings").unwrap().knobs() });
        let turns = Turns { turns: vec![turn("moods=3").unwrap(), turn("accounts=7").unwrap()] };
        let turned = turns.apply(&both);
        assert_eq!(turned.knobs, Knobs { moods: 3.0, accounts: 7.0, ..both.knobs });
        assert_eq!(turned.name, "moods+rings");
        let count = |text| worlds(text).unwrap().0.len();
        assert_eq!(["claimed", "limits", "plain"].map(count), [13, 4, 1]);
    }

    #[test]
    fn what_there_is_not_is_refused() {
        assert!(world("mods").unwrap_err().contains("there are: plain, nothing,"));
        for (text, said) in [
            ("moods", "KNOB=NUMBER is needed"),
            ("moods=x", "x: invalid float literal"),
            ("moods=99", "moods: 99 is not allowed, it must be from 1 to 10"),
            ("moon=1", "moon: 1 is not allowed, it must be a knob: size, "),
        ] {
            let refused = turn(text).unwrap_err();
            assert!(refused.starts_with(said), "{text}: {refused}");
        }
        assert!(listed().contains("\n  moods       one week in five"));
    }
}
