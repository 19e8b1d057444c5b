//! Shifts that were told beside those that were planted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::interval::{Estimate, wilson};
use crate::campaign::{PlantedShift, Truth};
use crate::model::{Rule, Shift};

/// What was told of a world.
#[derive(Clone, Debug, Serialize)]
pub struct ShiftVerdict {
    pub design: String,
    pub seed: u64,
    pub planted: Vec<ShiftCase>,
    /// Told of an account that changed, because it did, under another rule.
    pub consequences: u64,
    /// Told although nothing of the kind was planted.
    pub strange: Vec<Shift>,
}

/// A planted shift, and how often it was told.
#[derive(Clone, Debug, Serialize)]
pub struct ShiftCase {
    pub planted: PlantedShift,
    pub told: u64,
    /// From its beginning to when it was first told, ms of event time.
    pub after_ms: Option<i64>,
}

/// All worlds.
#[derive(Clone, Debug, Serialize)]
pub struct ShiftsSummary {
    /// By account.
    pub kinds: BTreeMap<String, KindSummary>,
    pub all: KindSummary,
    /// Part of the planted that was told.
    pub recall: Option<Estimate>,
    /// Part that was planted of what was told, once each; consequences count on neither side.
    pub precision: Option<Estimate>,
    pub consequences: u64,
    pub strange: BTreeMap<&'static str, u64>,
}

/// Planted shifts of one kind.
#[derive(Clone, Debug, Default, Serialize)]
pub struct KindSummary {
    pub rule: Option<Rule>,
    pub planted: u64,
    pub found: u64,
    /// Told again.
    pub repeated: u64,
    /// Times to the first telling, ms of event time, in order.
    pub after_ms: Vec<i64>,
}

/// Sets what was told beside what was planted.
#[must_use]
pub fn judge_shifts(design: String, seed: u64, truth: &Truth, told: &[Shift]) -> ShiftVerdict {
    let case =
        |planted: &PlantedShift| ShiftCase { planted: planted.clone(), told: 0, after_ms: None };
    let planted = truth.shifts.iter().map(case).collect();
    let mut verdict = ShiftVerdict { design, seed, planted, consequences: 0, strange: Vec::new() };
    for shift in told {
        verdict.add(shift);
    }
    verdict
}

impl ShiftVerdict {
    fn add(&mut self, shift: &Shift) {
        let case = self.planted.iter_mut().find(|case| case.planted.is_told_by(shift));
        if let Some(case) = case {
            case.told += 1;
            case.after_ms.get_or_insert(shift.at_ms - case.planted.within_ms.0);
        } else if self.planted.iter().any(|case| case.planted.explains(shift)) {
            self.consequences += 1;
        } else {
            self.strange.push(shift.clone());
        }
    }
}

/// Adds worlds up.
#[must_use]
pub fn summarise_shifts(verdicts: &[ShiftVerdict]) -> ShiftsSummary {
    let (mut kinds, mut all) = (BTreeMap::<String, KindSummary>::new(), KindSummary::default());
    let (mut consequences, mut strange) = (0, BTreeMap::new());
    for verdict in verdicts {
        for case in &verdict.planted {
            let kind = kinds.entry(case.planted.account.clone()).or_default();
            kind.rule = Some(case.planted.rule);
            kind.add(case);
            all.add(case);
        }
        consequences += verdict.consequences;
        for shift in &verdict.strange {
            *strange.entry(shift.rule.as_str()).or_default() += 1;
        }
    }
    let wrong = all.repeated + strange.values().sum::<u64>();
    ShiftsSummary {
        kinds,
        recall: wilson(all.found, all.planted),
        precision: wilson(all.found, all.found + wrong),
        all,
        consequences,
        strange,
    }
}

impl KindSummary {
    fn add(&mut self, case: &ShiftCase) {
        self.planted += 1;
        self.found += u64::from(case.told > 0);
        self.repeated += case.told.saturating_sub(1);
        self.after_ms.extend(case.after_ms);
        self.after_ms.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ShiftId;

    fn planted(account: &str, rule: Rule, consequences: &[Rule]) -> PlantedShift {
        PlantedShift {
            account: account.into(),
            segment: "s".into(),
            story: String::new(),
            rule,
            consequences: consequences.to_vec(),
            within_ms: (1_000, 2_000),
        }
    }

    fn shift(influencer: &str, rule: Rule, at_ms: i64) -> Shift {
        Shift {
            id: ShiftId(0),
            rule,
            segment: "s".into(),
            influencer: influencer.into(),
            at_ms,
            before: None,
            after: None,
            previous: None,
            summary: String::new(),
        }
    }

    #[test]
    fn an_effect_is_no_news_that_is_strange_until_it_has_vanished() {
        let day_ms = 86_400_000;
        let shifts = vec![planted("ember", Rule::LiftLost, &[Rule::ScoreFell])];
        let truth = Truth { shifts, ..Truth::default() };
        let strange = |rule, at_ms| {
            judge_shifts("d".into(), 1, &truth, &[shift("ember", rule, at_ms)]).strange.len()
        };
        assert_eq!(strange(Rule::LiftProven, 999), 0);
        assert_eq!(strange(Rule::LiftProven, 999 + day_ms), 0);
        assert_eq!(strange(Rule::LiftProven, 1_000 + day_ms), 1);
        assert_eq!(strange(Rule::ScoreFell, 999), 1);
    }

    #[test]
    fn what_is_told_is_planted_a_consequence_or_strange() {
        let shifts = vec![
            planted("rising", Rule::ShareSurge, &[Rule::TopEntered]),
            planted("fading", Rule::LiftLost, &[]),
        ];
        let truth = Truth { shifts, ..Truth::default() };
        let told = [
            shift("rising", Rule::ShareSurge, 999),
            shift("rising", Rule::ShareSurge, 1_500),
            shift("rising", Rule::ShareSurge, 1_900),
            shift("rising", Rule::TopEntered, 1_500),
            shift("other", Rule::TopLeft, 1_500),
            shift("other", Rule::TopLeft, 500),
            shift("other", Rule::TopEntered, 1_500),
            Shift { segment: "t".into(), ..shift("fading", Rule::LiftLost, 1_500) },
        ];
        let verdict = judge_shifts("d".into(), 1, &truth, &told);
        let strange: Vec<_> = verdict.strange.iter().map(|s| (&*s.influencer, s.at_ms)).collect();
        assert_eq!(strange, [("rising", 999), ("other", 500), ("other", 1_500), ("fading", 1_500)]);
        assert_eq!(verdict.consequences, 2);

        let summary = summarise_shifts(&[verdict]);
        let rising = &summary.kinds["rising"];
        assert_eq!((rising.found, rising.repeated, &rising.after_ms[..]), (1, 1, &[500][..]));
        assert_eq!(summary.kinds["fading"].found, 0);
        assert_eq!(summary.recall.map(|recall| recall.value), Some(0.5));
        assert_eq!(summary.precision.map(|precision| precision.value), Some(1.0 / 6.0));
    }
}
