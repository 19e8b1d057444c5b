//! The bounds of the constants: within them units are small whole numbers, rings and masks fit
//! their bits, and what is evicted as silent is nothing that a sum still needs.

use super::params::{HalfSaturation, Params, ParamsError, Points, Weights};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// Buckets of a history: the bits of its mask.
const HISTORY_BUCKETS: i64 = 64;
/// Buckets that the state of a record can tell apart by its last one.
const RETENTION_BUCKETS_MAX: i64 = 1024;
/// Buckets that the ring of a record holds.
const RING_BUCKETS_MAX: i64 = 8;
/// A bucket of amplify or relate is a nibble of quarters.
const CAP_MAX: f64 = 3.75;
/// A bucket of outbound acts is a byte of quarters, and so is a single weight.
const QUARTERS_MAX: f64 = 63.75;
/// A weight of popularity is a byte of twentieths.
const TWENTIETHS_MAX: f64 = 12.75;

/// Longest name of a segment.
const NAME_BYTES_MAX: usize = 256;

type Checked = Result<(), ParamsError>;

impl Params {
    /// Whether the engine is exact under these constants.
    pub fn validate(&self) -> Checked {
        self.check_time()?;
        self.check_units()?;
        self.check_buckets()?;
        self.check_conversions()?;
        self.weights.check()?;
        self.half_saturation.check()?;
        self.check_segments()?;
        self.points.check()
    }

    fn check_time(&self) -> Checked {
        let bucket = self.bucket_ms;
        between("bucket_ms", bucket, MINUTE_MS, 31 * DAY_MS, "from 1m to 31d")?;
        between(
            "half_life_ms",
            self.half_life_ms,
            bucket / 8,
            3_660 * DAY_MS,
            "from bucket_ms / 8 to 3660d",
        )?;
        between("grace_ms", self.grace_ms, 0, bucket - 1, "0 or more and less than bucket_ms")
    }

    fn check_units(&self) -> Checked {
        within("exponent", self.exponent, 0.1, 1.0, "from 0.1 to 1")?;
        multiple("cap", self.cap, 4.0, CAP_MAX, "a multiple of 1/4 from 0.25 to 3.75")?;
        let out = "a multiple of 1/4 from 0.25 to 63.75";
        multiple("outbound_cap", self.outbound_cap, 4.0, QUARTERS_MAX, out)?;
        within("pseudo_audience", self.pseudo_audience, 0.001, 1e9, "from 0.001 to 1e9")
    }

    fn check_buckets(&self) -> Checked {
        between("ring_buckets", self.ring_buckets, 2, RING_BUCKETS_MAX, "from 2 to 8")?;
        let active = self.active_buckets;
        between("active_buckets", active, 1, self.ring_buckets - 1, "from 1 to ring_buckets - 1")?;
        between("exposure_buckets", self.exposure_buckets, 1, active, "from 1 to active_buckets")?;
        between("level_buckets", self.level_buckets, 1, HISTORY_BUCKETS, "from 1 to 60")?;
        let before = self.level_buckets.max(self.exposure_buckets) + 3;
        let allowed = "1 or more, and with level_buckets (or exposure_buckets) + 3 at most 64";
        between("evidence_buckets", self.evidence_buckets, 1, HISTORY_BUCKETS - before, allowed)?;
        // Silent records are freed: by then they must have left the evidence.
        let least = (self.evidence_buckets + before).max(self.ring_buckets);
        let allowed = "from evidence_buckets + level_buckets (or exposure_buckets) + 3 to 1024";
        between("retention_buckets", self.retention_buckets, least, RETENTION_BUCKETS_MAX, allowed)
    }

    fn check_conversions(&self) -> Checked {
        within("pace_conversions", self.pace_conversions, 0.001, 1e9, "from 0.001 to 1e9")?;
        between("joint_passes", self.joint_passes.into(), 1, 64, "from 1 to 64")?;
        let rate = "more than 0 and less than 1";
        within(
            "false_discovery_rate",
            self.false_discovery_rate,
            f64::MIN_POSITIVE,
            1.0 - f64::EPSILON,
            rate,
        )?;
        within("margin", self.margin, 1.0, 100.0, "from 1 to 100")?;
        within("min_conversions", self.min_conversions, 1.0, 1e9, "from 1 to 1e9")?;
        let half_life = self.attribution_half_life_ms;
        between(
            "attribution_half_life_ms",
            half_life,
            MINUTE_MS,
            3_660 * DAY_MS,
            "from 1m to 3660d",
        )?;
        let lookback = (self.ring_buckets - 1) * self.bucket_ms;
        between(
            "lookback_ms",
            self.lookback_ms,
            1,
            lookback,
            "from 1ms to (ring_buckets - 1) * bucket_ms",
        )?;
        within("organic", self.organic, 0.001, 1e9, "from 0.001 to 1e9")?;
        between("max_touches", self.max_touches.into(), 1, 64, "from 1 to 64")?;
        between("refund_window_ms", self.refund_window_ms, 0, 366 * DAY_MS, "from 0 to 366d")?;
        for (code, rate) in &self.currencies {
            let fine = !code.is_empty() && rate.is_finite() && *rate > 0.0;
            require(fine, "currencies", || format!("{code}: {rate}"), "codes with rates above 0")?;
        }
        Ok(())
    }

