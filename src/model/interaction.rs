//! One event that someone did, typed; what its kind means for the model (SCORING §2).

use super::{Account, AccountKey};

/// What happened. The set is closed: anything else is a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    Retweet,
    Quote,
    Share,
    Click,
    Reply,
    Mention,
    Like,
    View,
    Follow,
    Unfollow,
    Conversion,
    Refund,
    Post,
    Profile,
    Erase,
}

/// What acts of a kind are evidence of. Follows are a state and have no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Passing on: the only thing that counts towards the amplify points.
    Amplify,
    /// Talking with: counts towards the relate points.
    Relate,
    /// Liking and seeing: popularity, never influence.
    Popularity,
}

impl Kind {
    pub const ALL: [Self; 15] = [
        Self::Retweet,
        Self::Quote,
        Self::Share,
        Self::Click,
        Self::Reply,
        Self::Mention,
        Self::Like,
        Self::View,
        Self::Follow,
        Self::Unfollow,
        Self::Conversion,
        Self::Refund,
        Self::Post,
        Self::Profile,
        Self::Erase,
    ];

    /// The kind as events and metrics spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retweet => "retweet",
            Self::Quote => "quote",
            Self::Share => "share",
            Self::Click => "click",
            Self::Reply => "reply",
            Self::Mention => "mention",
            Self::Like => "like",
            Self::View => "view",
            Self::Follow => "follow",
            Self::Unfollow => "unfollow",
            Self::Conversion => "conversion",
            Self::Refund => "refund",
            Self::Post => "post",
            Self::Profile => "profile",
            Self::Erase => "erase",
        }
    }

    /// The kind spelled `name`, letter for letter.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "retweet" => Self::Retweet,
            "quote" => Self::Quote,
            "share" => Self::Share,
            "click" => Self::Click,
            "reply" => Self::Reply,
            "mention" => Self::Mention,
            "like" => Self::Like,
            "view" => Self::View,
            "follow" => Self::Follow,
            "unfollow" => Self::Unfollow,
            "conversion" => Self::Conversion,
            "refund" => Self::Refund,
            "post" => Self::Post,
            "profile" => Self::Profile,
            "erase" => Self::Erase,
            _ => return None,
        })
    }

    #[must_use]
    pub const fn class(self) -> Option<Class> {
        match self {
            Self::Retweet | Self::Quote | Self::Share | Self::Click => Some(Class::Amplify),
            Self::Reply | Self::Mention => Some(Class::Relate),
            Self::Like | Self::View => Some(Class::Popularity),
            _ => None,
        }
    }

    /// Whether an event of this kind means nothing without a target.
    #[must_use]
    pub const fn needs_target(self) -> bool {
        self.class().is_some() || matches!(self, Self::Follow | Self::Unfollow)
    }

    /// Whether it is a sale or takes one back: only these have an amount and may use a code.
    #[must_use]
    pub const fn is_outcome(self) -> bool {
        matches!(self, Self::Conversion | Self::Refund)
    }

    /// Whether a target equal to the actor makes the event a self interaction. What an account
    /// says of itself is no interaction.
    #[must_use]
    pub const fn is_about_another(self) -> bool {
        !matches!(self, Self::Profile | Self::Post | Self::Erase)
    }
}

/// One event, decoded and well formed; not yet checked against what the shard has seen.
#[derive(Clone, Debug)]
pub struct Interaction<'a> {
    pub kind: Kind,
    /// When it happened, ms since the Unix epoch, not negative.
    pub time_ms: i64,
    /// When the log received it, ms since the Unix epoch: the bound on clocks that run ahead.
    pub log_time_ms: i64,
    pub actor: AccountKey,
    /// Whom it was done to. For conversions and refunds: the influencer that is declared.
    pub target: Option<Account<'a>>,
    /// Stands for the event's `id`, if it has one (`Secret::event_id`).
    pub id: Option<u64>,
    /// Where its segment names lie in its [`super::Batch`]; set there.
    pub segments: (u32, u32),
    /// Conversions and refunds: the amount in the base currency, 0 when it is unpriced.
    pub value: f64,
    /// Refunds: stands for the `id` of the sale that they take back, if they name one.
    pub refers: Option<u64>,
    /// Whether its value is in a currency without a rate.
    pub unpriced: bool,
    /// Which campaign it counts for, and the currency of its value; scores know of neither.
    pub campaign: CampaignPlace,
}

/// Places in the configured lists of campaigns and currencies, counted from 1; 0 is none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CampaignPlace {
    pub campaign: u8,
    pub currency: u8,
}
