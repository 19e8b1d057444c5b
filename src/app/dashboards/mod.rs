//! The dashboards for Grafana, in its classic JSON: what `sillage reference --dashboards` writes
//! and `config/grafana/dashboards/` holds.
//!
//! Invariant: their queries name only metrics of the catalogue with labels that these have, and
//! rules of `config/prometheus/rules/`; dashboards have a fixed uid and no id of an installation.

mod audience;
mod campaign;
mod influencer;
mod panel;
mod pipeline;

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use panel::Panel;

/// Version of the model that Grafana reads the dashboards by.
const SCHEMA_VERSION: u32 = 39;
/// Columns of Grafana's grid.
const COLUMNS: u32 = 24;

/// File names and dashboards, the first being home.
#[must_use]
pub fn all() -> [(&'static str, Value); 4] {
    [
        ("who-moves-this-audience.json", audience::dashboard().to_json()),
        ("campaign.json", campaign::dashboard().to_json()),
        ("influencer.json", influencer::dashboard().to_json()),
        ("pipeline.json", pipeline::dashboard().to_json()),
    ]
}

/// Writes all dashboards into a folder, which is made when it is not there.
pub(super) fn write(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    for (name, dashboard) in all() {
        let file = folder.join(name);
        let text = serde_json::to_string_pretty(&dashboard).context("writing JSON")? + "\n";
        fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

/// A dashboard in the making.
struct Dashboard {
    uid: &'static str,
    title: &'static str,
    /// Name, label and the `label_values` query of each variable.
    variables: Vec<(&'static str, &'static str, &'static str)>,
    /// Name, query and title of what is marked in all panels over time.
    marks: Vec<(&'static str, &'static str, &'static str)>,
    /// Rows of a height, with panels of a width each.
    rows: Vec<(u32, Vec<(u32, Panel)>)>,
}

impl Dashboard {
    fn to_json(&self) -> Value {
        let variables = self.variables.iter().map(|(name, label, query)| {
            json!({
                "name": name, "label": label, "type": "query", "datasource": panel::datasource(),
                "query": { "qryType": 1, "query": query, "refId": name },
                "refresh": 2, "sort": 1, "current": {}, "options": [],
            })
        });
        let datasource = json!({
            "name": "datasource", "label": "Data source", "type": "datasource",
            "query": "prometheus", "refresh": 1, "current": {}, "options": [],
        });
        let variables: Vec<Value> = [datasource].into_iter().chain(variables).collect();
        let marks = self.marks.iter().map(|(name, query, title)| {
            json!({
                "name": name, "datasource": panel::datasource(), "enable": true, "hide": false,
                "iconColor": "purple", "expr": query, "step": "15s", "titleFormat": title,
            })
        });
        let marks: Vec<Value> = marks.collect();
        json!({
            "uid": self.uid,
            "title": self.title,
            "tags": ["sillage"],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": true,
            "graphTooltip": 1,
            "timezone": "browser",
            "refresh": "5s",
            "time": { "from": "now-30m", "to": "now" },
            "annotations": { "list": marks },
            "links": [{
                "type": "dashboards", "title": "sillage", "tags": ["sillage"], "icon": "dashboard",
                "asDropdown": false, "includeVars": true, "keepTime": true, "targetBlank": false,
                "tooltip": "", "url": "",
            }],
            "templating": { "list": variables },
            "panels": self.panels(),
        })
    }

    fn panels(&self) -> Vec<Value> {
        let (mut panels, mut y) = (Vec::new(), 0);
        for (height, row) in &self.rows {
            let mut x = 0;
            for (width, panel) in row {
                let place = json!({ "x": x, "y": y, "w": width, "h": height });
                panels.push(panel.to_json(panels.len() + 1, &place));
                x += width;
            }
            debug_assert!(x <= COLUMNS, "a row of {} is {x} wide", self.title);
            y += height;
        }
        panels
    }
}

#[cfg(test)]
mod tests;
