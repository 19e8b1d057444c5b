//! The histories as of the last close, as columns.

use crate::engine::{
    Broken, Columns, Source, flag, narrow, read_names, read_rows, write_names, write_rows,
};
use crate::model::{AccountKey, Acted, HISTORY, Histories, History, SegmentHistories};

pub(super) fn write(histories: Option<&Histories>, columns: &mut impl Columns) {
    let Some(Histories { closed, segments, influencers }) = histories else {
        columns.words(&[0, 0]);
        return;
    };
    columns.words(&[1, u64::from(*closed)]);
    write_names(columns, (0..).zip(influencers).map(|(n, name)| (&**name, [n])));
    let lens = |s: &SegmentHistories| [s.people.len() as u64, s.acts.len() as u64];
    write_names(columns, segments.iter().map(|segment| (&*segment.segment, lens(segment))));
    write_rows(columns, segments.iter().flat_map(counts));
    write_rows(columns, segments.iter().flat_map(|segment| &segment.people).map(person));
    let acts = segments.iter().flat_map(|segment| &segment.acts);
    write_rows(columns, acts.map(|act| [act.influencer.into(), act.buckets]));
}

pub(super) fn read(source: &mut impl Source) -> Result<Option<Histories>, Broken> {
    let [is_there, closed] =
        <[u64; 2]>::try_from(source.words()?).map_err(|_other| Broken::Length)?;
    if !flag(is_there)? {
        return Ok(None);
    }
    let mut histories = Histories { closed: narrow(closed)?, ..Histories::default() };
    read_names(source, |name, [_]| {
        histories.influencers.push(name.into());
        Ok(())
    })?;
    let mut lens: Vec<(usize, usize)> = Vec::new();
    read_names(source, |name, [people, acts]| {
        lens.push((narrow(people)?, narrow(acts)?));
        histories.segments.push(SegmentHistories {
            segment: name.into(),
            exposed: [0; HISTORY],
            exposed_converted: [0; HISTORY],
            converted: [0; HISTORY],
            people: Vec::new(),
            acts: Vec::new(),
        });
        Ok(())
    })?;
    read_counts(&mut histories.segments, source)?;
    let mut at = 0;
    read_rows(source, |row| {
        at = next(at, |at| Some(histories.segments.get(at)?.people.len() < lens.get(at)?.0))?;
        let segment = histories.segments.get_mut(at).ok_or(Broken::Length)?;
        segment.people.push(read_person(row)?);
        Ok(())
    })?;
    let mut at = 0;
    read_rows(source, |[influencer, buckets]| {
        at = next(at, |at| Some(histories.segments.get(at)?.acts.len() < lens.get(at)?.1))?;
        let segment = histories.segments.get_mut(at).ok_or(Broken::Length)?;
        let influencer = narrow(influencer)?;
        if influencer as usize >= histories.influencers.len() {
            return Err(Broken::Content("influencer of an act"));
        }
        segment.acts.push(Acted { influencer, buckets });
        Ok(())
    })?;
    let read = histories.segments.iter().map(|s| (s.people.len(), s.acts.len()));
    if read.eq(lens) { Ok(Some(histories)) } else { Err(Broken::Length) }
}

/// The next segment, from `at` on, that has room.
fn next(mut at: usize, has_room: impl Fn(usize) -> Option<bool>) -> Result<usize, Broken> {
    while !has_room(at).ok_or(Broken::Length)? {
        at += 1;
    }
    Ok(at)
}

fn counts(segment: &SegmentHistories) -> impl Iterator<Item = [u64; 3]> {
    let counts = segment.exposed.iter().zip(&segment.exposed_converted).zip(&segment.converted);
    counts.map(|((exposed, both), converted)| [exposed, both, converted].map(|n| (*n).into()))
}

fn read_counts(segments: &mut [SegmentHistories], source: &mut impl Source) -> Result<(), Broken> {
    let mut places = segments.iter_mut().flat_map(|segment| {
        let counts = segment.exposed.iter_mut().zip(&mut segment.exposed_converted);
        counts.zip(&mut segment.converted)
    });
    read_rows(source, |row| {
        let ((exposed, both), converted) = places.next().ok_or(Broken::Length)?;
        let [is_exposed, are_both, is_converted] = row;
        *exposed = narrow(is_exposed)?;
        *both = narrow(are_both)?;
        *converted = narrow(is_converted)?;
        Ok(())
    })?;
    if places.next().is_none() { Ok(()) } else { Err(Broken::Length) }
}

fn person(history: &History) -> [u64; 8] {
    let (words, _) = history.quarters.as_chunks::<8>();
    let mut row = [history.key.0, history.converted, 0, 0, 0, 0, 0, 0];
    for (place, word) in row.iter_mut().skip(2).zip(words) {
        *place = u64::from_le_bytes(*word);
    }
    let (from, to) = history.acts;
    let [.., begins, len] = &mut row;
    (*begins, *len) = (from.into(), u64::from(to.wrapping_sub(from)));
    row
}

fn read_person(row: [u64; 8]) -> Result<History, Broken> {
    let [key, converted, words @ .., begins, len] = row;
    let words: [u64; 4] = words;
    let mut quarters = [0; HISTORY / 2];
    for (place, word) in quarters.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *place = word.to_le_bytes();
    }
    let (from, len) = (narrow::<u32>(begins)?, narrow::<u32>(len)?);
    let acts = (from, from.wrapping_add(len));
    Ok(History { key: AccountKey(key), converted, quarters, acts })
}
