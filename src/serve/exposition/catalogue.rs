//! Every metric that this part writes, once: the writer, the registered instruments and
//! `docs/metrics.md` all read it, so that names, labels and help cannot drift apart.

/// A family of metrics.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    /// Facts in labels, the value always 1.
    Info,
}

/// A chapter of `docs/metrics.md`.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    pub title: &'static str,
    pub families: &'static [&'static Family],
}

pub const SCORES: Section = Section {
    title: "Scores",
    families: &[
        &INFLUENCE_SCORE,
        &INFLUENCE_POINTS,
        &INFLUENCE_RANK,
        &INFLUENCE_SHARE,
        &POPULARITY_SCORE,
        &ACTIVE_FANS,
        &MOMENTUM,
        &EXCLUSIVE_SHARE,
        &LIFT,
        &ATTRIBUTED,
        &ATTRIBUTED_VALUE,
        &INCREMENTAL,
        &LABEL,
        &SEGMENT_ACTIVE_AUDIENCE,
        &SEGMENT_INFLUENCERS,
        &SEGMENT_CONVERSIONS,
        &SEGMENT_ORGANIC,
        &SEGMENT_LEADER,
        &SEGMENT_CONCENTRATION,
        &LIFT_AS_OF,
        &MODEL,
        &SERIES_EXPORTED,
        &SERIES_SUPPRESSED,
        &SERIES_LIMIT,
    ],
};

pub const SERVICE: Section = Section {
    title: "Service",
    families: &[
        &BUILD,
        &READY,
        &VIEW_AGE,
        &SCRAPE_RENDER,
        &HTTP_REQUESTS,
        &HTTP_REQUEST_DURATION,
        &LOG_MESSAGES,
    ],
};

const PAIR: &[&str] = &["segment", "influencer"];
const SEGMENT: &[&str] = &["segment"];

pub static INFLUENCE_SCORE: Family =
    gauge("sillage_influence_score", PAIR, "Influence 0–100 in the segment.");
pub static INFLUENCE_POINTS: Family = gauge(
    "sillage_influence_points",
    &["segment", "influencer", "part"],
    "Points of the score by part: amplify, relate, convert.",
);
pub static INFLUENCE_RANK: Family =
    gauge("sillage_influence_rank", PAIR, "Rank by influence, 1 is highest.");
pub static INFLUENCE_SHARE: Family = gauge(
    "sillage_influence_share_ratio",
    PAIR,
    "Share of the active audience that amplifies the influencer.",
);
pub static POPULARITY_SCORE: Family =
    gauge("sillage_popularity_score", PAIR, "Popularity 0–100, never part of influence.");
pub static ACTIVE_FANS: Family = gauge(
    "sillage_active_fans",
    PAIR,
    "Distinct actors that acted on the influencer in the last active buckets and the open one.",
);
pub static MOMENTUM: Family = gauge(
    "sillage_momentum_ratio",
    PAIR,
    "Fans of the last ended bucket over the mean of the active ones.",
);
pub static EXCLUSIVE_SHARE: Family = gauge(
    "sillage_exclusive_share_ratio",
    PAIR,
    "Part of the credit from actors that act on nobody else.",
);
pub static LIFT: Family = gauge(
    "sillage_lift_rate_ratio",
    &["segment", "influencer", "bound"],
    "Rate ratio of conversions after acts on the influencer, bound estimate, low or high; nothing \
     where there is too little to compare.",
);
pub static ATTRIBUTED: Family = gauge(
    "sillage_conversions_attributed",
    &["segment", "influencer", "method"],
    "Conversions attributed in the evidence window, method touch or declared.",
);
pub static ATTRIBUTED_VALUE: Family = gauge(
    "sillage_conversion_value_attributed",
    PAIR,
    "Value attributed in the evidence window, base currency.",
);
pub static INCREMENTAL: Family = gauge(
    "sillage_conversions_incremental",
    &["segment", "influencer", "bound"],
    "Conversions that would not have happened, in the evidence window; bound estimate, low, high \
     or proven.",
);
pub static LABEL: Family = info(
    "sillage_label_info",
    &["segment", "influencer", "label"],
    "Label of the influencer: influential, popular, both, emerging, quiet or insufficient.",
);
pub static SEGMENT_ACTIVE_AUDIENCE: Family =
    gauge("sillage_segment_active_audience", SEGMENT, "Active audience in fan-units.");
pub static SEGMENT_INFLUENCERS: Family =
    gauge("sillage_segment_influencers", SEGMENT, "Influencers with credit.");
