//! Alerts by the API v2 of Alertmanager, one for each shift.
//!
//! Invariant: labels tell shifts apart by what they are about and are the same when one is sent
//! again, which Alertmanager then takes as the same alert.

use serde_json::{Map, Value, json};
use ureq::Agent;

use super::{Config, SendError, Sink, http, link, rfc3339};
use crate::clock;
use crate::model::{Rule, Shift};

/// Whom shifts are for, by whom alerts are routed.
const TEAM: &str = "campaign";

pub struct Alertmanager {
    agent: Agent,
    url: String,
    external_url: Option<String>,
    resolve_after_ms: i64,
}

impl Alertmanager {
    /// Nothing where none is configured.
    #[must_use]
    pub fn configured(config: &Config) -> Option<Self> {
        let base = config.alertmanager.url.as_ref()?;
        Some(Self {
            agent: http::agent(config.timeout.0),
            url: format!("{}/api/v2/alerts", base.trim_end_matches('/')),
            external_url: config.external_url.clone(),
            resolve_after_ms: config.alertmanager.resolve_after.as_millis_i64(),
        })
    }

    /// It starts when it is sent: one whose time is over would never be shown, and event time may
    /// be long ago.
    fn alert(&self, shift: &Shift, now_ms: i64) -> Value {
        let mut alert = json!({
            "labels": {
                "alertname": name(shift.rule),
                "segment": *shift.segment,
                "influencer": *shift.influencer,
                "rule": shift.rule.as_str(),
                "severity": severity(shift.rule),
                "team": TEAM,
            },
            "annotations": annotations(shift),
            "startsAt": rfc3339(now_ms),
            "endsAt": rfc3339(now_ms.saturating_add(self.resolve_after_ms)),
        });
        if let (Some(alert), Some(url)) =
            (alert.as_object_mut(), link(self.external_url.as_deref(), shift))
        {
            alert.insert("generatorURL".into(), url.into());
        }
        alert
    }
}

impl Sink for Alertmanager {
    fn send(&mut self, shift: &Shift) -> Result<(), SendError> {
        let body = json!([self.alert(shift, clock::wall_ms())]).to_string();
        http::post(&self.agent, &self.url, &[], body.as_bytes())
    }
}

fn annotations(shift: &Shift) -> Map<String, Value> {
    let time = rfc3339(shift.at_ms);
    let measure = shift.rule.measure();
    let numbers = match (shift.before, shift.after) {
        (Some(before), Some(after)) => format!(" {measure} before {before:.4}, after {after:.4}."),
        (None, Some(after)) => format!(" {measure} now {after:.4}."),
        (_, None) => String::new(),
    };
    let mut said = Map::new();
    said.insert("summary".into(), shift.summary.clone().into());
    let description = format!("{} Found at {time} of the events' time.{numbers}", shift.summary);
    said.insert("description".into(), description.into());
    said.insert("shift".into(), shift.id.to_string().into());
    said.insert("event_time".into(), time.into());
    if let Some(previous) = &shift.previous {
        said.insert("previous".into(), (**previous).into());
    }
    said
}

/// The names that the rules of Prometheus have for the same, where they have one.
const fn name(rule: Rule) -> &'static str {
    match rule {
        Rule::LeaderChanged => "SillageLeaderChanged",
        Rule::TopEntered => "SillageInfluencerEntered",
        Rule::TopLeft => "SillageInfluencerLeft",
        Rule::ScoreRose => "SillageScoreRose",
        Rule::ScoreFell => "SillageScoreFell",
        Rule::ShareSurge => "SillageShareSurge",
        Rule::ShareDrop => "SillageShareDrop",
        Rule::LiftProven => "SillageLiftProven",
        Rule::LiftLost => "SillageLiftLost",
        Rule::PopularityWithoutInfluence => "SillagePopularityWithoutInfluence",
        Rule::LabelChanged => "SillageLabelChanged",
    }
}

const fn severity(rule: Rule) -> &'static str {
    match rule {
        Rule::LeaderChanged
        | Rule::ShareDrop
        | Rule::LiftLost
        | Rule::PopularityWithoutInfluence => "warning",
        _ => "info",
    }
}
