//! What a reader accepts: the format by `Accept`, compression by `Accept-Encoding`.

use super::writer::Format;

/// The format with the highest quality; Prometheus text where neither is named.
#[must_use]
pub fn format(accept: &str) -> Format {
    let (mut open, mut text) = (0.0_f64, 0.0_f64);
    for range in accept.split(',') {
        let (media, quality) = weighed(range);
        let version = parameter(range, "version");
        match media.as_str() {
            "application/openmetrics-text" if matches!(version, None | Some("1.0.0")) => {
                open = open.max(quality);
            }
            "text/plain" if matches!(version, None | Some("0.0.4")) => text = text.max(quality),
            _ => {}
        }
    }
    // Only who asks for it by name gets OpenMetrics: browsers and curl send `*/*`.
    if open > 0.0 && open >= text { Format::OpenMetrics } else { Format::Prometheus }
}

/// Whether gzip is welcome.
#[must_use]
pub fn gzip(accept_encoding: &str) -> bool {
    let mut any = false;
    for coding in accept_encoding.split(',') {
        match weighed(coding) {
            (name, quality) if name == "gzip" || name == "x-gzip" => return quality > 0.0,
            (name, quality) if name == "*" => any = quality > 0.0,
            _ => {}
        }
    }
    any
}

/// The name in lower case, and its quality: 1 where there is none, 0 where it cannot be read.
fn weighed(range: &str) -> (String, f64) {
    let name = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let quality = parameter(range, "q").map_or(1.0, |q| q.parse().unwrap_or(0.0));
    (name, quality)
}

fn parameter<'a>(range: &'a str, key: &str) -> Option<&'a str> {
    range.split(';').skip(1).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case(key).then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_format_with_the_highest_quality() {
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,\
            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let cases = [
            ("", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Prometheus),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", Format::OpenMetrics),
            ("application/openmetrics-text; version=0.0.1", Format::Prometheus),
            ("application/openmetrics-text;q=0", Format::Prometheus),
            ("application/openmetrics-text;q=0.4, text/plain;q=0.5", Format::Prometheus),
            ("application/openmetrics-text;q=0.5, text/plain;version=1.0.0", Format::OpenMetrics),
            (prometheus_3, Format::OpenMetrics),
        ];
        for (accept, expected) in cases {
            assert_eq!(format(accept), expected, "{accept}");
        }
    }

    #[test]
    fn compresses_only_where_welcome() {
        let cases = [
            ("", false),
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("GZIP", true),
            ("gzip;q=0, *", false),
            ("*", true),
            ("*;q=0", false),
            ("br, zstd", false),
            ("gzip;q=x", false),
        ];
        for (accept, expected) in cases {
            assert_eq!(gzip(accept), expected, "{accept}");
        }
    }
}