pub static SEGMENT_CONVERSIONS: Family = gauge(
    "sillage_segment_conversions",
    SEGMENT,
    "People and buckets with a conversion in the evidence window.",
);
pub static SEGMENT_ORGANIC: Family = gauge(
    "sillage_segment_organic_conversions",
    SEGMENT,
    "Conversions of the evidence window attributed to nobody.",
);
pub static SEGMENT_LEADER: Family =
    info("sillage_segment_leader_info", PAIR, "Leader of the segment by influence.");
pub static SEGMENT_CONCENTRATION: Family = gauge(
    "sillage_segment_concentration_ratio",
    SEGMENT,
    "Herfindahl index of influence shares, 1 when one account has all the influence.",
);
pub static LIFT_AS_OF: Family = gauge(
    "sillage_lift_as_of_timestamp_seconds",
    &[],
    "End of the last bucket that lift knows of; nothing before one was closed.",
);
pub static MODEL: Family = info(
    "sillage_model_info",
    &["version", "half_life", "exponent", "cap"],
    "The scoring model in force.",
);
pub static SERIES_EXPORTED: Family =
    gauge("sillage_series_exported", &["family"], "Series of the score family in this scrape.");
pub static SERIES_SUPPRESSED: Family = gauge(
    "sillage_series_suppressed",
    &["family"],
    "Series of the score family left out because of export.series_limit.",
);
pub static SERIES_LIMIT: Family =
    gauge("sillage_series_limit", &[], "Most series of scores, export.series_limit.");

pub static BUILD: Family = info(
    "sillage_build_info",
    &["version", "revision", "rustc", "librdkafka"],
    "What this binary was built from.",
);
pub static READY: Family =
    gauge("sillage_ready", &[], "1 when scores can be relied on, 0 while /-/ready gives reasons.");
pub static VIEW_AGE: Family =
    gauge("sillage_view_age_seconds", &[], "Time since the newest view was published.");
pub static SCRAPE_RENDER: Family = Family {
    name: "sillage_scrape_render_seconds",
    kind: Kind::Histogram,
    labels: &[],
    help: "Time that a scrape waits for the score families of its view, which are written before.",
};
pub static HTTP_REQUESTS: Family = Family {
    name: "sillage_http_requests_total",
    kind: Kind::Counter,
    labels: &["handler", "method", "code"],
    help: "HTTP requests answered.",
};
pub static HTTP_REQUEST_DURATION: Family = Family {
    name: "sillage_http_request_duration_seconds",
    kind: Kind::Histogram,
    labels: &["handler"],
    help: "Time from the head of a request to the head of its answer.",
};
pub static LOG_MESSAGES: Family = Family {
    name: "sillage_log_messages_total",
    kind: Kind::Counter,
    labels: &["level"],
    help: "Log messages written.",
};

impl Family {
    /// The unit that the name ends with, which is the only place where units are said.
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        unit_of(self.name)
    }
}

impl Kind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

/// The base unit in which the name of a family, or of its counter, ends.
pub(super) fn unit_of(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix("_total").unwrap_or(name);
    ["seconds", "bytes", "ratio"].into_iter().find(|unit| {
        name.strip_suffix(unit).is_some_and(|before| before.ends_with('_') && before.len() > 1)
    })
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, labels, help }
}

const fn info(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind: Kind::Info, labels, help }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        let all = SCORES.families.iter().chain(SERVICE.families);
        let mut seen = std::collections::BTreeSet::new();
        for family in all {
            let name = family.name;
            assert!(seen.insert(name), "{name} twice");
            assert!(name.starts_with("sillage_"), "{name}");
            assert_eq!(name.ends_with("_info"), family.kind == Kind::Info, "{name}");
            assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
            assert!(family.help.ends_with('.'), "{name}");
            for label in ["type", "region", "job", "instance", "service", "env"] {
                assert!(!family.labels.contains(&label), "{name} {label}");
            }
        }
    }

    #[test]
    fn a_unit_is_the_end_of_the_name() {
        let cases = [
            ("sillage_momentum_ratio", Some("ratio")),
            ("sillage_received_bytes_total", Some("bytes")),
            ("sillage_view_age_seconds", Some("seconds")),
            ("sillage_ready", None),
            ("sillage_kilobytes", None),
            ("_seconds", None),
        ];
        for (name, unit) in cases {
            assert_eq!(unit_of(name), unit, "{name}");
        }
    }
}
