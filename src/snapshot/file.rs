//! The file of a snapshot: what it says of itself, the state, and a checksum over both.
//!
//! `sillage⏎ | version u16 | header length u32 | header (postcard) | state | crc32c u32`, numbers
//! little-endian. Invariant: a file that was cut short or changed anywhere does not open.

use super::Header;
use super::unfit::Unfit;

const MAGIC: &[u8; 8] = b"sillage\n";

/// The version that is written, and the newest that is read.
pub const VERSION: u16 = 1;

const VERSION_AT: usize = MAGIC.len();
const LENGTH_AT: usize = VERSION_AT + 2;
const HEADER_AT: usize = LENGTH_AT + 4;
const CRC_BYTES: usize = 4;

/// The bytes of a file; `state` appends the state, and says whether it is whole.
pub(super) fn seal(header: &Header, state: impl FnOnce(&mut Vec<u8>) -> bool) -> Option<Vec<u8>> {
    let header = postcard::to_allocvec(header).expect("a header must be plain data");
    let length = u32::try_from(header.len()).expect("a header must be short");
    let mut bytes = Vec::with_capacity(HEADER_AT + header.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&header);
    if !state(&mut bytes) {
        return None;
    }
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    Some(bytes)
}

/// What a file says of itself, and its state.
pub(super) fn open(bytes: &[u8]) -> Result<(Header, &[u8]), Unfit> {
    let magic = bytes.first_chunk::<{ MAGIC.len() }>().ok_or(Unfit::Corrupt)?;
    if magic != MAGIC {
        return Err(Unfit::Corrupt);
    }
    // Where a newer version has its checksum is not known here, so this comes first.
    let version = u16::from_le_bytes(*array(bytes, VERSION_AT)?);
    if version != VERSION {
        return Err(Unfit::Version(version));
    }
    let end = bytes.len().checked_sub(CRC_BYTES).ok_or(Unfit::Corrupt)?;
    let crc = u32::from_le_bytes(*array(bytes, end)?);
    let sealed = bytes.get(..end).ok_or(Unfit::Corrupt)?;
    if crc32c::crc32c(sealed) != crc {
        return Err(Unfit::Corrupt);
    }
    let length = u32::from_le_bytes(*array(sealed, LENGTH_AT)?) as usize;
    let rest = sealed.get(HEADER_AT..).ok_or(Unfit::Corrupt)?;
    let (header, state) = rest.split_at_checked(length).ok_or(Unfit::Corrupt)?;
    let header = postcard::from_bytes(header).map_err(|error| Unfit::Broken(error.to_string()))?;
    Ok((header, state))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<&[u8; N], Unfit> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(Unfit::Corrupt)
}

#[cfg(test)]
mod tests {
    use super::super::{Covered, LastRecord, LogId, Origin};
    use super::*;

    fn header() -> Header {
        Header {
            origin: Origin { partition: 3, topics: vec!["events".into()], model: 1, key: 2 },
            covered: vec![Covered {
                log: LogId { cluster: Some("c".into()), topic: None },
                next_offset: 17,
                last: Some(LastRecord { offset: 16, fingerprint: 99 }),
                newest_ms: Some(1_000),
            }],
            incomplete_until_ms: None,
        }
    }

    fn sealed(state: &[u8]) -> Vec<u8> {
        let append = |out: &mut Vec<u8>| {
            out.extend_from_slice(state);
            true
        };
        seal(&header(), append).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_and_no_change_goes_unseen() {
        assert_eq!(seal(&header(), |_| false), None);
        let whole = sealed(b"state");
        assert_eq!(open(&whole).ok(), Some((header(), &b"state"[..])));
        for cut in 0..whole.len() {
            assert!(open(&whole[..cut]).is_err(), "cut to {cut} bytes it must not open");
        }
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&changed).is_err(), "with bit {bit} flipped it must not open");
        }
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let mut newer = sealed(b"");
        newer[VERSION_AT] = 2;
        assert!(matches!(open(&newer), Err(Unfit::Version(2))));
        assert!(matches!(open(b"other bytes"), Err(Unfit::Corrupt)));
    }
}