    fn check_segments(&self) -> Checked {
        for name in self.segments.keys() {
            let fine = (1..=NAME_BYTES_MAX).contains(&name.len());
            require(fine, "segments", || format!("{name:?}"), "names of 1 to 256 bytes")?;
            let checked = self.half_saturation_in(name).check();
            checked.map_err(|e| ParamsError { key: format!("segments.{name}.{}", e.key), ..e })?;
        }
        Ok(())
    }
}

impl Weights {
    fn check(&self) -> Checked {
        let quarters = "a multiple of 1/4 from 0.25 to 63.75";
        for (key, weight) in [
            ("weights.retweet", self.retweet),
            ("weights.quote", self.quote),
            ("weights.share", self.share),
            ("weights.click", self.click),
            ("weights.reply", self.reply),
            ("weights.mention", self.mention),
        ] {
            multiple(key, weight, 4.0, QUARTERS_MAX, quarters)?;
        }
        let twentieths = "a multiple of 1/20 from 0.05 to 12.75";
        multiple("weights.like", self.like, 20.0, TWENTIETHS_MAX, twentieths)?;
        multiple("weights.view", self.view, 20.0, TWENTIETHS_MAX, twentieths)
    }
}

impl HalfSaturation {
    fn check(&self) -> Checked {
        for (key, half) in [
            ("half_saturation.amplify", self.amplify),
            ("half_saturation.relate_in", self.relate_in),
            ("half_saturation.relate_out", self.relate_out),
            ("half_saturation.convert", self.convert),
            ("half_saturation.popularity", self.popularity),
        ] {
            within(key, half, 1e-6, 1e6, "from 0.000001 to 1000000")?;
        }
        Ok(())
    }
}

impl Points {
    fn check(&self) -> Checked {
        for (key, points) in [
            ("points.amplify", self.amplify),
            ("points.relate", self.relate),
            ("points.convert", self.convert),
        ] {
            within(key, points, 0.0, 100.0, "from 0 to 100")?;
        }
        let sum = self.amplify + self.relate + self.convert;
        require(sum <= 100.0, "points", || format!("a sum of {sum}"), "a sum of at most 100")
    }
}

fn between(key: &str, value: i64, min: i64, max: i64, allowed: &str) -> Checked {
    require((min..=max).contains(&value), key, || value.to_string(), allowed)
}

fn within(key: &str, value: f64, min: f64, max: f64, allowed: &str) -> Checked {
    require((min..=max).contains(&value), key, || value.to_string(), allowed)
}

/// A positive multiple of `1 / parts`. In binary a twentieth is not exact, hence the slack.
fn multiple(key: &str, value: f64, parts: f64, max: f64, allowed: &str) -> Checked {
    let units = value * parts;
    let fine = (units - units.round()).abs() < 1e-9 && units >= 0.5 && value <= max;
    require(fine, key, || value.to_string(), allowed)
}

