//! Columns as bytes: how many bytes each number takes side by side, then the first byte of each that
//! has one, then the second, and so on, each of these planes compressed by itself, small bytes
//! several in one.
//!
//! Invariant: a plane takes as many bytes to read as its header says, however it was compressed.

use zstd::bulk::{Compressor, Decompressor};

use crate::engine::{Broken, Columns, Source};

/// Level of compression: columns of small numbers leave little for a higher one to find.
const LEVEL: i32 = 1;

/// Bytes under which compressing costs more than it saves.
const COMPRESSED_FROM: usize = 32;

/// The layout in which each number had a byte in every plane, and each byte was its own.
const WHOLE_PLANES: u8 = 1;

/// Numbers or bytes of a page at most.
const PAGE_MAX: usize = 1 << 24;

pub(super) struct Encoder<'a> {
    out: Vec<u8>,
    /// Where the body begins in it.
    start: usize,
    compressor: Compressor<'static>,
    plane: Vec<u8>,
    /// Numbers that have bytes in the planes to come.
    rest: Vec<u64>,
    packed: Vec<u8>,
    compressed: Vec<u8>,
    /// Bytes that a decoder will make of it.
    expanded: usize,
    /// Asked before each page.
    goes_on: &'a mut dyn FnMut() -> bool,
    over: bool,
}

pub(super) struct Decoder<'a> {
    version: u8,
    rest: &'a [u8],
    decompressor: Decompressor<'static>,
    plane: Vec<u8>,
    packed: Vec<u8>,
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
            rest: Vec::new(),
            packed: Vec::new(),
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

    /// Appends a plane, compressed if that pays. Bytes that fit one, two or four bits are packed
    /// first, so that frequent ones can take less than a bit.
    fn plane(&mut self, plane: &[u8]) {
        let any = plane.iter().fold(0, |any, byte| any | byte);
        let width = Width::of(any);
        self.packed.clear();
        width.pack(plane, &mut self.packed);
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(self.packed.len()));
        let tried = self.packed.len() >= COMPRESSED_FROM
            && self.compressor.compress_to_buffer(&self.packed, &mut self.compressed).is_ok();
        let pays = tried && self.compressed.len() < self.packed.len();
        self.number(if pays { self.compressed.len() } else { 0 } << 2 | width as usize);
        self.out.extend_from_slice(if pays { &self.compressed } else { &self.packed });
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the low byte is what is asked for")]
const fn low_byte(word: u64) -> u8 {
    word as u8
}

/// Bytes that a number takes.
fn length(word: u64) -> u8 {
    low_byte(u64::from((64 - word.leading_zeros()).div_ceil(8)))
}

/// Bits that each byte of a plane takes, as the power of two.
#[derive(Clone, Copy)]
enum Width {
    One,
    Two,
    Four,
    Eight,
}

impl Width {
    /// That of bytes which have no other bits than `any`.
    const fn of(any: u8) -> Self {
        match any {
            0..2 => Self::One,
            2..4 => Self::Two,
            4..16 => Self::Four,
            16.. => Self::Eight,
        }
    }

    const fn from_low_bits(number: usize) -> Self {
        match number & 3 {
            0 => Self::One,
            1 => Self::Two,
            2 => Self::Four,
            _ => Self::Eight,
        }
    }

    const fn bits(self) -> usize {
        1 << self as usize
    }

    /// Appends the bytes, the first in the lowest bits.
    fn pack(self, bytes: &[u8], packed: &mut Vec<u8>) {
        match self {
            Self::One => pack::<8>(bytes, packed),
            Self::Two => pack::<4>(bytes, packed),
            Self::Four => pack::<2>(bytes, packed),
            Self::Eight => packed.extend_from_slice(bytes),
        }
    }

