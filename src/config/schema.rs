//! What each key may hold, taken from the types: shapes a tree of text into typed values, or says
//! which key is wrong and what it allows.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::tree::{Kind, Node, Origin, parse};
use super::{Config, Duration, Invalid};

/// Format of whole milliseconds that may be written as a duration (`7d`).
const MILLIS: &str = "ms";

/// What an error says in place of a secret.
pub(super) const HIDDEN: &str = "the value";

/// Longest value that an error repeats.
const SHOWN_CHARS_MAX: usize = 80;

/// A place in the configuration and the JSON schema of what it may hold.
#[derive(Clone, Debug)]
pub(super) struct Key {
    path: String,
    name: String,
    schema: Value,
}

/// A key that is not known or a value that is not allowed, and where it was written.
#[derive(Debug)]
pub(super) enum Refused {
    UnknownKey { origin: Origin, key: String, allowed: Vec<String> },
    Value { origin: Origin, invalid: Invalid },
}

impl Key {
    pub(super) fn root() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
        let schema = settings.into_generator().into_root_schema_for::<Config>().to_value();
        Self { path: String::new(), name: String::new(), schema }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The doc comment of the key, one paragraph.
    pub(super) fn description(&self) -> String {
        let text = self.schema.get("description").and_then(Value::as_str).unwrap_or_default();
        text.replace('`', "").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Whether its keys are fixed, rather than the user's own or none.
    pub(super) fn is_section(&self) -> bool {
        self.schema.get("properties").is_some()
    }

    pub(super) fn holds_millis(&self) -> bool {
        self.format() == Some(MILLIS)
    }

    /// The key of that name below this one.
    pub(super) fn below(&self, name: &str, origin: &Origin) -> Result<Self, Refused> {
        let path = if self.path.is_empty() { name.into() } else { format!("{}.{name}", self.path) };
        let fixed = self.schema.get("properties").and_then(|p| p.get(name));
        match fixed.or_else(|| self.free()) {
            Some(schema) => Ok(Self { path, name: name.into(), schema: schema.clone() }),
            None => Err(Refused::UnknownKey {
                origin: origin.clone(),
                key: path,
                allowed: self.names(),
            }),
        }
    }

    /// What keys hold that are the user's own, if there can be any.
    fn free(&self) -> Option<&Value> {
        self.schema.get("additionalProperties").filter(|s| s.is_object() || **s == true)
    }

    /// The same for a name out of a variable, which has no dots, and case only where keys are the
    /// user's own.
    pub(super) fn below_from_environment(
        &self,
        segment: &str,
        origin: &Origin,
    ) -> Result<Self, Refused> {
        let name = segment.to_lowercase();
        match self.free() {
            // Names of librdkafka's properties have dots and no underscores.
            Some(_) if self.path == "kafka.properties" => {
                self.below(&name.replace('_', "."), origin)
            }
            Some(_) => self.below(segment, origin),
            None => self.below(&name, origin),
        }
    }

    /// A map out of text such as `{a: 1}`; nothing is an empty one.
    pub(super) fn flow(&self, text: &str, origin: &Origin) -> Result<Node, Refused> {
        let written = Node::scalar(text, origin.clone());
        if written.is_null() {
            return Ok(Node::map(origin.clone()));
        }
        let parsed = parse(text).ok().filter(|n| !matches!(n.kind, Kind::Scalar { .. }));
        let mut node = parsed.ok_or_else(|| self.refuse(&written))?;
        claim(&mut node, origin);
        Ok(node)
    }

    /// The typed value of a node, every key known.
    pub(super) fn shape(&self, node: &Node) -> Result<Value, Refused> {
        match &node.kind {
            Kind::Map(entries) if self.allows("object") => self.shape_map(entries),
            Kind::List(items) if self.allows("array") => self.shape_list(items),
            Kind::Scalar { .. } if node.is_null() => self.shape_nothing(node),
            Kind::Scalar { text, plain } => self.shape_scalar(node, text, *plain),
            _ => Err(self.refuse(node)),
        }
    }

    fn shape_map(&self, entries: &[(String, Node)]) -> Result<Value, Refused> {
        let mut map = Map::new();
        for (name, node) in entries {
            let key = self.below(name, &node.origin)?;
            // A section or a key without a value keeps its default.
            if !node.is_null() || key.allows("null") {
                map.insert(name.clone(), key.shape(node)?);
            } else if !key.allows("object") && !key.allows("array") {
                return Err(key.refuse(node));
            }
        }
        Ok(Value::Object(map))
    }

    fn shape_list(&self, items: &[Node]) -> Result<Value, Refused> {
        let schema = self.schema.get("items").cloned().unwrap_or(Value::Bool(true));
        let item = |at| Self {
            path: format!("{}[{at}]", self.path),
            name: self.name.clone(),
            schema: schema.clone(),
        };
        items.iter().enumerate().map(|(at, node)| item(at).shape(node)).collect()
    }

    fn shape_nothing(&self, node: &Node) -> Result<Value, Refused> {
        match () {
            () if self.allows("null") => Ok(Value::Null),
            () if self.allows("object") => Ok(Value::Object(Map::new())),
            () if self.allows("array") => Ok(Value::Array(Vec::new())),
            () => Err(self.refuse(node)),
        }
    }

    fn shape_scalar(&self, node: &Node, text: &str, plain: bool) -> Result<Value, Refused> {
        let variable = matches!(node.origin, Origin::Variable(_));
        if variable && self.allows("array") {
            return self.shape_variable_list(node, text);
        }
        if variable && self.allows("object") && !self.allows("string") {
            return self.shape(&self.flow(text, &node.origin)?);
        }
        let value =
            if plain || variable { self.number(text).or_else(|| self.boolean(text)) } else { None };
        let value = value.or_else(|| self.string(text)).ok_or_else(|| self.refuse(node))?;
        let names = self.choices();
        if !names.is_empty() && !names.iter().any(|name| value == name.as_str()) {
            return Err(self.refuse(node));
        }
        Ok(value)
    }

    /// `a,b` or `[a, b]`.
    fn shape_variable_list(&self, node: &Node, text: &str) -> Result<Value, Refused> {
        if text.trim_start().starts_with('[') {
            return self.shape(&self.flow(text, &node.origin)?);
        }
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let items: Vec<Node> = parts.map(|p| Node::scalar(p, node.origin.clone())).collect();
        self.shape_list(&items)
    }

    fn number(&self, text: &str) -> Option<Value> {
        let whole = text.parse::<i64>().ok().map(Value::from);
        let whole = whole.or_else(|| text.parse::<u64>().ok().map(Value::from));
        if self.allows("integer") && whole.is_some() {
            return whole.filter(|value| self.within(value));
        }
        if self.holds_millis() {
            return text.parse::<Duration>().ok().map(|d| Value::from(d.as_millis_i64()));
        }
        if !self.allows("number") {
            return None;
        }
        let value = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
        Some(Value::from(value)).filter(|value| self.within(value))
    }

    fn boolean(&self, text: &str) -> Option<Value> {
        self.allows("boolean").then(|| text.parse::<bool>().ok().map(Value::from)).flatten()
    }

    /// Text, unless it only stands for a number.
    fn string(&self, text: &str) -> Option<Value> {
        let stands_for_number = self.holds_millis();
        (self.allows("string") && !stands_for_number).then(|| Value::from(text))
    }

    fn within(&self, value: &Value) -> bool {
        let Some(number) = value.as_f64() else { return false };
        let (min, max) = self.bounds();
        let at_most = |max: Value| max.as_f64().is_none_or(|max| number <= max);
        min.as_ref().and_then(Value::as_f64).is_none_or(|min| number >= min)
            && max.is_none_or(at_most)
    }

    /// The least and the most, where the type or the schema has one.
    fn bounds(&self) -> (Option<Value>, Option<Value>) {
        let bound = |name: &str| self.any_schema(|schema| schema.get(name).cloned());
        let of_type = match self.format() {
            Some("uint8") => Some(Value::from(u8::MAX)),
            Some("uint16") => Some(Value::from(u16::MAX)),
            Some("uint32") => Some(Value::from(u32::MAX)),
            _ => None,
        };
        (bound("minimum"), bound("maximum").or(of_type))
    }

    pub(super) fn refuse(&self, node: &Node) -> Refused {
        self.refuse_shown(&node.origin, self.shown(node))
    }

    pub(super) fn refuse_shown(&self, origin: &Origin, value: String) -> Refused {
        let key = if self.path.is_empty() { "configuration" } else { &self.path };
        let invalid = Invalid::new(key, value, self.allowed());
        Refused::Value { origin: origin.clone(), invalid }
    }

    pub(super) fn shown(&self, node: &Node) -> String {
        shown(&self.path, node)
    }

    /// What may stand here, in words.
    fn allowed(&self) -> String {
        let choices = self.choices();
        if !choices.is_empty() {
            return format!("one of {}", choices.join(", "));
        }
        let range = match self.bounds() {
            (Some(min), Some(max)) => format!(" from {min} to {max}"),
            (Some(min), None) => format!(", {min} or more"),
            _ => String::new(),
        };
        match () {
            () if self.holds_millis() => format!("{}, or whole milliseconds", super::NotADuration),
            () if self.format() == Some("duration") => super::NotADuration.to_string(),
            () if self.format() == Some("byte-size") => super::NotAByteSize.to_string(),
            () if self.allows("integer") => format!("a whole number{range}"),
            () if self.allows("number") => format!("a number{range}"),
            () if self.allows("boolean") => "true or false".into(),
            () if self.allows("array") => "a list such as [a, b]".into(),
            () if self.is_section() => {
                format!("a section with the keys {}", self.names().join(", "))
            }
            () if self.allows("object") => "a map such as {key: value}".into(),
            () => "text".into(),
        }
    }

    fn names(&self) -> Vec<String> {
        let properties = self.schema.get("properties").and_then(Value::as_object);
        properties.map(|p| p.keys().cloned().collect()).unwrap_or_default()
    }

    fn choices(&self) -> Vec<String> {
        let mut names = Vec::new();
        for schema in self.schemas() {
            let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
            names.extend(
                listed.chain(schema.get("const")).filter_map(Value::as_str).map(str::to_owned),
            );
        }
        names
    }

    fn format(&self) -> Option<&str> {
        self.schemas().find_map(|schema| schema.get("format").and_then(Value::as_str))
    }

    fn allows(&self, wanted: &str) -> bool {
        let untyped = self.schema == Value::Bool(true);
        untyped && wanted == "string"
            || self.schemas().any(|schema| match schema.get("type") {
                Some(Value::String(name)) => name == wanted,
                Some(Value::Array(names)) => names.iter().any(|name| name == wanted),
                _ => false,
            })
    }

    fn any_schema<T>(&self, find: impl Fn(&Value) -> Option<T>) -> Option<T> {
        self.schemas().find_map(find)
    }

    /// The schema itself and its alternatives: an optional key is one of two.
    fn schemas(&self) -> impl Iterator<Item = &Value> {
        let several =
            ["anyOf", "oneOf"].into_iter().filter_map(|name| self.schema.get(name)?.as_array());
        std::iter::once(&self.schema).chain(several.flatten())
    }
}

/// A value as an error repeats it: short, and never a secret.
pub(super) fn shown(path: &str, node: &Node) -> String {
    if holds_secrets(path) {
        return HIDDEN.into();
    }
    if node.is_null() {
        return "nothing".into();
    }
    let mut text = node.display();
    if let Some((cut, _)) = text.char_indices().nth(SHOWN_CHARS_MAX) {
        text.truncate(cut);
        text.push('…');
    }
    text.replace('\n', " ")
}

/// Keys whose values appear in no error, log or digest: all that librdkafka is given may be one,
/// and so may what lies below a whole section.
pub(super) fn holds_secrets(path: &str) -> bool {
    ["kafka.properties", "state.actor_key", "notify.webhook", "notify.slack"]
        .iter()
        .any(|secret| path.starts_with(secret))
        || ["", "kafka", "state", "notify"].contains(&path)
}

fn claim(node: &mut Node, origin: &Origin) {
    node.origin = origin.clone();
    match &mut node.kind {
        Kind::Scalar { .. } => {}
        Kind::List(items) => items.iter_mut().for_each(|item| claim(item, origin)),
        Kind::Map(entries) => entries.iter_mut().for_each(|(_, item)| claim(item, origin)),
    }
}
