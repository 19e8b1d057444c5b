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

enum Token<'a> {
    Text(&'a str),
    Integer(&'a str, i64),
    Null,
    Boolean,
}

/// Reads the fields of the object that `text` is into `fields`, in place because they are large;
/// its segments wait in `batch`, also after a failure.
pub(super) fn read<'a>(
    text: &'a str,
    fields: &mut Fields<'a>,
    batch: &mut Batch<'a>,
) -> Result<(), Unfamiliar> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.skip_space();
    cursor.expect(b'{')?;
    loop {
        cursor.skip_space();
        cursor.expect(b'"')?;
        let name = cursor.name_rest()?;
        cursor.skip_space();
        cursor.expect(b':')?;
        cursor.skip_space();
        if let Name::Segments = name {
            cursor.segments(fields, batch)?;
        } else {
            let token = cursor.token()?;
            match name {
                Name::Id => fields.id = token.digits_or_text()?,
                Name::Kind => fields.kind = token.text()?,
                Name::Time => fields.time = token.time()?,
                Name::Actor => fields.actor = token.text()?,
                Name::Target => fields.target = token.text()?,
                Name::Code => fields.code = token.text()?,
                Name::Value => fields.value = token.amount()?,
                Name::Currency => fields.currency = token.text()?,
                Name::Refers => fields.refers = token.digits_or_text()?,
                Name::Campaign => fields.campaign = token.text_if_any(),
                Name::Segments | Name::Unread => {}
            }
        }
        cursor.skip_space();
        match cursor.next() {
            Some(b',') => {}
            Some(b'}') => break,
            _ => return Err(Unfamiliar),
        }
    }
    cursor.skip_space();
    if cursor.at == text.len() { Ok(()) } else { Err(Unfamiliar) }
}

impl<'a> Token<'a> {
    fn text(self) -> Result<Option<Cow<'a, str>>, Unfamiliar> {
        match self {
            Self::Text(text) => Ok(Some(Cow::Borrowed(text))),
            Self::Null => Ok(None),
            _ => Err(Unfamiliar),
        }
    }

    fn text_if_any(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            _ => None,
        }
    }

    fn digits_or_text(self) -> Result<Option<Cow<'a, str>>, Unfamiliar> {
        match self {
            Self::Integer(digits, _) => Ok(Some(Cow::Borrowed(digits))),
            other => other.text(),
        }
    }

    fn time(self) -> Result<Option<Time<'a>>, Unfamiliar> {
        match self {
            Self::Integer(_, number) => Ok(Some(Time::Integer(number))),
            other => Ok(other.text()?.map(Time::Text)),
        }
    }

    fn amount(self) -> Result<Option<f64>, Unfamiliar> {
        match self {
            Self::Integer(_, number) => Ok(Some(number as f64)),
            Self::Null => Ok(None),
            _ => Err(Unfamiliar),
        }
    }
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unfamiliar> {
        if self.next() == Some(byte) { Ok(()) } else { Err(Unfamiliar) }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn token(&mut self) -> Result<Token<'a>, Unfamiliar> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string_rest().map(Token::Text)
            }
            Some(b'0'..=b'9') => self.integer(),
            Some(b'n') => self.word("null", Token::Null),
            Some(b't') => self.word("true", Token::Boolean),
            Some(b'f') => self.word("false", Token::Boolean),
            _ => Err(Unfamiliar),
        }
    }

    /// The name of a field, whose opening quote was just read.
    ///
    /// Known names are told by comparison and not by the search for their end: the processor
    /// foresees which comes next and how long it is, and need not wait for the search.
    fn name_rest(&mut self) -> Result<Name, Unfamiliar> {
        let rest = self.text.as_bytes().get(self.at..).ok_or(Unfamiliar)?;
        let (name, length) = match rest {
            [b'i', b'd', b'"', ..] => (Name::Id, 3),
            [b'k', b'i', b'n', b'd', b'"', ..] => (Name::Kind, 5),
            [b't', b'i', b'm', b'e', b'"', ..] => (Name::Time, 5),
            [b'a', b'c', b't', b'o', b'r', b'"', ..] => (Name::Actor, 6),
            [b't', b'a', b'r', b'g', b'e', b't', b'"', ..] => (Name::Target, 7),
            [b's', b'e', b'g', b'm', b'e', b'n', b't', b's', b'"', ..] => (Name::Segments, 9),
            [b'c', b'a', b'm', b'p', b'a', b'i', b'g', b'n', b'"', ..] => (Name::Campaign, 9),
            [b'p', b'o', b's', b't', b'"', ..] => (Name::Unread, 5),
            [b'c', b'o', b'd', b'e', b'"', ..] => (Name::Code, 5),
            [b'v', b'a', b'l', b'u', b'e', b'"', ..] => (Name::Value, 6),
            [b'c', b'u', b'r', b'r', b'e', b'n', b'c', b'y', b'"', ..] => (Name::Currency, 9),
            [b'r', b'e', b'f', b'e', b'r', b's', b'"', ..] => (Name::Refers, 7),
            _ => return self.string_rest().map(|_| Name::Unread),
        };
        self.at += length;
        Ok(name)
    }

    /// The string whose opening quote was just read.
    #[inline]
    fn string_rest(&mut self) -> Result<&'a str, Unfamiliar> {
        let rest = self.text.get(self.at..).ok_or(Unfamiliar)?;
        let length = plain_prefix(rest.as_bytes());
        self.at += length;
        self.expect(b'"')?;
        rest.get(..length).ok_or(Unfamiliar)
    }

    /// Digits that fit an i64. What follows them (a dot, an exponent) is the caller's to refuse.
    fn integer(&mut self) -> Result<Token<'a>, Unfamiliar> {
        let from = self.at;
        let mut number = 0_i64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            self.at += 1;
        }
        let digits = self.text.get(from..self.at).ok_or(Unfamiliar)?;
        let has_leading_zero = digits.len() > 1 && digits.starts_with('0');
        if digits.len() > 18 || has_leading_zero {
            return Err(Unfamiliar);
        }
        Ok(Token::Integer(digits, number))
    }

    fn word(&mut self, word: &str, token: Token<'a>) -> Result<Token<'a>, Unfamiliar> {
        let rest = self.text.get(self.at..).ok_or(Unfamiliar)?;
        if !rest.starts_with(word) {
            return Err(Unfamiliar);
        }
        self.at += word.len();
        Ok(token)
    }

    fn segments(
        &mut self,
        fields: &mut Fields<'a>,
        batch: &mut Batch<'a>,
    ) -> Result<(), Unfamiliar> {
        fields.clear_segments(batch);
        self.expect(b'[')?;
        for _ in 0..SEGMENTS_MAX {
            self.skip_space();
            self.expect(b'"')?;
            let name = self.string_rest()?;
            fields.push_segment(Cow::Borrowed(name), batch);
            self.skip_space();
            match self.next() {
                Some(b',') => {}
                Some(b']') => return Ok(()),
                _ => return Err(Unfamiliar),
            }
        }
        Err(Unfamiliar)
    }
}

/// How many leading bytes are neither a quote, nor a backslash, nor a control character: eight at
/// a time, by the subtraction that borrows into the high bit of the first byte that matches.
fn plain_prefix(bytes: &[u8]) -> usize {
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
            return length + special.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
    length + tail.iter().position(is_special).unwrap_or(tail.len())
}
