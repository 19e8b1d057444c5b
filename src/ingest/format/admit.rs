//! The checks that need nothing but the event itself, in the order of SCORING §2, the same for
//! every wire format.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::money::{Amount, Money};
use super::{Columns, Fields, Keyed, RECORD_BYTES_MAX, Record, Row, canonical, check_name, scan};
use crate::model::{Account, Batch, CampaignPlace, Interaction, Kind, Reason, Secret};

/// Largest amount in the base currency, beyond all that is sold: sums of amounts stay finite.
const AMOUNT_MAX: f64 = 1e15;

/// Turns records into interactions. Cheap to read from many threads at once.
#[derive(Debug)]
pub struct Decoder {
    secret: Secret,
    /// Promo code → the influencer whose it is.
    codes: HashMap<Box<str>, Account<'static>>,
    money: Money,
    /// Campaigns that are counted, with their places from 1.
    campaigns: HashMap<Box<str>, u8>,
}

impl Decoder {
    /// `codes` names the influencer of each promo code, `currencies` the rate of each currency in
    /// the base currency.
    #[must_use]
    pub fn new(
        secret: Secret,
        codes: &BTreeMap<String, String>,
        currencies: &BTreeMap<String, f64>,
    ) -> Self {
        let account =
            |name: &String| Account { key: secret.account(name), name: Cow::Owned(name.clone()) };
        let codes = codes
            .iter()
            .map(|(code, influencer)| (code.as_str().into(), account(influencer)))
            .collect();
        Self { secret, codes, money: Money::new(currencies), campaigns: HashMap::new() }
    }

    /// The same, telling these campaigns apart; at most 255, of any more it knows nothing.
    #[must_use]
    pub fn with_campaigns(self, names: &[String]) -> Self {
        let places = names.iter().zip(1..=u8::MAX);
        let campaigns = places.map(|(name, place)| (name.as_str().into(), place)).collect();
        Self { campaigns, ..self }
    }

    /// Two currencies whose amounts were added up as they came for want of rates, if some were.
    #[must_use]
    pub fn mixed_currencies(&self) -> Option<[&str; 2]> {
        self.money.mixed()
    }

    /// Adds the event in `record`, in canonical JSON, to `batch`.
    pub fn decode<'a>(&self, record: &Record<'a>, batch: &mut Batch<'a>) -> Result<Keyed, Reason> {
        let text = payload_text(record)?;
        let mut fields = Fields::default();
        if let Err(scan::Unfamiliar) = scan::read(text, &mut fields, batch) {
            batch.discard_segments();
            fields = canonical::fields(text, batch).inspect_err(|_| batch.discard_segments())?;
        }
        self.admit_or_discard(&mut fields, record, batch)
    }

    /// Adds the event in a row of a table to `batch`.
    pub fn decode_row<'a>(
        &self,
        row: Row<'a>,
        columns: &Columns,
        log_time_ms: i64,
        batch: &mut Batch<'a>,
    ) -> Result<(), Reason> {
        let record = Record { payload: None, key: None, log_time_ms };
        let fields = columns.fields(row, batch);
        let mut fields = fields.inspect_err(|_| batch.discard_segments())?;
        self.admit_or_discard(&mut fields, &record, batch).map(|_| ())
    }

    fn admit_or_discard<'a>(
        &self,
        fields: &mut Fields<'a>,
        record: &Record<'a>,
        batch: &mut Batch<'a>,
    ) -> Result<Keyed, Reason> {
        self.admit(fields, record, batch).inspect_err(|_| batch.discard_segments())
    }

    fn admit<'a>(
        &self,
        fields: &mut Fields<'a>,
        record: &Record<'a>,
        batch: &mut Batch<'a>,
    ) -> Result<Keyed, Reason> {
        let kind = fields.kind.as_deref().ok_or(Reason::MissingField)?;
        let kind = Kind::parse(kind).ok_or(Reason::UnknownKind)?;
        let target = self.target(kind, fields.target.take(), fields.code.as_deref());
        if kind.is_about_another()
            && let (Some(actor), Some(target)) = (&fields.actor, &target)
            && *actor == target.name
        {
            return Err(Reason::SelfInteraction);
        }
        let actor = fields.actor.as_deref().ok_or(Reason::MissingField)?;
        if target.is_none() && kind.needs_target() {
            return Err(Reason::MissingField);
        }

        check_name(actor)?;
        target.as_ref().map_or(Ok(()), |target| check_name(&target.name))?;
        // An empty id tells nothing apart: it is none.
        let id = fields.id.as_deref().filter(|id| !id.is_empty());
        let refers = fields.refers.as_deref();
        let refers = refers.filter(|id| kind == Kind::Refund && !id.is_empty());
        [id, refers].into_iter().flatten().try_for_each(check_name)?;
        fields.segment_fault.map_or(Ok(()), Err)?;
        let time_ms = match fields.time.take() {
            Some(time) => time.to_ms().ok_or(Reason::BadValue)?,
            None if record.log_time_ms < 0 => return Err(Reason::BadValue),
            None => record.log_time_ms,
        };
        let currency = fields.currency.as_deref();
        let amount = self.amount(kind, fields.value, currency)?;
        let campaign = CampaignPlace {
            campaign: self.campaign(fields.campaign.as_deref()),
            currency: if kind.is_outcome() { self.money.place(currency) } else { 0 },
        };

        batch.push(Interaction {
            kind,
            time_ms,
            log_time_ms: record.log_time_ms,
            actor: self.secret.account(actor),
            target,
            id: id.map(|id| self.secret.event_id(id)),
            segments: (0, 0),
            value: amount.value,
            refers: refers.map(|id| self.secret.event_id(id)),
            unpriced: amount.unpriced,
            campaign,
        });
        Ok(match record.key {
            None => Keyed::Not,
            Some(key) if key == actor.as_bytes() => Keyed::ByActor,
            Some(_) => Keyed::ByAnother,
        })
    }

    fn campaign(&self, name: Option<&str>) -> u8 {
        if self.campaigns.is_empty() {
            return 0;
        }
        name.and_then(|name| self.campaigns.get(name)).copied().unwrap_or_default()
    }

    /// The kind says which way money flows, so an amount has no sign.
    fn amount(
        &self,
        kind: Kind,
        value: Option<f64>,
        currency: Option<&str>,
    ) -> Result<Amount, Reason> {
        let value = value.unwrap_or(0.0);
        if !value.is_finite() || value < 0.0 {
            return Err(Reason::BadValue);
        }
        if !kind.is_outcome() {
            return Ok(Amount { value, unpriced: false });
        }
        let amount = self.money.amount(value, currency);
        if amount.value <= AMOUNT_MAX { Ok(amount) } else { Err(Reason::BadValue) }
    }

    /// Whom the event names, or for conversions and refunds whose promo code was used.
    fn target<'a>(
        &self,
        kind: Kind,
        name: Option<Cow<'a, str>>,
        code: Option<&str>,
    ) -> Option<Account<'a>> {
        if let Some(name) = name {
            return Some(Account { key: self.secret.account(&name), name });
        }
        if !kind.is_outcome() {
            return None;
        }
        self.codes.get(code?).cloned()
    }
}

fn payload_text<'a>(record: &Record<'a>) -> Result<&'a str, Reason> {
    let payload = record.payload.ok_or(Reason::Parse)?;
    if payload.len() > RECORD_BYTES_MAX {
        return Err(Reason::TooLarge);
    }
    str::from_utf8(payload).ok().ok_or(Reason::Parse)
}
