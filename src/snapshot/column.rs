//! Columns as bytes: the first byte of each number side by side, then the second, and so on, each
//! of these planes compressed by itself.
//!
//! Invariant: a plane takes as many bytes to read as its header says, however it was compressed.

use zstd::bulk::{Compressor, Decompressor};

use crate::engine::{Broken, Columns, Source};

/// Level of compression: columns of small numbers leave little for a higher one to find.
const LEVEL: i32 = 1;

/// Bytes under which compressing costs more than it saves.
const COMPRESSED_FROM: usize = 32;

/// Numbers or bytes of a page at most.
const PAGE_MAX: usize = 1 << 24;

pub(super) struct Encoder<'a> {
    out: Vec<u8>,
    /// Where the body begins in it.
    start: usize,
    compressor: Compressor<'static>,
    plane: Vec<u8>,
    compressed: Vec<u8>,
    /// Bytes that a decoder will make of it.
    expanded: usize,
    /// Asked before each page.
    goes_on: &'a mut dyn FnMut() -> bool,
    over: bool,
}

pub(super) struct Decoder<'a> {
    rest: &'a [u8],
    decompressor: Decompressor<'static>,
    plane: Vec<u8>,
    /// Bytes that may still be made of it.
    expansion: usize,
}

impl<'a> Encoder<'a> {
    /// Of a body that follows what is in `out`. Once `goes_on` says no, pages are left out.
    pub(super) fn new(version: u8, mut out: Vec<u8>, goes_on: &'a mut dyn FnMut() -> bool) -> Self {
        let compressor = Compressor::new(LEVEL).expect("zstd must know its first level");
        let start = out.len();
        out.push(version);
        Self {
            out,
            start,
            compressor,
            plane: Vec::new(),
            compressed: Vec::new(),
            expanded: 0,
            goes_on,
            over: false,
        }
    }

    fn goes_on(&mut self) -> bool {
        self.over = self.over || !(self.goes_on)();
        !self.over
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        // The end: all else is padding that vouches for what a decoder needs.
        let least = self.start + self.expanded / Decoder::EXPANSION;
        self.out.resize(self.out.len().max(least), 0);
        self.out
    }

    fn number(&mut self, mut number: usize) {
        while number >= 0x80 {
            self.out.push(low_byte(number as u64) & 0x7f | 0x80);
            number >>= 7;
        }
        self.out.push(low_byte(number as u64));
    }

