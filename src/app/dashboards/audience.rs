//! *Who moves this audience*: the ranking, and influence against popularity.

use super::Dashboard;
use super::panel::Panel;

pub(super) const SEGMENT: (&str, &str, &str) =
    ("segment", "Segment", "label_values(sillage_segment_influencers, segment)");

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "sillage-audience",
        title: "Who moves this audience",
        variables: vec![SEGMENT],
        marks: vec![
            (
                "Shifts",
                r#"sum by (rule) (increase(sillage_shifts_total{segment="$segment"}[1m])) > 0"#,
                "{{rule}}",
            ),
            (
                "Another leader",
                r#"sillage_segment_leader_info{segment="$segment"} unless sillage_segment_leader_info offset 1m"#,
                "{{influencer}} leads",
            ),
        ],
        rows: vec![
            (13, vec![(10, picture()), (14, ranking())]),
            (9, vec![(12, influence()), (12, share())]),
            (8, vec![(8, popularity()), (8, momentum()), (8, audience())]),
        ],
    }
}

/// The picture of the product.
fn picture() -> Panel {
    let asked = [
        ("popularity", r#"max by (influencer) (sillage_popularity_score{segment="$segment"})"#),
        ("influence", r#"max by (influencer) (sillage_influence_score{segment="$segment"})"#),
        ("active fans", r#"max by (influencer) (sillage_active_fans{segment="$segment"})"#),
    ];
    Panel::dots("Influence against popularity", "influencer", &asked).about(
        "A dot is an influencer, as large as the fans are many. Right and low: only popular. Left \
         and high: moves this audience without being known for it.",
    )
}

fn ranking() -> Panel {
    let asked = [
        ("rank", r#"min by (influencer) (sillage_influence_rank{segment="$segment"})"#),
        ("influence", r#"max by (influencer) (sillage_influence_score{segment="$segment"})"#),
        (
            "amplify",
            r#"max by (influencer) (sillage_influence_points{segment="$segment",part="amplify"})"#,
        ),
        (
            "relate",
            r#"max by (influencer) (sillage_influence_points{segment="$segment",part="relate"})"#,
        ),
        (
            "convert",
            r#"max by (influencer) (sillage_influence_points{segment="$segment",part="convert"})"#,
        ),
        ("popularity", r#"max by (influencer) (sillage_popularity_score{segment="$segment"})"#),
        ("active fans", r#"max by (influencer) (sillage_active_fans{segment="$segment"})"#),
    ];
    Panel::table("Who moves this audience", "influencer", &asked).about(
        "Ranked by influence, the sum of its three parts. Popularity is beside it and never part \
         of it.",
    )
}

fn influence() -> Panel {
    let asked = [(
        "{{influencer}}",
        r#"max by (influencer) (sillage_influence_score{segment="$segment"})"#,
    )];
    Panel::lines("Influence", "", &asked)
}

fn share() -> Panel {
    let asked = [(
        "{{influencer}}",
        r#"max by (influencer) (sillage_influence_share_ratio{segment="$segment"})"#,
    )];
    Panel::lines("Share of the audience that passes the influencer on", "percentunit", &asked)
}

fn popularity() -> Panel {
    let asked = [(
        "{{influencer}}",
        r#"max by (influencer) (sillage_popularity_score{segment="$segment"})"#,
    )];
    Panel::lines("Popularity", "", &asked)
}

fn momentum() -> Panel {
    let asked =
        [("{{influencer}}", r#"max by (influencer) (sillage_momentum_ratio{segment="$segment"})"#)];
    Panel::lines("Momentum", "", &asked)
        .about("Fans of the last ended bucket over the mean of the active ones: above 1 is rising.")
}

fn audience() -> Panel {
    let asked = [
        ("audience", r#"max(sillage_segment_active_audience{segment="$segment"})"#),
        ("influencers", r#"max(sillage_segment_influencers{segment="$segment"})"#),
        ("concentration", r#"max(sillage_segment_concentration_ratio{segment="$segment"})"#),
    ];
    Panel::number("Audience", "", &asked).about(
        "The active audience in fan-units, how many influencers have credit from it, and how much \
         of all influence lies with few of them: 1 is all with one.",
    )
}
