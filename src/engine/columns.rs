//! What a picture of a shard is written as: pages of columns of whole numbers, and texts.
//!
//! Invariant: a page is read as it was written, or it is [`Broken`].

/// Rows that a page aims at: columns that fit the caches.
pub(super) const PAGE_ROWS: usize = 1 << 15;

/// Takes the columns of a picture, in order.
pub trait Columns {
    /// A page of a column of numbers; often small ones.
    fn words(&mut self, page: &[u64]);
    /// A page of text.
    fn text(&mut self, page: &[u8]);
    /// Whether nobody wants the rest: what follows need not be given, and is not taken.
    fn is_over(&self) -> bool {
        false
    }
}

/// Gives the columns of a picture, in the order in which they were written.
pub trait Source {
    /// The layout that it was written in.
    fn version(&self) -> u8;
    fn words(&mut self) -> Result<Vec<u64>, Broken>;
    fn text(&mut self) -> Result<Vec<u8>, Broken>;
}

/// Why bytes are no state of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("version {0} is not known")]
    Version(u8),
    #[error("it ends before its end, or goes on after it")]
    Length,
    #[error("a column cannot be decompressed")]
    Compression,
    #[error("no shard has such {0}")]
    Content(&'static str),
}

/// Rows of `N` columns on their way in or out.
pub(super) struct Page<const N: usize> {
    columns: [Vec<u64>; N],
    /// The row to be read next.
    next: usize,
}

impl<const N: usize> Page<N> {
    pub(super) fn new() -> Self {
        Self { columns: std::array::from_fn(|_| Vec::new()), next: 0 }
    }

    pub(super) fn read(source: &mut impl Source) -> Result<Self, Broken> {
        let mut page = Self::new();
        for column in &mut page.columns {
            *column = source.words()?;
        }
        let rows = page.len();
        let is_even = page.columns.iter().all(|column| column.len() == rows);
        if is_even { Ok(page) } else { Err(Broken::Content("rows")) }
    }

    pub(super) fn push(&mut self, row: [u64; N]) {
        for (column, word) in self.columns.iter_mut().zip(row) {
            column.push(word);
        }
    }

    /// The page of these columns, which must be even.
    pub(super) const fn of(columns: [Vec<u64>; N]) -> Self {
        Self { columns, next: 0 }
    }

    pub(super) fn into_columns(self) -> [Vec<u64>; N] {
        self.columns
    }

    pub(super) const fn columns_mut(&mut self) -> &mut [Vec<u64>; N] {
        &mut self.columns
    }

