//! The days on which everybody buys more: sales and a launch.

/// Days from one sale to the next, the first day of the first, and how many a sale lasts.
const FORTNIGHT: u16 = 14;
const FIRST: u16 = 9;
const SALE_DAYS: u16 = 3;
/// Days over which a launch fades.
const LAUNCH_DAYS: u16 = 4;

/// When sales are; the launch is after two thirds of the days.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calendar {
    pub(super) days: u16,
    /// What a day of sale multiplies purchases by; 1 without sales.
    pub(super) factor: f64,
}

impl Calendar {
    /// What the day multiplies everybody's purchases by.
    pub(super) fn pull(self, day: u16) -> f64 {
        let Some(since) = day.checked_sub(self.days / 3 * 2).filter(|d| *d < LAUNCH_DAYS) else {
            return if is_sale(day) { self.factor } else { 1.0 };
        };
        let launch = 2.0 * (self.factor - 1.0) / f64::from(1_u16 << since);
        let sale = if is_sale(day) { self.factor } else { 1.0 };
        sale.max(1.0 + launch)
    }

    /// Whether an account that posts for sales does so: from the day before to the last.
    pub(super) fn calls(self, day: u16) -> bool {
        self.pull(day) > 1.0 || self.pull(day + 1) > 1.0
    }
}

fn is_sale(day: u16) -> bool {
    day.checked_sub(FIRST).is_some_and(|since| since % FORTNIGHT < SALE_DAYS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "exact by construction")]

    use super::*;

    #[test]
    fn sales_and_the_launch_are_where_they_belong() {
        let calendar = Calendar { days: 45, factor: 3.0 };
        let pulls: Vec<f64> = (8..14).map(|day| calendar.pull(day)).collect();
        assert_eq!(pulls, [1.0, 3.0, 3.0, 3.0, 1.0, 1.0]);
        let launch: Vec<f64> = (29..36).map(|day| calendar.pull(day)).collect();
        assert_eq!(launch, [1.0, 5.0, 3.0, 2.0, 1.5, 1.0, 1.0]);
        assert!(calendar.calls(8) && !calendar.calls(7) && calendar.calls(11));
        let none = Calendar { days: 45, factor: 1.0 };
        assert!((0..45).all(|day| none.pull(day) == 1.0 && !none.calls(day)));
    }
}
