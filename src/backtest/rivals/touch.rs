//! Last touch: a conversion goes to whom its actor acted on last.

use super::Map;
use crate::model::AccountKey;

#[derive(Default)]
pub(super) struct LastTouch {
    /// When an actor acted last, and on whom.
    last: Map<AccountKey, (i64, u32)>,
    conversions: Map<u32, f64>,
}

impl LastTouch {
    pub(super) fn touch(&mut self, actor: AccountKey, time_ms: i64, account: u32) {
        let last = self.last.entry(actor).or_insert((time_ms, account));
        if time_ms >= last.0 {
            *last = (time_ms, account);
        }
    }

    /// A conversion that declares whom it is due to goes there.
    pub(super) fn convert(
        &mut self,
        actor: AccountKey,
        time_ms: i64,
        declared: Option<u32>,
        lookback_ms: i64,
    ) {
        let is_recent = |at: i64| (time_ms - lookback_ms..time_ms).contains(&at);
        let touched = self.last.get(&actor).filter(|(at, _)| is_recent(*at));
        if let Some(account) = declared.or(touched.map(|(_, account)| *account)) {
            *self.conversions.entry(account).or_default() += 1.0;
        }
    }

    pub(super) fn conversions(&self) -> impl Iterator<Item = (u32, f64)> {
        self.conversions.iter().map(|(account, conversions)| (*account, *conversions))
    }
}