    /// Writes the rows, and is empty again.
    pub(super) fn write(&mut self, columns: &mut impl Columns) {
        for column in &mut self.columns {
            columns.words(column);
            column.clear();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// The next row.
    pub(super) fn take(&mut self) -> Result<[u64; N], Broken> {
        if self.next == self.len() {
            return Err(Broken::Length);
        }
        let row = std::array::from_fn(|column| self.columns[column][self.next]);
        self.next += 1;
        Ok(row)
    }

    /// That all rows have been read.
    pub(super) fn end(&self) -> Result<(), Broken> {
        if self.next == self.len() { Ok(()) } else { Err(Broken::Length) }
    }
}

/// Writes rows, as many as there are.
pub fn write_rows<const N: usize>(
    columns: &mut impl Columns,
    rows: impl Iterator<Item = [u64; N]>,
) {
    let mut page = Page::new();
    for row in rows {
        page.push(row);
        if page.len() == PAGE_ROWS {
            page.write(columns);
            if columns.is_over() {
                return;
            }
        }
    }
    if page.len() > 0 {
        page.write(columns);
    }
    // An empty page is the end.
    page.write(columns);
}

/// Reads the rows that [`write_rows`] wrote.
pub fn read_rows<const N: usize>(
    source: &mut impl Source,
    mut take: impl FnMut([u64; N]) -> Result<(), Broken>,
) -> Result<(), Broken> {
    loop {
        let mut page = Page::read(source)?;
        if page.len() == 0 {
            return Ok(());
        }
        for _ in 0..page.len() {
            take(page.take()?)?;
        }
    }
}

pub(super) fn write_list(columns: &mut impl Columns, list: &[u32]) {
    write_rows(columns, list.iter().map(|number| [u64::from(*number)]));
}

pub(super) fn read_list(source: &mut impl Source) -> Result<Vec<u32>, Broken> {
    let mut list = Vec::new();
    read_rows(source, |[number]| {
        list.push(narrow(number)?);
        Ok(())
    })?;
    Ok(list)
}

/// Writes names, each with the numbers that belong to it.
pub fn write_names<'a, const N: usize>(
    columns: &mut impl Columns,
    named: impl Iterator<Item = (&'a str, [u64; N])>,
) {
    let (mut page, mut lengths, mut text) = (Page::new(), Page::new(), Vec::new());
    for (name, row) in named {
        page.push(row);
        lengths.push([name.len() as u64]);
        text.extend_from_slice(name.as_bytes());
        if page.len() + text.len() / 8 >= PAGE_ROWS {
            page.write(columns);
            lengths.write(columns);
            columns.text(&text);
            text.clear();
        }
    }
    if page.len() > 0 {
        page.write(columns);
        lengths.write(columns);
        columns.text(&text);
    }
    page.write(columns);
}

/// Reads what [`write_names`] wrote.
pub fn read_names<const N: usize>(
    source: &mut impl Source,
    mut take: impl FnMut(&str, [u64; N]) -> Result<(), Broken>,
) -> Result<(), Broken> {
    loop {
        let mut page = Page::read(source)?;
        if page.len() == 0 {
            return Ok(());
        }
        let (mut lengths, text) = (Page::<1>::read(source)?, source.text()?);
        let mut rest = std::str::from_utf8(&text).map_err(|_invalid| Broken::Content("name"))?;
        for _ in 0..page.len() {
            let [len] = lengths.take()?;
            let (name, after) = rest.split_at_checked(narrow(len)?).ok_or(Broken::Length)?;
            rest = after;
            take(name, page.take()?)?;
        }
        lengths.end()?;
    }
}

/// A number of the type that holds it.
pub fn narrow<T: TryFrom<u64>>(word: u64) -> Result<T, Broken> {
    T::try_from(word).map_err(|_too_large| Broken::Content("number"))
}

/// A number that stands for yes or no.
pub fn flag(word: u64) -> Result<bool, Broken> {
    if word <= 1 { Ok(word == 1) } else { Err(Broken::Content("flag")) }
}

/// That a number is of something that is there.
pub(super) fn within(number: u32, end: u32) -> Result<u32, Broken> {
    if number < end { Ok(number) } else { Err(Broken::Content("index")) }
}

/// The difference of two numbers that are near each other: small, whichever is the larger one.
pub(super) const fn apart(number: u64, from: u64) -> u64 {
    let difference = number.wrapping_sub(from).cast_signed();
    (difference << 1 ^ difference >> 63).cast_unsigned()
}

/// The number that is so far from another.
pub(super) const fn back(difference: u64, from: u64) -> u64 {
    from.wrapping_add(difference >> 1 ^ (difference & 1).wrapping_neg())
}

/// How many buckets one lies before another, in the arithmetic of their numbers.
pub(super) fn before(bucket: u32, newest: u32) -> u64 {
    apart(bucket.into(), newest.into())
}

/// The bucket so many before another.
pub(super) fn bucket_before(difference: u64, newest: u32) -> Result<u32, Broken> {
    narrow(back(difference, newest.into()))
}

/// A float as what it differs by from a guess of it.
pub(super) const fn guessed(value: f64, guess: f64) -> u64 {
    apart(value.to_bits(), guess.to_bits())
}

/// The float that differs from a guess by so much.
pub(super) fn unguessed(difference: u64, guess: f64) -> Result<f64, Broken> {
    finite(back(difference, guess.to_bits()))
}

/// A float as its bits.
pub(super) fn finite(word: u64) -> Result<f64, Broken> {
    let value = f64::from_bits(word);
    if value.is_finite() { Ok(value) } else { Err(Broken::Content("value")) }
}

/// A moment as what it differs by from another.
pub(super) const fn since(time_ms: i64, from_ms: i64) -> u64 {
    apart(time_ms.cast_unsigned(), from_ms.cast_unsigned())
}

/// The moment so far from another.
pub(super) const fn moment(difference: u64, from_ms: i64) -> i64 {
    back(difference, from_ms.cast_unsigned()).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_lead_back() {
        let numbers = [0, 1, 5, 1 << 40, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX - 1, u64::MAX];
        for number in numbers {
            for from in numbers {
                assert_eq!(back(apart(number, from), from), number);
            }
        }
        assert_eq!([apart(7, 7), apart(6, 7), apart(8, 7)], [0, 1, 2]);
        assert_eq!(unguessed(guessed(0.1 + 0.2, 0.3), 0.3), Ok(0.1 + 0.2));
        assert_eq!(unguessed(guessed(f64::INFINITY, 0.3), 0.3), Err(Broken::Content("value")));
    }
}
