//! The numbers of records in use, which are those that are not gone.
//!
//! Invariant: each number below the end is given once or is gone, never both.

use crate::engine::columns::Broken;

pub(in crate::engine) struct Places {
    /// In ascending order.
    gone: Vec<u32>,
    skipped: usize,
    next: u32,
}

impl Places {
    /// The numbers that are in none of the lists.
    pub(in crate::engine) fn without(gone: &[&[u32]]) -> Result<Self, Broken> {
        let mut gone = gone.concat();
        gone.sort_unstable();
        if gone.windows(2).any(|two| two[0] == two[1]) {
            return Err(Broken::Content("list of freed records"));
        }
        Ok(Self { gone, skipped: 0, next: 0 })
    }

    /// The numbers that are in none of the lists of a store.
    pub(in crate::engine) fn of_store(gone: &[&[u32]]) -> Self {
        Self::without(gone).expect("a record must be freed once")
    }

    /// The smallest one that was not given.
    pub(in crate::engine) fn take(&mut self) -> u32 {
        self.skip();
        self.next += 1;
        self.next - 1
    }

    /// Where all numbers end, if those given are all that are in use.
    pub(in crate::engine) fn end(mut self) -> Result<u32, Broken> {
        self.skip();
        if self.skipped == self.gone.len() {
            Ok(self.next)
        } else {
            Err(Broken::Content("list of freed records"))
        }
    }

    /// All of them up to `end`.
    pub(in crate::engine) fn up_to(mut self, end: u32) -> impl Iterator<Item = u32> {
        std::iter::from_fn(move || Some(self.take())).take_while(move |number| *number < end)
    }

    fn skip(&mut self) {
        while self.gone.get(self.skipped) == Some(&self.next) {
            self.skipped += 1;
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_gone_is_in_use() {
        let places = || Places::without(&[&[7, 2], &[0, 3]]).unwrap();
        assert_eq!(places().up_to(8).collect::<Vec<_>>(), [1, 4, 5, 6]);
        let mut given = places();
        for _ in 0..3 {
            given.take();
        }
        assert!(given.end().is_err(), "7 is beyond the end");
        let mut given = places();
        assert_eq!([given.take(), given.take(), given.take(), given.take()], [1, 4, 5, 6]);
        assert_eq!(given.end(), Ok(8));
        assert!(Places::without(&[&[1], &[1]]).is_err());
    }
}
