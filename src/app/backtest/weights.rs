//! How far the ranking moves when a weight is turned: the same stream, once for each.

use serde::Serialize;

use crate::backtest::{Knock, Method, knocks, stability};
use crate::config::Config;
use crate::model::SegmentStandings;

/// What came of turning a weight.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Turned {
    /// Key below `model`.
    weight: &'static str,
    ranking: Method,
    /// Kendall's τ with the usual ranking; nothing where it cannot be halved or ordered.
    halved: Option<f64>,
    doubled: Option<f64>,
}

/// Ranks once as the model is, and once for each turn of a weight; `done` hears of each.
pub(super) fn sensitivity(
    config: &Config,
    rank: impl Fn(&Config) -> anyhow::Result<Vec<SegmentStandings>>,
    done: impl Fn(),
) -> anyhow::Result<Vec<Turned>> {
    let usual = rank(config)?;
    done();
    let mut turned: Vec<Turned> = Vec::new();
    for Knock { key, factor, ranking, params } in knocks(&config.model) {
        let tau = match params {
            Some(model) => stability(&usual, &rank(&Config { model, ..config.clone() })?, ranking),
            None => None,
        };
        done();
        if factor < 1.0 {
            turned.push(Turned { weight: key, ranking, halved: tau, doubled: None });
        } else if let Some(last) = turned.last_mut() {
            last.doubled = tau;
        }
    }
    Ok(turned)
}

/// The weights as a table.
pub(super) fn lines(turned: &[Turned]) -> Vec<String> {
    let number = |tau: Option<f64>| tau.map_or_else(|| "–".into(), |tau| format!("{tau:.3}"));
    let mut lines =
        vec![format!("{:<26}  {:<10}  {:>7}  {:>7}", "weight", "ranking", "halved", "doubled")];
    lines.extend(turned.iter().map(|turned| {
        let Turned { weight, ranking, halved, doubled } = turned;
        let ranking = ranking.as_str();
        format!("{weight:<26}  {ranking:<10}  {:>7}  {:>7}", number(*halved), number(*doubled))
    }));
    lines
}
