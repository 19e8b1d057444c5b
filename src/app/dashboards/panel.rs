//! One panel: what it asks Prometheus, and how Grafana draws the answer.

use serde_json::{Map, Value, json};

/// A label beside a query: the legend of its lines, or the name of its column.
pub(super) type Asked = (&'static str, &'static str);

pub(super) struct Panel {
    title: &'static str,
    description: &'static str,
    shape: Shape,
    /// A unit of Grafana's, such as `s`, or nothing for plain numbers.
    unit: &'static str,
    asked: Vec<Asked>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Lines,
    Stacked,
    /// The newest value, large.
    Number,
    /// A row for each value of this label, a column for each query.
    Table(&'static str),
    /// A dot for each value of this label: the first query goes right, the second up, the third is
    /// the size of the dot.
    Dots(&'static str),
}

/// The data source that the user chose.
pub(super) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

impl Panel {
    pub(super) fn lines(title: &'static str, unit: &'static str, asked: &[Asked]) -> Self {
        Self::new(title, Shape::Lines, unit, asked)
    }

    pub(super) fn stacked(title: &'static str, unit: &'static str, asked: &[Asked]) -> Self {
        Self::new(title, Shape::Stacked, unit, asked)
    }

    pub(super) fn number(title: &'static str, unit: &'static str, asked: &[Asked]) -> Self {
        Self::new(title, Shape::Number, unit, asked)
    }

    pub(super) fn table(title: &'static str, by: &'static str, asked: &[Asked]) -> Self {
        Self::new(title, Shape::Table(by), "", asked)
    }

    pub(super) fn dots(title: &'static str, by: &'static str, asked: &[Asked]) -> Self {
        Self::new(title, Shape::Dots(by), "", asked)
    }

    fn new(title: &'static str, shape: Shape, unit: &'static str, asked: &[Asked]) -> Self {
        Self { title, description: "", shape, unit, asked: asked.to_vec() }
    }

    /// The same, with a sentence that Grafana shows on demand.
    pub(super) const fn about(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    pub(super) fn to_json(&self, id: usize, place: &Value) -> Value {
        let targets = self.asked.iter().zip('A'..).map(|(asked, at)| self.target(asked, at));
        let targets: Vec<Value> = targets.collect();
        json!({
            "id": id,
            "title": self.title,
            "description": self.description,
            "type": self.kind(),
            "datasource": datasource(),
            "gridPos": place,
            "targets": targets,
            "options": self.options(),
            "fieldConfig": self.fields(),
            "transformations": self.transformations(),
        })
    }

    fn kind(&self) -> &'static str {
        match self.shape {
            Shape::Lines | Shape::Stacked => "timeseries",
            Shape::Number => "stat",
            Shape::Table(_) => "table",
            Shape::Dots(_) => "xychart",
        }
    }

    fn target(&self, (legend, expr): &Asked, at: char) -> Value {
        let over_time = matches!(self.shape, Shape::Lines | Shape::Stacked);
        let table = matches!(self.shape, Shape::Table(_) | Shape::Dots(_));
        json!({
            "refId": at,
            "datasource": datasource(),
            "expr": expr,
            "legendFormat": legend,
            "instant": !over_time,
            "range": over_time,
            "format": if table { "table" } else { "time_series" },
        })
    }

    fn options(&self) -> Value {
        match self.shape {
            Shape::Lines | Shape::Stacked => json!({
                "legend": {
                    "showLegend": true, "displayMode": "table", "placement": "right",
                    "calcs": ["lastNotNull"],
                },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            Shape::Number => json!({
                "colorMode": "value", "graphMode": "none", "justifyMode": "auto",
                "textMode": if self.asked.len() > 1 { "value_and_name" } else { "auto" },
                "orientation": "auto",
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            }),
            Shape::Table(_) => json!({
                "showHeader": true, "cellHeight": "sm",
                "sortBy": [{ "displayName": self.named(0), "desc": false }],
            }),
            Shape::Dots(_) => {
                let field =
                    |at| json!({ "matcher": { "id": "byName", "options": self.named(at) } });
                json!({
                    "mapping": "manual",
                    "series": [{ "x": field(0), "y": field(1), "size": field(2) }],
                    "legend": {
                        "showLegend": false, "displayMode": "list", "placement": "bottom",
                        "calcs": [],
                    },
                    "tooltip": { "mode": "single", "sort": "none" },
                })
            }
        }
    }

    fn named(&self, at: usize) -> &'static str {
        self.asked.get(at).map_or("", |(name, _)| name)
    }

    fn fields(&self) -> Value {
        let mut defaults = Map::new();
        if !self.unit.is_empty() {
            defaults.insert("unit".into(), self.unit.into());
        }
        let (name, value) = match self.shape {
            Shape::Lines => ("custom", json!({ "spanNulls": false })),
            Shape::Stacked => {
                let stacking = json!({ "mode": "normal", "group": "A" });
                let custom = json!({ "spanNulls": false, "fillOpacity": 30, "stacking": stacking });
                ("custom", custom)
            }
            Shape::Dots(_) => {
                let size = json!({ "fixed": 8, "min": 6, "max": 40 });
                ("custom", json!({ "show": "points", "pointSize": size }))
            }
            Shape::Table(_) => ("decimals", json!(2)),
            Shape::Number => ("noValue", json!("–")),
        };
        defaults.insert(name.into(), value);
        json!({ "defaults": defaults, "overrides": self.overrides() })
    }

    /// Names of influencers lead to their dashboard; axes of dots go from 0 to 100.
    fn overrides(&self) -> Vec<Value> {
        let by_name = |name: &str, properties: Value| json!({ "matcher": { "id": "byName", "options": name }, "properties": properties });
        match self.shape {
            Shape::Table("influencer") => {
                let url = "/d/sillage-influencer?var-datasource=${datasource}&\
                           var-segment=${segment}&var-influencer=${__data.fields.influencer}";
                let link = json!({ "title": "all about this influencer", "url": url });
                vec![by_name("influencer", json!([{ "id": "links", "value": [link] }]))]
            }
            Shape::Dots(_) => {
                let whole = json!([{ "id": "min", "value": 0 }, { "id": "max", "value": 100 }]);
                [0, 1].map(|at| by_name(self.named(at), whole.clone())).to_vec()
            }
            _ => Vec::new(),
        }
    }

    /// Joins the answers by the label and gives the columns their names.
    fn transformations(&self) -> Vec<Value> {
        let (Shape::Table(by) | Shape::Dots(by)) = self.shape else { return Vec::new() };
        let names = self.asked.iter().zip('A'..);
        let names = names.map(|((name, _), at)| (format!("Value #{at}"), Value::from(*name)));
        let names: Map<_, _> = if self.asked.len() == 1 {
            // Grafana numbers values only where there are several.
            [("Value".to_owned(), Value::from(self.named(0)))].into_iter().collect()
        } else {
            names.collect()
        };
        vec![
            json!({ "id": "joinByField", "options": { "byField": by, "mode": "outer" } }),
            json!({
                "id": "filterFieldsByName",
                "options": { "include": { "pattern": format!("^({by}|Value.*)$") } },
            }),
            json!({ "id": "organize", "options": { "renameByName": names } }),
        ]
    }
}
