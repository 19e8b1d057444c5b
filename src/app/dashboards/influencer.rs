//! *Influencer*: one account in one audience, with the parts and the evidence of its score.

use super::Dashboard;
use super::audience::SEGMENT;
use super::panel::Panel;

const INFLUENCER: (&str, &str, &str) = (
    "influencer",
    "Influencer",
    r#"label_values(sillage_influence_score{segment="$segment"}, influencer)"#,
);

/// Queries of one metric for the influencer that was chosen; a macro because they are constants.
macro_rules! of {
    ($metric:literal) => {
        concat!("max(", $metric, r#"{segment="$segment",influencer="$influencer"})"#)
    };
    ($metric:literal by $label:literal) => {
        concat!(
            "max by (",
            $label,
            ") (",
            $metric,
            r#"{segment="$segment",influencer="$influencer"})"#
        )
    };
}

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "sillage-influencer",
        title: "Influencer",
        variables: vec![SEGMENT, INFLUENCER],
        marks: Vec::new(),
        rows: vec![
            (5, vec![(18, standing()), (6, label())]),
            (9, vec![(12, parts()), (12, popularity())]),
            (9, vec![(8, share()), (8, fans()), (8, momentum())]),
            (9, vec![(12, lift()), (12, conversions())]),
        ],
    }
}

fn standing() -> Panel {
    let asked = [
        ("rank", of!("sillage_influence_rank")),
        ("influence", of!("sillage_influence_score")),
        ("popularity", of!("sillage_popularity_score")),
        ("active fans", of!("sillage_active_fans")),
    ];
    Panel::number("Standing", "", &asked)
}

fn label() -> Panel {
    let asked = [("{{label}}", of!("sillage_label_info" by "label"))];
    Panel::number("Label", "", &asked).about("The label is the name; the value is always 1.")
}

fn parts() -> Panel {
    let asked = [("{{part}}", of!("sillage_influence_points" by "part"))];
    Panel::stacked("Points by part", "", &asked).about("Influence is their sum.")
}

fn popularity() -> Panel {
    let asked = [
        ("influence", of!("sillage_influence_score")),
        ("popularity", of!("sillage_popularity_score")),
    ];
    Panel::lines("Influence and popularity", "", &asked)
}

fn share() -> Panel {
    let asked = [
        ("passes on", of!("sillage_influence_share_ratio")),
        ("credit from actors that act on nobody else", of!("sillage_exclusive_share_ratio")),
    ];
    Panel::lines("Shares", "percentunit", &asked)
        .about("A large exclusive share is a ring or a very devoted club.")
}

fn fans() -> Panel {
    Panel::lines("Active fans", "", &[("fans", of!("sillage_active_fans"))])
        .about("Distinct actors of the last active buckets and the open one.")
}

fn momentum() -> Panel {
    Panel::lines(
        "Fans of the last bucket over the mean",
        "",
        &[("", of!("sillage_momentum_ratio"))],
    )
}

fn lift() -> Panel {
    let asked = [("{{bound}}", of!("sillage_lift_rate_ratio" by "bound"))];
    Panel::lines("Rate ratio of conversions after acts on the influencer", "", &asked).about(
        "Each person is compared with themselves; 1 is no effect. Empty where there is too little \
         to compare.",
    )
}

fn conversions() -> Panel {
    let asked = [
        ("attributed, {{method}}", of!("sillage_conversions_attributed" by "method")),
        ("incremental, {{bound}}", of!("sillage_conversions_incremental" by "bound")),
    ];
    Panel::lines("Conversions in the evidence window", "", &asked)
}
