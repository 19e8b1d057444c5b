//! `/metrics`: scores written from the view, the daemon's own metrics from a registry.
//!
//! Invariant: a view is written once, whoever and how many read it in whatever format, and nothing
//! that left the view is written again.

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

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use prometheus::{Histogram, Registry};

pub use exemplar::{Exemplar, Exemplars};
pub use labels::bounded as label;
pub use negotiation::{format, gzip};
pub use reference::reference;
pub use writer::Format;

use self::plan::Plan;
use self::rendered::Rendered;
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

/// Writes metrics. Shared by all who scrape; a scrape blocks for the time of writing.
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

/// The plan for the newest view, and since when there is one.
struct Planned {
    plan: Option<Arc<Plan>>,
    since: Instant,
}

impl Exposition {
    /// `render_seconds` is told how long the score families of a view took to write.
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
            planned: Mutex::new(Planned { plan: None, since: clock::instant() }),
            rendered: Rendered::default(),
        }
    }

    /// The same, with examples of what is counted.
    #[must_use]
    pub fn with_exemplars(self, exemplars: Exemplars) -> Self {
        Self { exemplars: Some(exemplars), ..self }
    }

    /// Decides what of the view is exported. Has to be told of every view, so that hysteresis
    /// counts views and not scrapes; never waits for one that writes.
    pub fn observe(&self, view: Arc<View>) {
        let mut selection = self.selection.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(plan) = selection.advance(view) else { return };
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        *planned = Planned { plan: Some(Arc::new(plan)), since: clock::instant() };
    }

    /// Exports by another configuration from the next view on; who was shown has to earn it anew.
    pub fn configure(&self, config: &ExportConfig) {
        let mut selection = self.selection.lock().unwrap_or_else(PoisonError::into_inner);
        selection.configure(config);
    }

    /// Time since the newest view came.
    #[must_use]
    pub fn view_age(&self) -> std::time::Duration {
        let planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        clock::instant().saturating_duration_since(planned.since)
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
        let picture = self.rendered.picture(plan.view.sequence, |samples| {
            let timer = self.render_seconds.start_timer();
            scores::write(samples, &plan, &self.model);
            timer.observe_duration();
        });
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
        let planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(planned.plan.as_ref().expect("the view just observed must have a plan"))
    }
}

#[cfg(test)]
mod tests;