    /// Appends `len` bytes that were packed.
    fn unpack(self, packed: &[u8], len: usize, bytes: &mut Vec<u8>) {
        let end = bytes.len() + len;
        match self {
            Self::One => unpack::<8>(packed, bytes),
            Self::Two => unpack::<4>(packed, bytes),
            Self::Four => unpack::<2>(packed, bytes),
            Self::Eight => bytes.extend_from_slice(packed),
        }
        bytes.truncate(end);
    }
}

/// Packs `N` bytes in each.
fn pack<const N: usize>(bytes: &[u8], packed: &mut Vec<u8>) {
    let all = |some: &[u8; N]| some.iter().rev().fold(0, |all, byte| all << (8 / N) | byte);
    let (chunks, rest) = bytes.as_chunks();
    packed.extend(chunks.iter().map(all));
    if !rest.is_empty() {
        let mut last = [0; N];
        last[..rest.len()].copy_from_slice(rest);
        packed.push(all(&last));
    }
}

/// Unpacks `N` bytes of each.
fn unpack<const N: usize>(packed: &[u8], bytes: &mut Vec<u8>) {
    let mask = u8::MAX >> (8 - 8 / N);
    for all in packed {
        let some: [u8; N] = std::array::from_fn(|at| all >> (at * 8 / N) & mask);
        bytes.extend_from_slice(&some);
    }
}

