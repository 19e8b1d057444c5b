//! What conversions say of an influencer: what they prove, how that was found, and what they are
//! attributed to.
//!
//! Invariant: what is attributed is never called an effect, and what is proven is called
//! observational.

use serde::Serialize;

use super::Subject;
use super::parts::{Contribution, Input};
use super::words::{chance, many, names, percent, span, times};
use crate::model::{Lift, RateRatio, Standing, Test};

/// Whether the effect stands out among all that were looked at, and why or why not.
#[derive(Serialize)]
pub(super) struct Discovery {
    discovered: bool,
    reason: Reason,
    /// Exposed conversions that it takes to be tested.
    min_conversions: f64,
    /// Of those discovered, the part that is wrong on average.
    false_discovery_rate: f64,
    /// The chance that is allowed at its place, if it was tested.
    allowed_chance: Option<f64>,
    explanation: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    /// No bucket has closed yet.
    NoEvidence,
    /// Nobody converts both after acting on it and after acting on others only.
    NothingToCompare,
    TooFewConversions,
    /// A ratio like this is too likely without an effect.
    MayBeChance,
    /// The effect stands out, and the low end of its interval is within the margin.
    TooClose,
    Proven,
}

/// What is attributed in the evidence window and the open buckets.
#[derive(Serialize)]
pub(super) struct Attribution {
    touched_conversions: f64,
    declared_conversions: f64,
    value: f64,
    /// The part of the segment's conversions that is attributed to nobody; null without any.
    organic_share: Option<f64>,
    explanation: String,
}

pub(super) fn part(subject: &Subject<'_>) -> Contribution {
    let (standing, half) = (subject.standing, subject.half.convert);
    let conversions = subject.segment.conversions as f64 + subject.params.pseudo_audience;
    let share = standing.proven_conversions / conversions;
    let max = subject.params.points.convert;
    let points = format!("{:.2} of {max} points.", standing.convert_points);
    Contribution {
        part: "convert",
        points: standing.convert_points,
        max_points: max,
        inputs: vec![Input::new("proven_share", share, half)],
        explanation: format!("{} {points}{}", said(subject, share), entangled(&standing.lift)),
    }
}

/// What is proven, up to where the points are said.
fn said(subject: &Subject<'_>, share: f64) -> String {
    let Standing { influencer: name, lift, incremental_conversions, .. } = subject.standing;
    let after = span(subject.params.exposure_buckets, subject.params.bucket_ms);
    let exposed = lift.exposed_conversions;
    let Some(ratio) = lift.ratio else {
        return match (subject.is_lift_known, exposed) {
            (false, _) => {
                "What conversions prove is known when the first bucket has closed: so far".into()
            }
            (true, 0) => format!("No conversion came within {after} of an act on {name}:"),
            (true, _) => format!(
                "Of {exposed} conversions within {after} of an act on {name} nothing can be told, \
                 since nobody who made them was active without {name} as well:"
            ),
        };
    };
    let compared = compared(&ratio);
    let would_not = many(*incremental_conversions);
    match reason(subject) {
        Reason::Proven => format!(
            "Of {exposed} conversions within {after} of an act on {name}, about {would_not} would \
             not have happened, {} are proven: {compared}. This is observational evidence. What \
             is proven is {} of the segment's conversions:",
            many(subject.standing.proven_conversions),
            percent(share),
        ),
        Reason::TooClose => format!(
            "Of {exposed} conversions within {after} of an act on {name}, about {would_not} would \
             not have happened, and none is proven: {compared}, which stands out and may be less \
             than {} times. This is observational evidence:",
            times(subject.params.margin),
        ),
        _ => format!(
            "Of {exposed} conversions within {after} of an act on {name} none is proven to be its \
             doing: {compared}, and {}:",
            doubt(subject),
        ),
    }
}

