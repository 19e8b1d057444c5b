//! The two text formats, line by line: Prometheus 0.0.4 and `OpenMetrics` 1.0.0.

use super::catalogue::{Family, Kind, unit_of};
use super::labels;

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// The `Content-Type` of what is written.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The `# HELP`, `# TYPE` and `# UNIT` lines of a family.
pub(super) fn push_head(out: &mut Vec<u8>, format: Format, family: &Family) {
    push_head_of(out, format, (family.name, family.kind), family.help);
}

pub(super) fn push_head_of(
    out: &mut Vec<u8>,
    format: Format,
    (name, kind): (&str, Kind),
    help: &str,
) {
    let open = format == Format::OpenMetrics;
    let (name, kind) = match (open, kind) {
        // The suffix belongs to the samples; the family goes without.
        (true, Kind::Counter) => (name.strip_suffix("_total").unwrap_or(name), kind),
        (true, Kind::Info) => (name.strip_suffix("_info").unwrap_or(name), kind),
        (false, Kind::Info) => (name, Kind::Gauge),
        (_, kind) => (name, kind),
    };
    let mut line = |keyword: &[u8], text: &str| {
        out.extend_from_slice(keyword);
        out.extend_from_slice(name.as_bytes());
        out.push(b' ');
        // OpenMetrics escapes quotes in help too; the older format does not know that.
        labels::push_escaped(out, text, open);
        out.push(b'\n');
    };
    if open {
        line(b"# TYPE ", kind.as_str());
        if let Some(unit) = unit_of(name) {
            line(b"# UNIT ", unit);
        }
        line(b"# HELP ", help);
    } else {
        line(b"# HELP ", help);
        line(b"# TYPE ", kind.as_str());
    }
}

/// A number in the shortest form that reads back as itself.
pub(super) fn push_float(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        serde_json::to_writer(out, &value).expect("a Vec takes all that is written");
    } else {
        let spelled: &[u8] = match value {
            f64::INFINITY => b"+Inf",
            f64::NEG_INFINITY => b"-Inf",
            _ => b"NaN",
        };
        out.extend_from_slice(spelled);
    }
}

pub(super) fn push_count(out: &mut Vec<u8>, value: u64) {
    serde_json::to_writer(out, &value).expect("a Vec takes all that is written");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::exposition::catalogue::{HTTP_REQUESTS, LABEL, MOMENTUM};

    #[test]
    fn numbers_read_back_as_themselves() {
        let cases = [
            (0.0, "0.0"),
            (3.0, "3.0"),
            (0.1, "0.1"),
            (1.0 / 3.0, "0.3333333333333333"),
            (1e-9, "1e-9"),
            (1e300, "1e+300"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, expected) in cases {
            let mut out = Vec::new();
            push_float(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn heads_differ_between_the_formats() {
        let head = |format, family| {
            let mut out = Vec::new();
            push_head(&mut out, format, family);
            String::from_utf8(out).unwrap().lines().map(|l| l.to_owned() + "|").collect::<String>()
        };
        let (old, open) = (Format::Prometheus, Format::OpenMetrics);
        let said = head(old, &LABEL);
        assert!(said.ends_with("|# TYPE sillage_label_info gauge|"), "{said}");
        let said = head(open, &LABEL);
        assert!(said.starts_with("# TYPE sillage_label info|# HELP sillage_label "), "{said}");
        let said = head(open, &HTTP_REQUESTS);
        assert!(said.starts_with("# TYPE sillage_http_requests counter|"), "{said}");
        let said = head(open, &MOMENTUM);
        assert!(said.contains("|# UNIT sillage_momentum_ratio ratio|"), "{said}");
        assert!(!head(old, &MOMENTUM).contains("UNIT"));
    }
}