/// Keeps what is wanted, in order, and takes no branch on it, which could not be foreseen.
#[allow(clippy::indexing_slicing, reason = "what is kept is no more than what was looked at")]
fn retain<T: Copy>(list: &mut Vec<T>, is_wanted: impl Fn(T) -> bool) {
    let mut kept = 0;
    for at in 0..list.len() {
        let one = list[at];
        list[kept] = one;
        kept += usize::from(is_wanted(one));
    }
    list.truncate(kept);
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
        let (mut plane, mut rest) =
            (std::mem::take(&mut self.plane), std::mem::take(&mut self.rest));
        let longest = length(page.iter().fold(0, |any, word| any | word));
        self.out.push(longest);
        rest.clear();
        rest.extend_from_slice(page);
        // A single plane says itself which numbers are 0.
        if longest > 1 {
            plane.clear();
            plane.extend(page.iter().map(|word| length(*word)));
            self.plane(&plane);
            retain(&mut rest, |word| word != 0);
        }
        for _ in 0..longest {
            plane.clear();
            plane.extend(rest.iter().map(|word| low_byte(*word)));
            self.plane(&plane);
            for word in &mut rest {
                *word >>= 8;
            }
            retain(&mut rest, |word| word != 0);
        }
        (self.plane, self.rest) = (plane, rest);
    }

    fn text(&mut self, page: &[u8]) {
        if !self.goes_on() {
            return;
        }
        self.number(page.len());
        self.expanded += page.len();
        self.plane(page);
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl<'a> Decoder<'a> {
    /// How many times as long as a body what it says may be.
    pub(super) const EXPANSION: usize = 1024;

    /// Of a body of a version up to `newest`.
    pub(super) fn new(newest: u8, body: &'a [u8]) -> Result<Self, Broken> {
        let (version, rest) = body.split_first().ok_or(Broken::Length)?;
        if !(WHOLE_PLANES..=newest).contains(version) {
            return Err(Broken::Version(*version));
        }
        let decompressor = Decompressor::new().map_err(|_error| Broken::Compression)?;
        let expansion = body.len().saturating_mul(Self::EXPANSION).saturating_add(Self::EXPANSION);
        let (plane, packed) = (Vec::new(), Vec::new());
        Ok(Self { version: *version, rest, decompressor, plane, packed, expansion })
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
        let number = self.number()?;
        let (compressed, width) = match self.version {
            WHOLE_PLANES => (number, Width::Eight),
            _ => (number >> 2, Width::from_low_bits(number)),
        };
        self.packed(compressed, (len * width.bits()).div_ceil(8))?;
        self.plane.clear();
        width.unpack(&self.packed, len, &mut self.plane);
        Ok(())
    }

    /// Reads `len` bytes, which take `compressed` if that is not 0, into `self.packed`.
    fn packed(&mut self, compressed: usize, len: usize) -> Result<(), Broken> {
        self.packed.clear();
        if compressed == 0 {
            let bytes = self.bytes(len)?;
            self.packed.extend_from_slice(bytes);
            return Ok(());
        }
        let compressed = self.bytes(compressed)?;
        self.packed.reserve_exact(len);
        let read = self.decompressor.decompress_to_buffer(compressed, &mut self.packed);
        if read.is_err() || self.packed.len() != len {
            return Err(Broken::Compression);
        }
        Ok(())
    }

    /// Reads numbers of which each has a byte in every plane that there is.
    fn whole_planes(&mut self, words: &mut [u64]) -> Result<(), Broken> {
        let [present] = self.bytes(1)? else { return Err(Broken::Length) };
        for at in (0..8).filter(|at| present >> at & 1 == 1) {
            self.plane(words.len())?;
            for (word, byte) in words.iter_mut().zip(&self.plane) {
                *word |= u64::from(*byte) << (8 * at);
            }
        }
        Ok(())
    }

    /// Reads numbers of which each has a byte in as many planes as it takes.
    #[allow(clippy::indexing_slicing, reason = "there are as many lengths as words")]
    fn planes(&mut self, words: &mut [u64]) -> Result<(), Broken> {
        let [longest] = *self.bytes(1)? else { return Err(Broken::Length) };
        match longest {
            0 => return Ok(()),
            1 => {
                self.plane(words.len())?;
                words.iter_mut().zip(&self.plane).for_each(|(word, byte)| *word = (*byte).into());
                return Ok(());
            }
            2..=8 => self.plane(words.len())?,
            9.. => return Err(Broken::Content("number")),
        }
        let lengths = std::mem::take(&mut self.plane);
        if lengths.iter().any(|length| *length > longest) {
            return Err(Broken::Content("number"));
        }
        let mut there: Vec<u32> = (0..).take(words.len()).collect();
        for at in 0..longest {
            retain(&mut there, |number| lengths[number as usize] > at);
            self.plane(there.len())?;
            for (number, byte) in there.iter().zip(&self.plane) {
                words[*number as usize] |= u64::from(*byte) << (8 * at);
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
        let mut words = vec![0; len];
        match self.version {
            WHOLE_PLANES => self.whole_planes(&mut words)?,
            _ => self.planes(&mut words)?,
        }
        Ok(words)
    }

    fn version(&self) -> u8 {
        self.version
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
            (0..100).map(|n| n % 2).collect(),
            (0..101).map(|n| (n % 4) << (n % 7 * 8)).collect(),
            (0..1001).map(|n| n % 16).collect(),
        ];
        let mut goes_on = || true;
        let mut encoder = Encoder::new(2, Vec::new(), &mut goes_on);
        for page in &pages {
            encoder.words(page);
            encoder.text(format!("{page:?}").as_bytes());
        }
        let body = encoder.finish();
        let mut decoder = Decoder::new(2, &body).unwrap();
        for page in &pages {
            assert_eq!(decoder.words().as_ref(), Ok(page));
            assert_eq!(decoder.text(), Ok(format!("{page:?}").into_bytes()));
        }
        assert_eq!(decoder.words(), Err(Broken::Length));
        assert_eq!(Decoder::new(1, &body).map(drop), Err(Broken::Version(2)));
    }

    #[test]
    fn what_expands_beyond_all_measure_is_broken() {
        let mut goes_on = || true;
        let mut encoder = Encoder::new(2, Vec::new(), &mut goes_on);
        let page = vec![0; 100_000];
        for _ in 0..100 {
            encoder.words(&page);
        }
        let body = encoder.finish();
        let read = |body: &[u8]| {
            let mut decoder = Decoder::new(2, body)?;
            (0..100).try_for_each(|_| decoder.words().map(drop))?;
            decoder.finish()
        };
        assert_eq!(read(&body), Ok(()), "padding vouches for it");
        assert_eq!(read(&body[..1000]), Err(Broken::Length));
    }
}
