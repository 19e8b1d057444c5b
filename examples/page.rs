//! Serves a made-up audience, for looking at the page: `cargo run --example page`.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    reason = "made-up numbers, small and positive"
)]

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sillage::model::{Label, Lift, Params, RING, Rule, SegmentStandings, Shift, Standing};
use sillage::serve::{Build, Config, ExportConfig, Parts, Readiness, Reloaded, Server};
use sillage::view::{ShiftLog, View, Views};

#[path = "../src/view/sample.rs"]
mod sample;

/// Name, shares of amplify and relate, own acts, popularity, momentum, label.
type Person = (&'static str, f64, f64, f64, f64, f64, Label);

const PEOPLE: [Person; 12] = [
    ("marie.lens", 0.214, 0.118, 5.2, 22.4, 1.35, Label::Influential),
    ("studio_nord", 0.161, 0.085, 6.9, 18.1, 1.02, Label::Influential),
    ("trailmates", 0.122, 0.066, 3.4, 31.7, 0.91, Label::Influential),
    ("Nova Reyes ✨", 0.031, 0.002, 0.0, 86.3, 0.74, Label::Popular),
    ("kitchen.of.ines", 0.074, 0.054, 4.1, 12.6, 2.31, Label::Emerging),
    ("the-daily-deal", 0.058, 0.006, 0.3, 57.9, 1.04, Label::Popular),
    ("olafk", 0.066, 0.031, 2.2, 9.4, 1.12, Label::Quiet),
    ("日本の自転車", 0.049, 0.027, 1.8, 14.9, 0.97, Label::Quiet),
    ("bike_jo", 0.041, 0.022, 2.9, 7.1, 1.66, Label::Emerging),
    ("<script>alert(1)</script>", 0.033, 0.012, 0.9, 6.2, 1.00, Label::Quiet),
    ("un nom vraiment très long pour un compte", 0.022, 0.014, 1.1, 4.8, 0.64, Label::Quiet),
    ("p.q", 0.006, 0.001, 0.4, 2.3, 0.00, Label::Insufficient),
];

const SEGMENTS: [&str; 3] = ["city cyclists", "home cooks/fr", "photographers"];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (views, shifts) = (Views::default(), ShiftLog::default());
    let status = || serde_json::Map::from_iter([("catch_up".to_owned(), json!({ "records": 3 }))]);
    let parts = Parts {
        views: views.clone(),
        shifts: shifts.clone(),
        registry: prometheus::Registry::new(),
        params: Params::default(),
        readiness: Readiness::default(),
        status: Arc::new(status),
        erase: None,
        reload: Arc::new(|| Ok(Reloaded::default())),
        build: Build { version: env!("CARGO_PKG_VERSION").into(), ..Build::default() },
        exemplars: Arc::new(Vec::new),
    };
    let runtime = tokio::runtime::Handle::current();
    let server = Server::start(&runtime, &Config::default(), &ExportConfig::default(), parts)?;
    eprintln!("http://{}/", server.address());
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    for sequence in 1.. {
        tokio::select! {
            _ = tick.tick() => {
                views.publish(view(sequence));
                server.exposition().observe(views.current());
                if sequence % 6 == 1 {
                    shifts.push(shift(sequence / 6));
                }
            }
            stopped = tokio::signal::ctrl_c() => {
                stopped?;
                break;
            }
        }
    }
    server.stop(Duration::from_secs(5)).await;
    Ok(())
}

/// Now and then something shifts.
fn shift(number: u64) -> Shift {
    let rules = [
        (
            Rule::ShareSurge,
            "The share of the active audience that passes {} on rose from 3.1 % to 7.4 % within a day",
        ),
        (
            Rule::LeaderChanged,
            "{} leads with 41.2 points of influence, before marie.lens with 38.0,",
        ),
        (
            Rule::PopularityWithoutInfluence,
            "The popularity of {} rose from 40.2 to 86.3 within a day, while being passed on went from 9.0 to 9.1 points,",
        ),
    ];
    let at = number as usize;
    let ((rule, words), name) = (rules[at % rules.len()], PEOPLE[at * 5 % PEOPLE.len()].0);
    let segment = SEGMENTS[at % SEGMENTS.len()];
    Shift {
        rule,
        segment: segment.into(),
        influencer: name.into(),
        at_ms: sillage::clock::wall_ms(),
        summary: format!("{} in segment {segment}.", words.replace("{}", name)),
        ..sample::shift(number)
    }
}

fn view(sequence: u64) -> View {
    let segments = (0..).zip(SEGMENTS).map(|(at, name)| segment(name, at, sequence)).collect();
    let now_ms = sillage::clock::wall_ms();
    View {
        as_of_ms: now_ms,
        lift_as_of_ms: Some(now_ms - now_ms % 86_400_000),
        ..sample::view(sequence, segments)
    }
}

fn segment(name: &str, at: u32, sequence: u64) -> SegmentStandings {
    let crowd = (0..60).map(|n| {
        let x = f64::from(n * 37 % 101) / 100.0;
        let y = f64::from(n * 53 % 97) / 100.0;
        (format!("account-{n:02}"), 0.02 * x * x, 0.01 * y * y, 2.0 * y, 16.0 * x * y, 0.7 + y)
    });
    let named = PEOPLE.iter().map(|(n, a, r, out, pop, m, label)| {
        standing(n, (*a, *r, *out, *pop, *m), *label, at, sequence)
    });
    let crowd = crowd.map(|(n, a, r, out, pop, m)| {
        standing(&n, (a, r, out, pop, m), Label::Quiet, at, sequence)
    });
    let mut influencers: Vec<_> = named.chain(crowd).collect();
    influencers.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.influencer.cmp(&b.influencer)));
    SegmentStandings {
        active_audience: 4812.4 / f64::from(1 + at),
        influencers,
        ..sample::segment(name, &[])
    }
}

fn standing(
    name: &str,
    (amplify, relate, outbound, popularity, momentum): (f64, f64, f64, f64, f64),
    label: Label,
    at: u32,
    sequence: u64,
) -> Standing {
    let swing = 1.0 + 0.12 * ((sequence as f64) / 5.0 + name.len() as f64 + f64::from(at)).sin();
    let (amplify_share, relate_share) = (amplify * swing, relate * swing);
    let saturated = |x: f64, half: f64| x / (x + half);
    let amplify_points = 30.0 * saturated(amplify_share, 0.05);
    let relate_points = 25.0 * (saturated(relate_share, 0.03) * saturated(outbound, 3.0)).sqrt();
    let fans = |n: u32| (4000.0 * amplify * (1.0 + momentum * f64::from(n) / 8.0)) as u64;
    Standing {
        label,
        amplify_share,
        relate_share,
        outbound,
        active_fans: (0..7).map(fans).sum(),
        fans_by_bucket: (std::array::from_fn(|n| fans(u32::try_from(n).unwrap_or(0))), RING - 1),
        momentum,
        amplify_points,
        relate_points,
        followers_gained: (popularity * 60.0) as u64,
        popularity,
        ..converting(name, label, amplify_points + relate_points)
    }
}

/// Of the influential something is proven, of others nothing.
fn converting(name: &str, label: Label, score: f64) -> Standing {
    let standing = sample::standing(name, score);
    if label != Label::Influential {
        return Standing {
            lift: Lift::NONE.into(),
            incremental_conversions: 0.0,
            incremental_low: 0.0,
            incremental_high: 0.0,
            proven_conversions: 0.0,
            ..standing
        };
    }
    let convert_points = 45.0 * 0.032 / 0.052;
    Standing { convert_points, score: score + convert_points, ..standing }
}
