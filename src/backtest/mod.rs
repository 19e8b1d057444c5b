//! How well scores predict: measures of rankings, other methods on the same events, and what was
//! planted beside what was found. Invariant: pure; no clock, no I/O, chance only from fixed seeds.

mod forecast;
mod interval;
mod method;
mod order;
pub mod rivals;
mod sensitivity;
mod shifts;
mod summary;
mod verdict;

pub use forecast::{Forecast, Quality, Said};
pub use interval::{Estimate, mean, median, ratio, wilson};
pub use method::{Method, Scores, scores};
pub use order::{Pairs, kendall, ndcg, pairs, spearman};
pub use sensitivity::{Knock, TOP, knocks, stability};
pub use shifts::{KindSummary, ShiftVerdict, ShiftsSummary, judge_shifts, summarise_shifts};
pub use summary::{Between, Claims, MethodSummary, Summary, summarise};
pub use verdict::{Case, Ring, Strangers, Verdict, judge};
