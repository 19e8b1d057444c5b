//! Values of labels: cut, cleaned and escaped, so that no name in the data can break a scrape.
//!
//! Invariant: what is written is at most 128 bytes before escaping, is valid UTF-8, and differs
//! wherever the names differ.

use std::borrow::Cow;
use std::fmt::Write as _;

use xxhash_rust::xxh3::xxh3_64;

/// Most bytes of a value.
const LIMIT: usize = 128;
/// `~` and 16 hexadecimal digits.
const SUFFIX: usize = 17;

/// Appends `name="value"`.
pub(super) fn push(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    push_escaped(out, &bounded(value), true);
    out.push(b'"');
}

/// Appends text as both formats write it: `\` and line feeds escaped, and `"` within `quotes`.
pub(super) fn push_escaped(out: &mut Vec<u8>, text: &str, quotes: bool) {
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            byte => out.push(byte),
        }
    }
}

/// The name itself where it can be shown whole. A name that is too long, or has control
/// characters (a NUL ends the text for the parser of Prometheus), loses them for a hash.
#[must_use]
pub fn bounded(value: &str) -> Cow<'_, str> {
    let unclean = |c: char| c.is_control() && c != '\n';
    if value.len() <= LIMIT && !value.contains(unclean) {
        return Cow::Borrowed(value);
    }
    let cleaned: String =
        value.chars().map(|c| if unclean(c) { char::REPLACEMENT_CHARACTER } else { c }).collect();
    let end = cleaned.floor_char_boundary(LIMIT - SUFFIX);
    let mut short = cleaned.get(..end).unwrap_or_default().to_owned();
    write!(short, "~{:016x}", xxh3_64(value.as_bytes()))
        .expect("a String takes all that is written");
    Cow::Owned(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &str) -> String {
        let mut out = Vec::new();
        push(&mut out, "influencer", value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_what_the_format_reserves() {
        let cases = [
            ("ana", r#"influencer="ana""#),
            ("", r#"influencer="""#),
            (r#"a"b\c"#, r#"influencer="a\"b\\c""#),
            ("a\nb", r#"influencer="a\nb""#),
            ("été/日本 {x}", r#"influencer="été/日本 {x}""#),
        ];
        for (value, expected) in cases {
            assert_eq!(written(value), expected);
        }
    }

    #[test]
    fn long_names_stay_distinct_and_are_cut_between_characters() {
        let fits = "x".repeat(128);
        assert_eq!(written(&fits), format!("influencer=\"{fits}\""));
        let (one, two) = ("é".repeat(100), format!("{}b", "é".repeat(99)));
        let (one, two) = (bounded(&one).into_owned(), bounded(&two).into_owned());
        assert_ne!(one, two);
        assert!(one.len() <= 128 && one.starts_with("éé") && one.contains('~'), "{one}");
        assert_eq!(one, bounded(&"é".repeat(100)), "the same name, the same label");
    }

    #[test]
    fn control_characters_cannot_reach_the_parser() {
        let (nul, bell) = (bounded("a\0b").into_owned(), bounded("a\x07b").into_owned());
        assert_ne!(nul, bell);
        assert!(!nul.contains('\0'), "{nul:?}");
    }
}
