//! The accounts whose own acts are asked for, because they are influencers somewhere.
//!
//! Invariant: a watched account is either awaited, or its record says that it is watched.

use std::collections::HashSet;

use foldhash::fast::FixedState;

use super::actors::Actors;
use crate::model::{AccountKey, Outbound};

#[derive(Default)]
pub(super) struct Watch {
    /// Watched accounts that have no record.
    awaited: HashSet<AccountKey, FixedState>,
    /// Accounts whose outbound acts changed, with the place of their record then.
    changed: Vec<(AccountKey, u32)>,
}

impl Watch {
    pub(super) fn add(&mut self, key: AccountKey, actors: &mut Actors) {
        match actors.find(key, None) {
            Some(actor) => {
                actors.get_mut(actor).watched = true;
                self.changed(key, actor);
            }
            None => {
                self.awaited.insert(key);
            }
        }
    }

    /// Whether the account that now gets a record is watched.
    pub(super) fn welcome(&mut self, key: AccountKey, actor: u32) -> bool {
        let watched = !self.awaited.is_empty() && self.awaited.remove(&key);
        if watched {
            self.changed(key, actor);
        }
        watched
    }

    /// Notes that the record of a watched account is gone.
    pub(super) fn part(&mut self, key: AccountKey, actor: u32) {
        self.awaited.insert(key);
        self.changed(key, actor);
    }

    pub(super) fn changed(&mut self, key: AccountKey, actor: u32) {
        if self.changed.last() != Some(&(key, actor)) {
            self.changed.push((key, actor));
        }
    }

    pub(super) fn drain(&mut self, actors: &Actors, mut show: impl FnMut(AccountKey, Outbound)) {
        for (key, actor) in self.changed.drain(..) {
            let record = Some(actors.get(actor)).filter(|_| actors.holds(actor, key));
            let run = record.and_then(super::actors::Actor::outbound).unwrap_or_default();
            show(key, Outbound { units: run.units, bucket: run.bucket });
        }
    }
}
