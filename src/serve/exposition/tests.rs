//! Whole scrapes, in both formats.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::model::{Lift, SegmentStandings};
use crate::view::sample::{segment, standing, view};

fn exposition(segments: Vec<SegmentStandings>) -> Exposition {
    let views = Views::default();
    views.publish(view(1, segments));
    let seconds = prometheus::HistogramOpts::new("sillage_scrape_render_seconds", "Time.");
    let seconds = Histogram::with_opts(seconds).unwrap();
    Exposition::new(&ExportConfig::default(), &Params::default(), views, Registry::new(), seconds)
}

fn scraped(of: &Exposition, format: Format) -> String {
    let pieces = of.scrape(format, false).unwrap();
    String::from_utf8(pieces.concat()).unwrap()
}

#[test]
fn every_catalogued_score_family_is_written_and_no_other() {
    let of = exposition(vec![segment("s", &[("ana", 60.0), ("bob", 30.0)])]);
    let said = scraped(&of, Format::Prometheus);
    let written: BTreeSet<_> = said
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let catalogued: BTreeSet<_> = catalogue::SCORES.families.iter().map(|f| f.name).collect();
    assert_eq!(written, catalogued);
}

#[test]
fn samples_say_where_an_influencer_stands() {
    let of = exposition(vec![segment("fr/été", &[("ana", 60.0), ("bob", 30.0)])]);
    let said = scraped(&of, Format::Prometheus);
    let who = r#"segment="fr/été",influencer="bob""#;
    let bob = standing("bob", 30.0);
    for line in [
        format!("sillage_influence_score{{{who}}} 30.0"),
        format!(r#"sillage_influence_points{{{who},part="amplify"}} 30.0"#),
        format!(r#"sillage_influence_points{{{who},part="convert"}} 0.0"#),
        format!("sillage_influence_rank{{{who}}} 2"),
        format!("sillage_influence_share_ratio{{{who}}} 0.3"),
        format!("sillage_active_fans{{{who}}} 17"),
        format!("sillage_exclusive_share_ratio{{{who}}} 0.25"),
        format!(r#"sillage_lift_rate_ratio{{{who},bound="estimate"}} 1.9"#),
        format!(r#"sillage_lift_rate_ratio{{{who},bound="low"}} 1.5"#),
        format!(r#"sillage_lift_rate_ratio{{{who},bound="high"}} 2.4"#),
        format!(r#"sillage_conversions_attributed{{{who},method="touch"}} 40.5"#),
        format!(r#"sillage_conversions_attributed{{{who},method="declared"}} 20.0"#),
        format!("sillage_conversion_value_attributed{{{who}}} 1210.0"),
        format!(
            r#"sillage_conversions_incremental{{{who},bound="low"}} {:?}"#,
            bob.incremental_low
        ),
        format!(
            r#"sillage_conversions_incremental{{{who},bound="high"}} {:?}"#,
            bob.incremental_high
        ),
        format!(
            r#"sillage_conversions_incremental{{{who},bound="estimate"}} {:?}"#,
            bob.incremental_conversions
        ),
        format!(
            r#"sillage_conversions_incremental{{{who},bound="proven"}} {:?}"#,
            bob.proven_conversions
        ),
        r#"sillage_segment_conversions{segment="fr/été"} 975.0"#.into(),
        r#"sillage_segment_organic_conversions{segment="fr/été"} 1.5"#.into(),
        "sillage_lift_as_of_timestamp_seconds 1699920000.0".into(),
        format!(r#"sillage_label_info{{{who},label="quiet"}} 1"#),
        r#"sillage_segment_leader_info{segment="fr/été",influencer="ana"} 1"#.into(),
        r#"sillage_segment_influencers{segment="fr/été"} 2.0"#.into(),
        r#"sillage_series_exported{family="sillage_influence_points"} 6"#.into(),
        r#"sillage_series_suppressed{family="sillage_influence_score"} 0"#.into(),
        r#"sillage_model_info{version="v2",half_life="7d",exponent="0.5",cap="3"} 1"#.into(),
        "sillage_series_limit 100000".into(),
    ] {
        assert!(said.lines().any(|l| l == line), "{line}\nin\n{said}");
    }
    let concentration = (60.0 * 60.0 + 30.0 * 30.0) / (90.0 * 90.0);
    let line = format!("sillage_segment_concentration_ratio{{segment=\"fr/été\"}} {concentration}");
    assert!(said.contains(&line), "{line}");
}

#[test]
fn exported_series_are_counted_as_they_are() {
    let mut audience = segment("s", &[("ana", 60.0), ("bob", 30.0)]);
    audience.influencers[1].lift = Lift::NONE.into();
    let of = exposition(vec![audience, segment("nobody", &[])]);
    let said = scraped(&of, Format::Prometheus);
    for (family, _) in scores::PER_INFLUENCER.iter().chain(&scores::PER_SEGMENT) {
        let series = said.lines().filter(|l| l.starts_with(&format!("{}{{", family.name))).count();
        let line = format!("sillage_series_exported{{family=\"{}\"}} {series}\n", family.name);
        assert!(said.contains(&line), "{line}");
    }
}

#[test]
fn where_there_is_too_little_to_compare_there_is_no_ratio() {
    let mut audience = segment("s", &[("ana", 60.0), ("bob", 30.0)]);
    audience.influencers[0].lift = Lift::NONE.into();
    let of = exposition(vec![audience]);
    let said = scraped(&of, Format::Prometheus);
    let ratios = said.lines().filter(|line| line.starts_with("sillage_lift_rate_ratio{"));
    let ratios: Vec<_> = ratios.collect();
    assert_eq!(ratios.len(), 3);
    assert!(ratios.iter().all(|line| line.contains("influencer=\"bob\"")), "{ratios:?}");
    assert!(said.contains("sillage_series_exported{family=\"sillage_lift_rate_ratio\"} 3\n"));
}

#[test]
fn before_a_bucket_was_closed_lift_is_as_of_nothing() {
    let of = exposition(vec![]);
    of.views.publish(View { lift_as_of_ms: None, ..view(2, vec![]) });
    let said = scraped(&of, Format::Prometheus);
    assert!(!said.contains("\nsillage_lift_as_of_timestamp_seconds"), "{said}");
}

#[test]
fn an_empty_view_is_no_nan() {
    let of = exposition(vec![segment("nobody", &[])]);
    let said = scraped(&of, Format::Prometheus);
    assert!(!said.lines().any(|l| l.ends_with("NaN") || l.ends_with("Inf")), "{said}");
    assert!(said.contains("sillage_segment_concentration_ratio{segment=\"nobody\"} 0.0\n"));
}

#[test]
fn open_metrics_ends_with_eof_and_names_families_without_suffix() {
    let said = scraped(&exposition(vec![]), Format::OpenMetrics);
    assert!(said.ends_with("# EOF\n"), "{said}");
    assert!(said.contains("# TYPE sillage_label info\n"), "{said}");
    assert!(!scraped(&exposition(vec![]), Format::Prometheus).contains("# EOF"));
}

#[test]
fn a_view_is_written_once_for_all_readers() {
    let of = exposition(vec![segment("s", &[("ana", 60.0)])]);
    let first = of.scrape(Format::Prometheus, false).unwrap();
    let second = of.scrape(Format::OpenMetrics, false).unwrap();
    assert_eq!(first[1].as_ptr(), second[1].as_ptr());
    of.views.publish(view(2, vec![segment("s", &[("ana", 61.0)])]));
    let third = of.scrape(Format::Prometheus, false).unwrap();
    assert_ne!(first[1], third[1]);
    assert_eq!(of.render_seconds.get_sample_count(), 3, "each tells how long it waited");
}

/// The view that was written last.
fn written(of: &Exposition) -> Option<u64> {
    (0..9).rev().find(|sequence| of.rendered.written(*sequence).is_some())
}

#[test]
fn a_view_is_written_before_it_is_asked_for_while_somebody_scrapes() {
    let of = exposition(vec![segment("s", &[("ana", 60.0)])]);
    of.publish(view(2, vec![segment("s", &[("ana", 61.0)])]));
    assert_eq!(written(&of), None, "nobody scrapes");
    assert!(scraped(&of, Format::Prometheus).contains("influencer=\"ana\"} 61.0\n"));
    of.publish(view(3, vec![segment("s", &[("ana", 62.0)])]));
    assert_eq!(written(&of), Some(3), "somebody scraped");
    assert!(scraped(&of, Format::Prometheus).contains("influencer=\"ana\"} 62.0\n"));
}

#[test]
fn who_scraped_once_is_prepared_for_a_while() {
    let of = exposition(vec![]);
    scraped(&of, Format::Prometheus);
    let minutes_later = |minutes| clock::instant() + Duration::from_mins(minutes);
    assert!(of.is_scraped(minutes_later(1)));
    assert!(!of.is_scraped(minutes_later(2)));
}

#[test]
fn a_scrape_does_not_wait_for_the_next_view_to_be_written() {
    let of = exposition(vec![]);
    scraped(&of, Format::Prometheus);
    let writing = locked(&of.rendered.spare);
    let (send, read) = mpsc::channel();
    let patience = Duration::from_secs(10);
    let meanwhile = thread::scope(|scope| {
        scope.spawn(|| of.publish(view(2, vec![segment("s", &[("ana", 60.0)])])));
        let deadline = clock::instant() + patience;
        while locked(&of.selection).sequence < Some(2) {
            assert!(clock::instant() < deadline, "not published");
            thread::yield_now();
        }
        scope.spawn(|| send.send(scraped(&of, Format::Prometheus)));
        let meanwhile = read.recv_timeout(patience);
        drop(writing);
        meanwhile
    });
    assert!(!meanwhile.expect("a scrape waited").contains("ana"));
    assert!(scraped(&of, Format::Prometheus).contains("ana"));
}

#[test]
fn compressed_reads_the_same() {
    let of = exposition(vec![segment("s", &[("ana", 60.0)])]);
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let pieces = of.scrape(format, true).unwrap().concat();
        let mut read = String::new();
        flate2::read::GzDecoder::new(&pieces[..]).read_to_string(&mut read).unwrap();
        assert_eq!(read, scraped(&of, format));
    }
}