fn require(fine: bool, key: &str, value: impl FnOnce() -> String, allowed: &str) -> Checked {
    if fine {
        Ok(())
    } else {
        Err(ParamsError { key: key.into(), value: value(), allowed: allowed.into() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{HalfSaturationOverride, SegmentParams};

    fn vip(convert: f64) -> BTreeMap<String, SegmentParams> {
        let half_saturation =
            HalfSaturationOverride { convert: Some(convert), ..HalfSaturationOverride::default() };
        BTreeMap::from([("vip".to_owned(), SegmentParams { half_saturation })])
    }

    #[test]
    fn defaults_are_allowed() {
        assert_eq!(Params::default().validate(), Ok(()));
    }

    #[test]
    fn each_bound_holds() {
        type Change = fn(&mut Params);
        let cases: &[(&str, Change, Change)] = &[
            ("bucket_ms", |p| p.bucket_ms = MINUTE_MS - 1, |p| p.bucket_ms = 31 * DAY_MS),
            ("half_life_ms", |p| p.half_life_ms = DAY_MS / 8 - 1, |p| p.half_life_ms = DAY_MS / 8),
            ("grace_ms", |p| p.grace_ms = DAY_MS, |p| p.grace_ms = 0),
            ("exponent", |p| p.exponent = 1.01, |p| p.exponent = 1.0),
            ("exponent", |p| p.exponent = f64::NAN, |p| p.exponent = 0.1),
            ("cap", |p| p.cap = 4.0, |p| p.cap = 3.75),
            ("cap", |p| p.cap = 0.0, |p| p.cap = 0.25),
            ("cap", |p| p.cap = 2.9, |p| p.cap = 2.75),
            ("outbound_cap", |p| p.outbound_cap = 64.0, |p| p.outbound_cap = 63.75),
            ("pseudo_audience", |p| p.pseudo_audience = 0.0, |p| p.pseudo_audience = 1.0),
            ("ring_buckets", |p| p.ring_buckets = 9, |p| p.ring_buckets = 8),
            ("active_buckets", |p| p.active_buckets = 8, |p| p.active_buckets = 3),
            ("exposure_buckets", |p| p.exposure_buckets = 8, |p| p.exposure_buckets = 7),
            ("level_buckets", |p| p.level_buckets = 0, |p| p.level_buckets = 1),
            ("evidence_buckets", |p| p.evidence_buckets = 50, |p| p.evidence_buckets = 1),
            ("retention_buckets", |p| p.retention_buckets = 63, |p| p.retention_buckets = 1024),
            ("pace_conversions", |p| p.pace_conversions = 0.0, |p| p.pace_conversions = 1.0),
            ("joint_passes", |p| p.joint_passes = 0, |p| p.joint_passes = 1),
            (
                "false_discovery_rate",
                |p| p.false_discovery_rate = 1.0,
                |p| p.false_discovery_rate = 0.5,
            ),
            ("margin", |p| p.margin = 0.9, |p| p.margin = 1.0),
            ("min_conversions", |p| p.min_conversions = 0.0, |p| p.min_conversions = 1.0),
            (
                "attribution_half_life_ms",
                |p| p.attribution_half_life_ms = 0,
                |p| p.attribution_half_life_ms = MINUTE_MS,
            ),
            ("lookback_ms", |p| p.lookback_ms = 7 * DAY_MS + 1, |p| p.lookback_ms = 1),
            ("organic", |p| p.organic = 0.0, |p| p.organic = 1.0),
            ("max_touches", |p| p.max_touches = 65, |p| p.max_touches = 1),
            ("refund_window_ms", |p| p.refund_window_ms = -1, |p| p.refund_window_ms = 0),
            (
                "currencies",
                |p| _ = p.currencies.insert("EUR".into(), 0.0),
                |p| _ = p.currencies.insert("EUR".into(), 1.1),
            ),
            ("weights.retweet", |p| p.weights.retweet = 0.3, |p| p.weights.retweet = 0.25),
            ("weights.mention", |p| p.weights.mention = 0.0, |p| p.weights.mention = 63.75),
            ("weights.view", |p| p.weights.view = 0.01, |p| p.weights.view = 0.15),
            ("weights.like", |p| p.weights.like = 13.0, |p| p.weights.like = 12.75),
            (
                "half_saturation.convert",
                |p| p.half_saturation.convert = 0.0,
                |p| p.half_saturation.convert = 1.0,
            ),
            ("points.relate", |p| p.points.relate = -1.0, |p| p.points.relate = 0.0),
            ("points", |p| p.points.amplify = 31.0, |p| p.points.amplify = 1.0),
        ];
        for (key, wrong, right) in cases {
            let changed = |change: &Change| {
                let mut params = Params::default();
                change(&mut params);
                params.validate()
            };
            assert_eq!(changed(wrong).unwrap_err().key, *key);
            assert_eq!(changed(right), Ok(()), "{key}");
        }
    }

    #[test]
    fn what_a_segment_has_of_its_own_is_bounded_alike() {
        let checked = |segments| Params { segments, ..Params::default() }.validate();
        let named = |name: &str| BTreeMap::from([(name.to_owned(), SegmentParams::default())]);
        let refused = |segments| checked(segments).unwrap_err().key;
        assert_eq!(refused(vip(0.0)), "segments.vip.half_saturation.convert");
        assert_eq!(checked(vip(0.5)), Ok(()));
        assert_eq!(
            (refused(named("")), refused(named(&"x".repeat(257)))),
            ("segments".into(), "segments".into())
        );
        assert_eq!(checked(named(&"x".repeat(256))), Ok(()));
    }
}
