//! Accounts as keyed hashes: an actor is never kept as text, an influencer is a key with a name.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The key of the hash that stands for an account. Two daemons that share it agree on every
/// [`AccountKey`]; without it a key says nothing about a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(u64);

/// A keyed 64-bit hash of an account's name. Of 10 million accounts, two collide with a
/// probability of about 3 in a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey(pub u64);

/// An account that is acted on: its key, and its name as the event spelled it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account<'a> {
    pub key: AccountKey,
    pub name: Cow<'a, str>,
}

impl Secret {
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The key of the account called `name`.
    #[must_use]
    pub fn account(self, name: &str) -> AccountKey {
        AccountKey(xxh3_64_with_seed(name.as_bytes(), self.0))
    }

    /// What tells this key from others, and nothing else about it.
    #[must_use]
    pub fn fingerprint(self) -> u64 {
        xxh3_64_with_seed(b"fingerprint of a key", self.0 ^ 0xc2b2_ae3d_27d4_eb4f)
    }

    /// What stands for an event's `id`; only equality means anything.
    #[must_use]
    pub fn event_id(self, id: &str) -> u64 {
        xxh3_64_with_seed(id.as_bytes(), self.0 ^ 0x9e37_79b9_7f4a_7c15)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
