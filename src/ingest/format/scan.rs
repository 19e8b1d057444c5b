//! A scanner for the common shape of canonical JSON, several times as fast as the general decoder.
//!
//! Invariant: it reads a record exactly as `canonical` does, or declares it unfamiliar. It knows
//! one flat object whose strings have no escapes and whose numbers are integers.

use std::borrow::Cow;

use super::{Fields, SEGMENTS_MAX, time::Time};
use crate::model::Batch;

/// The record has a shape that is left to the general decoder; it may be right or wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfamiliar;

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

#[derive(Clone, Copy)]
enum Name {
    Id,
    Kind,
    Time,
    Actor,
    Target,
    Code,
    Value,
    Currency,
    Refers,
    Campaign,
    Segments,
    Unread,
}

/// The first four bytes of the names that are told by them.
const ID: u32 = u32::from_le_bytes(*b"id\":");
const KIND: u32 = u32::from_le_bytes(*b"kind");
const TIME: u32 = u32::from_le_bytes(*b"time");
const ACTOR: u32 = u32::from_le_bytes(*b"acto");
const TARGET: u32 = u32::from_le_bytes(*b"targ");
const CODE: u32 = u32::from_le_bytes(*b"code");
const VALUE: u32 = u32::from_le_bytes(*b"valu");
const CURRENCY: u32 = u32::from_le_bytes(*b"curr");
const REFERS: u32 = u32::from_le_bytes(*b"refe");
const CAMPAIGN: u32 = u32::from_le_bytes(*b"camp");
const SEGMENTS: u32 = u32::from_le_bytes(*b"segm");
const POST: u32 = u32::from_le_bytes(*b"post");

/// Reads the fields of the object that `text` is into `fields`, in place because they are large;
/// its segments wait in `batch`, also after a failure.
pub(super) fn read<'a>(
    text: &'a str,
    fields: &mut Fields<'a>,
    batch: &mut Batch<'a>,
) -> Result<(), Unfamiliar> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.expect(b'{')?;
    loop {
        cursor.expect(b'"')?;
        match cursor.name_rest()? {
            Name::Id => fields.id = cursor.text_or_digits()?,
            Name::Kind => fields.kind = cursor.text()?,
            Name::Time => fields.time = cursor.time()?,
            Name::Actor => fields.actor = cursor.text()?,
            Name::Target => fields.target = cursor.text()?,
            Name::Code => fields.code = cursor.text()?,
            Name::Value => fields.value = cursor.amount()?,
            Name::Currency => fields.currency = cursor.text()?,
            Name::Refers => fields.refers = cursor.text_or_digits()?,
            Name::Campaign => fields.campaign = cursor.anything()?.map(Cow::Borrowed),
            Name::Segments => cursor.segments(fields, batch)?,
            Name::Unread => drop(cursor.anything()?),
        }
        if cursor.takes(b',') {
            continue;
        }
        cursor.expect(b'}')?;
        cursor.skip_space();
        return if cursor.at == text.len() { Ok(()) } else { Err(Unfamiliar) };
    }
}

