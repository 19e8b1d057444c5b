//! *Campaign*: what is sold, to whom it is attributed, and what would not have been sold.

use super::Dashboard;
use super::audience::SEGMENT;
use super::panel::Panel;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "sillage-campaign",
        title: "Campaign",
        variables: vec![SEGMENT],
        marks: Vec::new(),
        rows: vec![
            (5, vec![(12, conversions()), (12, incremental())]),
            (10, vec![(24, by_influencer())]),
            (9, vec![(12, attributed()), (12, interval())]),
            (9, vec![(8, value()), (8, events()), (8, sales())]),
        ],
    }
}

fn conversions() -> Panel {
    let asked = [
        ("conversions", r#"max(sillage_segment_conversions{segment="$segment"})"#),
        (
            "attributed to influencers",
            r#"sum(sillage_conversions_attributed{segment="$segment",method="touch"})"#,
        ),
        (
            "declared",
            r#"sum(sillage_conversions_attributed{segment="$segment",method="declared"})"#,
        ),
        ("organic", r#"max(sillage_segment_organic_conversions{segment="$segment"})"#),
    ];
    Panel::number("Conversions in the evidence window", "", &asked).about(
        "Attribution shares out what was sold and proves nothing. Conversions are people and \
         buckets with one; attributed ones are those of the influencers that are exported.",
    )
}

fn incremental() -> Panel {
    let asked = [
        ("low", r#"sum(sillage_conversions_incremental{segment="$segment",bound="low"})"#),
        (
            "estimate",
            r#"sum(sillage_conversions_incremental{segment="$segment",bound="estimate"})"#,
        ),
        ("high", r#"sum(sillage_conversions_incremental{segment="$segment",bound="high"})"#),
        ("proven", r#"sum(sillage_conversions_incremental{segment="$segment",bound="proven"})"#),
    ];
    Panel::number("Incremental: would not have happened", "", &asked).about(
        "Sums over influencers; low and high are sums of bounds, wider than the interval of the sum.",
    )
}

fn by_influencer() -> Panel {
    let asked = [
        (
            "proven",
            r#"max by (influencer) (sillage_conversions_incremental{segment="$segment",bound="proven"})"#,
        ),
        (
            "incremental, low",
            r#"max by (influencer) (sillage_conversions_incremental{segment="$segment",bound="low"})"#,
        ),
        (
            "incremental",
            r#"max by (influencer) (sillage_conversions_incremental{segment="$segment",bound="estimate"})"#,
        ),
        (
            "incremental, high",
            r#"max by (influencer) (sillage_conversions_incremental{segment="$segment",bound="high"})"#,
        ),
        (
            "attributed",
            r#"max by (influencer) (sillage_conversions_attributed{segment="$segment",method="touch"})"#,
        ),
        (
            "declared",
            r#"max by (influencer) (sillage_conversions_attributed{segment="$segment",method="declared"})"#,
        ),
        (
            "value",
            r#"max by (influencer) (sillage_conversion_value_attributed{segment="$segment"})"#,
        ),
    ];
    Panel::table("By influencer", "influencer", &asked)
}

fn attributed() -> Panel {
    let asked = [
        (
            "{{influencer}}",
            r#"max by (influencer) (sillage_conversions_attributed{segment="$segment",method="touch"})"#,
        ),
        ("organic", r#"max(sillage_segment_organic_conversions{segment="$segment"})"#),
    ];
    Panel::stacked("Conversions, by whom they are attributed to", "", &asked)
}

fn interval() -> Panel {
    let asked = [(
        "{{influencer}} {{bound}}",
        r#"max by (influencer, bound) (sillage_conversions_incremental{segment="$segment",bound!="proven"})"#,
    )];
    Panel::lines("Incremental conversions with their interval", "", &asked)
}

fn value() -> Panel {
    let asked = [(
        "{{influencer}}",
        r#"max by (influencer) (sillage_conversion_value_attributed{segment="$segment"})"#,
    )];
    Panel::stacked("Attributed value, base currency", "", &asked)
}

fn events() -> Panel {
    let asked = [(
        "{{campaign}} {{kind}}",
        "sum by (campaign, kind) (rate(sillage_campaign_events_total[$__rate_interval])) > 0",
    )];
    Panel::lines("Events by campaign, all segments", "cps", &asked)
}

fn sales() -> Panel {
    let asked = [(
        "{{campaign}} {{currency}}",
        "sum by (campaign, currency) (increase(sillage_campaign_conversion_value_total[1h]))",
    )];
    Panel::lines("Conversion value of the last hour by campaign, all segments", "", &asked)
}
