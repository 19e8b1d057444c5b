//! `/metrics`: scores written from the view, the daemon's own metrics from a registry.
//!
//! Invariant: a view is written once, whoever and how many read it in whatever format, and nothing
//! that left the view is written again. While scrapes come, none of them has to write.

pub mod catalogue;
mod exemplar;
mod gzip;
mod labels;
mod negotiation;
mod own;
mod plan;
mod reference;
mod rendered;
mod scores;
mod selection;
mod writer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use prometheus::{Histogram, Registry};

pub use exemplar::{Exemplar, Exemplars};
pub use labels::bounded as label;
pub use negotiation::{format, gzip};
pub use reference::reference;
pub use writer::Format;

use self::plan::Plan;
use self::rendered::{Picture, Rendered};
use self::selection::Selection;
use super::config::ExportConfig;
use crate::clock;
use crate::model::Params;
use crate::view::{View, Views};

/// Series of scores that a segment has at most, of which so many influencers are shown.
#[must_use]
pub fn series_of_segment(influencers: usize) -> usize {
    scores::count(&scores::PER_SEGMENT) + influencers * scores::count(&scores::PER_INFLUENCER)
}

/// For how long after a scrape the next one is prepared for: who scrapes comes once a minute.
const SCRAPED_WITHIN: Duration = Duration::from_secs(90);

/// Writes metrics. Shared by all who scrape.
pub struct Exposition {
    views: Views,
    registry: Registry,
    model: Vec<u8>,
    render_seconds: Histogram,
    exemplars: Option<Exemplars>,
    selection: Mutex<Selection>,
    planned: Mutex<Planned>,
    rendered: Rendered,
}

/// The plan for the newest view, since when there is one, and when a plan was last asked for.
struct Planned {
    plan: Option<Arc<Plan>>,
    since: Instant,
    asked: Option<Instant>,
}

impl Exposition {
    /// `render_seconds` is told how long each scrape waited for the score families of a view.
    #[must_use]
    pub fn new(
        config: &ExportConfig,
        params: &Params,
        views: Views,
        registry: Registry,
        render_seconds: Histogram,
    ) -> Self {
        Self {
            views,
            registry,
            model: scores::model_labels(params),
            render_seconds,
            exemplars: None,
            selection: Mutex::new(Selection::new(config)),
            planned: Mutex::new(Planned { plan: None, since: clock::instant(), asked: None }),
            rendered: Rendered::default(),
        }
    }

    /// The same, with examples of what is counted.
    #[must_use]
    pub fn with_exemplars(self, exemplars: Exemplars) -> Self {
        Self { exemplars: Some(exemplars), ..self }
    }

    /// Publishes the next view, to be called for every one. While somebody scrapes it is written
    /// first, so that a scrape finds it there, and until then finds the one before.
    pub fn publish(&self, view: View) {
        let view = Arc::new(view);
        let plan = locked(&self.selection).advance(Arc::clone(&view));
        if let Some(plan) = plan {
            if self.is_scraped(clock::instant()) {
                self.picture(&plan);
            }
            self.show(plan);
        }
        self.views.publish(view);
    }

    /// Decides what of the view is exported, unless that was done; hysteresis counts views and
    /// not scrapes. Never waits for one that writes.
    pub fn observe(&self, view: Arc<View>) {
        let mut selection = locked(&self.selection);
        if let Some(plan) = selection.advance(view) {
            self.show(plan);
        }
    }

    /// Exports by another configuration from the next view on; who was shown has to earn it anew.
    pub fn configure(&self, config: &ExportConfig) {
        locked(&self.selection).configure(config);
    }

    /// Time since the newest view came.
    #[must_use]
    pub fn view_age(&self) -> Duration {
        clock::instant().saturating_duration_since(locked(&self.planned).since)
    }

    /// The whole body, in pieces: those that readers share, and last what they do not.
    pub fn scrape(&self, format: Format, compressed: bool) -> std::io::Result<Vec<Bytes>> {
        let mut own = Vec::with_capacity(32 * 1024);
        // The older format has no place for them.
        let exemplars = self.exemplars.as_ref().filter(|_| format == Format::OpenMetrics);
        let exemplars = exemplars.map(|exemplars| exemplars()).unwrap_or_default();
        own::write(&mut own, format, &self.registry.gather(), &exemplars);
        if format == Format::OpenMetrics {
            own.extend_from_slice(b"# EOF\n");
        }
        let plan = self.plan();
        let waiting = self.render_seconds.start_timer();
        let picture = self.picture(&plan);
        waiting.observe_duration();
        if !compressed {
            let mut pieces = picture.pieces(format);
            pieces.push(own.into());
            return Ok(pieces);
        }
        let front = self.rendered.compressed(&picture, format)?;
        let end = front.end(&own)?;
        Ok(vec![rendered::lent(front), end.into()])
    }

    fn plan(&self) -> Arc<Plan> {
        // The view that was current before anyone observed one, or one that was not announced.
        self.observe(self.views.current());
        let mut planned = locked(&self.planned);
        planned.asked = Some(clock::instant());
        Arc::clone(planned.plan.as_ref().expect("the view just observed must have a plan"))
    }

    fn show(&self, plan: Plan) {
        let mut planned = locked(&self.planned);
        (planned.plan, planned.since) = (Some(Arc::new(plan)), clock::instant());
    }

    /// Whether a scrape came lately.
    fn is_scraped(&self, now: Instant) -> bool {
        let asked = locked(&self.planned).asked;
        asked.is_some_and(|asked| now.saturating_duration_since(asked) < SCRAPED_WITHIN)
    }

    fn picture(&self, plan: &Plan) -> Picture {
        self.rendered
            .picture(plan.view.sequence, |samples| scores::write(samples, plan, &self.model))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