impl<'a> Cursor<'a> {
    /// The next byte; 0, which no JSON has, at the end.
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while let b' ' | b'\n' | b'\r' | b'\t' = self.peek() {
            self.at += 1;
        }
    }

    /// Takes `byte` if it comes next, after any space.
    fn takes(&mut self, byte: u8) -> bool {
        if self.peek() != byte {
            self.skip_space();
            if self.peek() != byte {
                return false;
            }
        }
        self.at += 1;
        true
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unfamiliar> {
        if self.takes(byte) { Ok(()) } else { Err(Unfamiliar) }
    }

    /// Whether a digit comes next, after any space.
    fn is_at_digit(&mut self) -> bool {
        self.skip_space();
        self.peek().is_ascii_digit()
    }

    /// A string or null.
    #[inline]
    fn text(&mut self) -> Result<Option<Cow<'a, str>>, Unfamiliar> {
        if !self.takes(b'"') {
            return self.word("null").map(|()| None);
        }
        Ok(Some(Cow::Borrowed(self.string_rest()?)))
    }

    /// A string, an integer as it is spelled, or null.
    fn text_or_digits(&mut self) -> Result<Option<Cow<'a, str>>, Unfamiliar> {
        if self.is_at_digit() {
            let (digits, _) = self.integer()?;
            return Ok(Some(Cow::Borrowed(digits)));
        }
        self.text()
    }

    fn time(&mut self) -> Result<Option<Time<'a>>, Unfamiliar> {
        if self.is_at_digit() {
            let (_, number) = self.integer()?;
            return Ok(Some(Time::Integer(number)));
        }
        Ok(self.text()?.map(Time::Text))
    }

    fn amount(&mut self) -> Result<Option<f64>, Unfamiliar> {
        if self.is_at_digit() {
            let (_, number) = self.integer()?;
            return Ok(Some(number as f64));
        }
        self.word("null").map(|()| None)
    }

    /// A string, or nothing of what is none.
    fn anything(&mut self) -> Result<Option<&'a str>, Unfamiliar> {
        if self.takes(b'"') {
            return self.string_rest().map(Some);
        }
        match self.peek() {
            b'0'..=b'9' => drop(self.integer()?),
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            _ => self.word("null")?,
        }
        Ok(None)
    }

    /// The name of a field, whose opening quote was just read, and the colon after it.
    ///
    /// Known names are told by their first four bytes and not by the search for their end: the
    /// processor foresees which comes next and how long it is, and need not wait for the search.
    #[inline]
    fn name_rest(&mut self) -> Result<Name, Unfamiliar> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let Some(first) = rest.first_chunk() else { return Err(Unfamiliar) };
        let (name, length) = match u32::from_le_bytes(*first) {
            ID => (Name::Id, 4),
            KIND if rest.starts_with(b"kind\":") => (Name::Kind, 6),
            TIME if rest.starts_with(b"time\":") => (Name::Time, 6),
            ACTOR if rest.starts_with(b"actor\":") => (Name::Actor, 7),
            TARGET if rest.starts_with(b"target\":") => (Name::Target, 8),
            CODE if rest.starts_with(b"code\":") => (Name::Code, 6),
            VALUE if rest.starts_with(b"value\":") => (Name::Value, 7),
            CURRENCY if rest.starts_with(b"currency\":") => (Name::Currency, 10),
            REFERS if rest.starts_with(b"refers\":") => (Name::Refers, 8),
            CAMPAIGN if rest.starts_with(b"campaign\":") => (Name::Campaign, 10),
            SEGMENTS if rest.starts_with(b"segments\":") => (Name::Segments, 10),
            POST if rest.starts_with(b"post\":") => (Name::Unread, 6),
            _ => return self.unusual_name_rest(),
        };
        self.at += length;
        Ok(name)
    }

    /// The same of a name that is not known, or has space before its colon.
    #[cold]
    fn unusual_name_rest(&mut self) -> Result<Name, Unfamiliar> {
        let name = match self.string_rest()? {
            "id" => Name::Id,
            "kind" => Name::Kind,
            "time" => Name::Time,
            "actor" => Name::Actor,
            "target" => Name::Target,
            "code" => Name::Code,
            "value" => Name::Value,
            "currency" => Name::Currency,
            "refers" => Name::Refers,
            "campaign" => Name::Campaign,
            "segments" => Name::Segments,
            _ => Name::Unread,
        };
        self.expect(b':')?;
        Ok(name)
    }

    /// The string whose opening quote was just read.
    #[inline]
    fn string_rest(&mut self) -> Result<&'a str, Unfamiliar> {
        let rest = self.text.get(self.at..).ok_or(Unfamiliar)?;
        let length = plain_length(rest.as_bytes()).ok_or(Unfamiliar)?;
        self.at += length + 1;
        rest.get(..length).ok_or(Unfamiliar)
    }

    /// Digits that fit an i64, and their number. What follows them (a dot, an exponent) is the
    /// caller's to refuse.
    fn integer(&mut self) -> Result<(&'a str, i64), Unfamiliar> {
        let from = self.at;
        let mut number = 0_i64;
        while let digit @ b'0'..=b'9' = self.peek() {
            number = number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            self.at += 1;
        }
        let digits = self.text.get(from..self.at).ok_or(Unfamiliar)?;
        let has_leading_zero = digits.len() > 1 && digits.starts_with('0');
        if digits.len() > 18 || has_leading_zero {
            return Err(Unfamiliar);
        }
        Ok((digits, number))
    }

    #[cold]
    fn word(&mut self, word: &str) -> Result<(), Unfamiliar> {
        let rest = self.text.get(self.at..).ok_or(Unfamiliar)?;
        if !rest.starts_with(word) {
            return Err(Unfamiliar);
        }
        self.at += word.len();
        Ok(())
    }

    fn segments(
        &mut self,
        fields: &mut Fields<'a>,
        batch: &mut Batch<'a>,
    ) -> Result<(), Unfamiliar> {
        fields.clear_segments(batch);
        self.expect(b'[')?;
        for _ in 0..SEGMENTS_MAX {
            self.expect(b'"')?;
            let name = self.string_rest()?;
            fields.push_segment(Cow::Borrowed(name), batch);
            if !self.takes(b',') {
                return self.expect(b']');
            }
        }
        Err(Unfamiliar)
    }
}

/// How many bytes there are up to a quote, if none of them is a backslash or a control character:
/// eight at a time, by the subtraction that borrows into the high bit of the first byte that
/// matches.
#[inline]
fn plain_length(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let zero_byte = |word: u64| word.wrapping_sub(ONES) & !word;
    let mut length = 0;
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = zero_byte(word ^ (ONES * u64::from(b'"')));
        let backslash = zero_byte(word ^ (ONES * u64::from(b'\\')));
        let special = (control | quote | backslash) & HIGH;
        if special != 0 {
            let first = special.trailing_zeros();
            return (quote >> first & 1 == 1).then_some(length + first as usize / 8);
        }
        length += 8;
    }
    let special = tail.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20))?;
    (tail.get(special) == Some(&b'"')).then_some(length + special)
}