    /// Appends `self.plane`, compressed if that pays.
    fn plane(&mut self) {
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(self.plane.len()));
        let tried = self.plane.len() >= COMPRESSED_FROM
            && self.compressor.compress_to_buffer(&self.plane, &mut self.compressed).is_ok();
        if tried && self.compressed.len() < self.plane.len() {
            self.number(self.compressed.len());
            self.out.extend_from_slice(&self.compressed);
        } else {
            self.number(0);
            self.out.extend_from_slice(&self.plane);
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the low byte is what is asked for")]
const fn low_byte(word: u64) -> u8 {
    word as u8
}

impl Columns for Encoder<'_> {
    fn words(&mut self, page: &[u64]) {
        if !self.goes_on() {
            return;
        }
        self.number(page.len());
        if page.is_empty() {
            return;
        }
        self.expanded += size_of_val(page);
        let any = page.iter().fold(0, |any, word| any | word);
        let is_there = |at: &u32| low_byte(any >> (8 * at)) != 0;
        let present = (0..8).filter(is_there).fold(0, |mask, at| mask | 1 << at);
        self.out.push(present);
        for at in (0..8).filter(is_there) {
            self.plane.clear();
            self.plane.extend(page.iter().map(|word| low_byte(word >> (8 * at))));
            self.plane();
        }
    }

    fn text(&mut self, page: &[u8]) {
        if !self.goes_on() {
            return;
        }
        self.number(page.len());
        self.expanded += page.len();
        self.plane.clear();
        self.plane.extend_from_slice(page);
        self.plane();
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl<'a> Decoder<'a> {
    /// How many times as long as a body what it says may be.
    pub(super) const EXPANSION: usize = 1024;

    pub(super) fn new(version: u8, body: &'a [u8]) -> Result<Self, Broken> {
        let (first, rest) = body.split_first().ok_or(Broken::Length)?;
        if *first != version {
            return Err(Broken::Version(*first));
        }
        let decompressor = Decompressor::new().map_err(|_error| Broken::Compression)?;
        let expansion = body.len().saturating_mul(Self::EXPANSION).saturating_add(Self::EXPANSION);
        Ok(Self { rest, decompressor, plane: Vec::new(), expansion })
    }

    /// That everything was read, but for padding.
    pub(super) fn finish(self) -> Result<(), Broken> {
        if self.rest.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(Broken::Length) }
    }

    fn number(&mut self) -> Result<usize, Broken> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(Broken::Length)?;
            self.rest = rest;
            number |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Broken::Length)
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], Broken> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Broken::Length)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// How many numbers or bytes, of `size` bytes each, a page has.
    fn page_len(&mut self, size: usize) -> Result<usize, Broken> {
        let len = self.number()?;
        if len > PAGE_MAX {
            return Err(Broken::Length);
        }
        self.expansion = self.expansion.checked_sub(len * size).ok_or(Broken::Length)?;
        Ok(len)
    }

    /// Reads a plane of `len` bytes into `self.plane`.
    fn plane(&mut self, len: usize) -> Result<(), Broken> {
        self.plane.clear();
        match self.number()? {
            0 => {
                let bytes = self.bytes(len)?;
                self.plane.extend_from_slice(bytes);
            }
            compressed => {
                let compressed = self.bytes(compressed)?;
                self.plane.reserve_exact(len);
                let read = self.decompressor.decompress_to_buffer(compressed, &mut self.plane);
                if read.is_err() || self.plane.len() != len {
                    return Err(Broken::Compression);
                }
            }
        }
        Ok(())
    }
}

impl Source for Decoder<'_> {
    fn words(&mut self) -> Result<Vec<u64>, Broken> {
        let len = self.page_len(size_of::<u64>())?;
        if len == 0 {
            return Ok(Vec::new());
        }
        let [present] = self.bytes(1)? else { return Err(Broken::Length) };
        let mut words = vec![0; len];
        for at in (0..8).filter(|at| present >> at & 1 == 1) {
            self.plane(len)?;
            for (word, byte) in words.iter_mut().zip(&self.plane) {
                *word |= u64::from(*byte) << (8 * at);
            }
        }
        Ok(words)
    }

    fn text(&mut self) -> Result<Vec<u8>, Broken> {
        let len = self.page_len(1)?;
        self.plane(len)?;
        Ok(std::mem::take(&mut self.plane))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_back() {
        let pages = [
            vec![],
            vec![7],
            vec![0; 1000],
            (0..1000).map(|n| (n << 40) + n % 3).collect(),
            vec![u64::MAX, 0, 1 << 63],
        ];
        let mut goes_on = || true;
        let mut encoder = Encoder::new(1, Vec::new(), &mut goes_on);
        for page in &pages {
            encoder.words(page);
            encoder.text(format!("{page:?}").as_bytes());
        }
        let body = encoder.finish();
        let mut decoder = Decoder::new(1, &body).unwrap();
        for page in &pages {
            assert_eq!(decoder.words().as_ref(), Ok(page));
            assert_eq!(decoder.text(), Ok(format!("{page:?}").into_bytes()));
        }
        assert_eq!(decoder.words(), Err(Broken::Length));
        assert_eq!(Decoder::new(2, &body).map(drop), Err(Broken::Version(1)));
    }

    #[test]
    fn what_expands_beyond_all_measure_is_broken() {
        let mut goes_on = || true;
        let mut encoder = Encoder::new(1, Vec::new(), &mut goes_on);
        let page = vec![0; 100_000];
        for _ in 0..100 {
            encoder.words(&page);
        }
        let body = encoder.finish();
        let read = |body: &[u8]| {
            let mut decoder = Decoder::new(1, body)?;
            (0..100).try_for_each(|_| decoder.words().map(drop))?;
            decoder.finish()
        };
        assert_eq!(read(&body), Ok(()), "padding vouches for it");
        assert_eq!(read(&body[..1000]), Err(Broken::Length));
    }
}
