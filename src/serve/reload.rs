//! `POST /-/reload`: the configuration is read anew, and what came of it is told.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::problem::Problem;
use super::routes::{Shared, blocking};

pub(super) const PATH: &str = "/-/reload";

/// Reads the configuration anew; the error is one line that says what to mend. It may block.
pub type Reload = Arc<dyn Fn() -> Result<Reloaded, String> + Send + Sync>;

/// What is different in the new configuration: keys such as `export.top_k`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// In force from now on.
    pub applied: Vec<String>,
    /// In force after a restart.
    pub after_restart: Vec<String>,
}

pub(super) async fn reload(State(shared): State<Shared>) -> Result<Json<Reloaded>, Problem> {
    blocking(move || (shared.reload)().map_err(Problem::bad_request)).await.map(Json)
}