/// The comparison that everything rests on.
fn compared(ratio: &RateRatio) -> String {
    format!(
        "the same people, as active, convert {} times as often then ({}–{}) as after acting on \
         others",
        times(ratio.estimate),
        times(ratio.low),
        times(ratio.high),
    )
}

/// Why a ratio proves nothing.
fn doubt(subject: &Subject<'_>) -> String {
    match subject.standing.lift.test {
        Some(test) => format!("of {} accounts compared that may be chance", test.tested),
        None => format!("it takes {} to tell", many(subject.params.min_conversions)),
    }
}

fn entangled(lift: &Lift) -> String {
    lift.entangled_with.as_deref().filter(|with| !with.is_empty()).map_or_else(
        String::new,
        |with| {
            format!(
                " Almost always when its people were exposed to it they were to {} as well: of \
                 these nobody can tell which it is.",
                names(with)
            )
        },
    )
}

fn reason(subject: &Subject<'_>) -> Reason {
    let lift = &subject.standing.lift;
    match (lift.ratio, lift.test) {
        _ if !subject.is_lift_known => Reason::NoEvidence,
        (None, _) => Reason::NothingToCompare,
        (Some(_), None) => Reason::TooFewConversions,
        (Some(_), Some(_)) if !lift.discovered => Reason::MayBeChance,
        _ if subject.standing.proven_conversions > 0.0 => Reason::Proven,
        _ => Reason::TooClose,
    }
}

pub(super) fn discovery(subject: &Subject<'_>) -> Discovery {
    let (lift, params) = (&subject.standing.lift, subject.params);
    let rate = params.false_discovery_rate;
    let allowed = |test: &Test| test.place as f64 * rate / test.tested as f64;
    let explanation = match (reason(subject), &lift.test) {
        (Reason::NoEvidence, _) => "No bucket of conversions has closed yet.".into(),
        (Reason::NothingToCompare, _) | (_, None) if lift.ratio.is_none() => format!(
            "A ratio takes people who convert, and who are active with and without {}.",
            subject.standing.influencer
        ),
        (_, None) => format!(
            "It takes {} conversions after acts on an account to test it, and there are {}.",
            many(params.min_conversions),
            lift.exposed_conversions
        ),
        (_, Some(test)) => format!(
            "Many accounts are looked at. Of the {} tested in the segment it is number {} by the \
             chance of such a ratio without an effect, {}; {} is allowed at its place, so that of \
             all that are found {} are wrong on average.",
            test.tested,
            test.place,
            chance(test.chance),
            chance(allowed(test)),
            percent(rate),
        ),
    };
    Discovery {
        discovered: lift.discovered,
        reason: reason(subject),
        min_conversions: params.min_conversions,
        false_discovery_rate: rate,
        allowed_chance: lift.test.as_ref().map(allowed),
        explanation,
    }
}

pub(super) fn attribution(subject: &Subject<'_>) -> Attribution {
    let standing = subject.standing;
    let attributed: f64 =
        subject.segment.influencers.iter().map(|one| one.attributed_conversions).sum();
    let organic = subject.segment.organic_conversions;
    // Refunds may have taken back more than the window gave.
    let all = organic + attributed;
    let organic_share = (all > 0.0).then(|| (organic / all).clamp(0.0, 1.0));
    let touched = standing.touched_conversions();
    let nobody = organic_share.map_or_else(String::new, |share| {
        format!(" Of the segment's conversions {} are attributed to nobody.", percent(share))
    });
    let explanation = format!(
        "In the last {} {} conversions are attributed to {} by touches and {} by a target or a \
         code, worth {:.2} together. That says who was acted on before, not what it \
         caused.{nobody}",
        span(subject.params.evidence_buckets, subject.params.bucket_ms),
        many(touched),
        standing.influencer,
        many(standing.declared_conversions),
        standing.attributed_value,
    );
    Attribution {
        touched_conversions: touched,
        declared_conversions: standing.declared_conversions,
        value: standing.attributed_value,
        organic_share,
        explanation,
    }
}
