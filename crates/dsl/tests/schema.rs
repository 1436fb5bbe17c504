//! The parser against the specification's JSON schema: definitions generated from the schema, with
//! every property of every object and every alternative, are accepted; what the schema closes is closed.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::collections::BTreeMap;

use aquifer_dsl::parse;
use serde_json::{Map, Value, json};

/// A value that satisfies a schema, and the JSON pointers of its objects that allow no other members.
#[derive(Clone)]
struct Instance {
    value: Value,
    closed: Vec<String>,
}

impl From<Value> for Instance {
    fn from(value: Value) -> Self {
        Self { value, closed: Vec::new() }
    }
}

impl Instance {
    /// Puts instances into an object.
    fn object(members: Vec<(String, Self)>, closed: bool) -> Self {
        let mut object = Self { value: Value::Null, closed: Vec::new() };
        if closed {
            object.closed.push(String::new());
        }
        let mut map = Map::new();
        for (key, member) in members {
            object.closed.extend(member.closed.iter().map(|pointer| format!("/{key}{pointer}")));
            map.insert(key, member.value);
        }
        object.value = Value::Object(map);
        object
    }

    fn array(items: Vec<Self>) -> Self {
        let keyed = items.into_iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect();
        let object = Self::object(keyed, false);
        let values = object.value.as_object().unwrap().values().cloned().collect();
        Self { value: Value::Array(values), ..object }
    }
}

struct Generator {
    schema: Value,
}

impl Generator {
    /// Returns the schema with its references and `allOf` merged into it. `titles` collects all titles.
    fn flat(&self, schema: &Value) -> Map<String, Value> {
        let own = schema.as_object().cloned().unwrap_or_default();
        let mut flat = Map::new();
        if let Some(reference) = own.get("$ref") {
            let pointer = reference.as_str().unwrap().trim_start_matches('#');
            flat = self.flat(self.schema.pointer(pointer).unwrap());
        }
        for part in own.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            flat = merge(flat, self.flat(part));
        }
        let mut rest = own;
        rest.retain(|key, _| key != "$ref" && key != "allOf");
        let title = rest.get("title").cloned();
        rest.insert("titles".into(), title.into_iter().collect());
        merge(flat, rest)
    }

    /// Generates instances so that every property and every alternative occurs. Lists of tasks below
    /// the first hold a single simple task.
    fn instances(&self, schema: &Value, depth: usize) -> Vec<Instance> {
        let flat = self.flat(schema);
        let is = |title: &str| flat["titles"].as_array().unwrap().iter().any(|t| t == title);
        let special = [
            ("WorkflowDSL", json!("1.0.3")),
            ("WorkflowVersion", json!("1.0.0")),
            ("SubflowVersion", json!("1.0.0")),
            ("TimeoutReference", json!("n0")),
            ("TaskTimeoutReference", json!("n0")),
            ("RaiseErrorReference", json!("n0")),
            ("RetryPolicyReference", json!("n0")),
            ("ReferenceableAuthenticationPolicyName", json!("n0")),
            ("UseFunctions", json!({"n0": {"set": {"a": 1}}})),
            ("ScheduleCron", json!("0 0 * * *")),
            ("LiteralErrorInstance", json!("/do/0/a")),
            ("LiteralTime", json!("2026-01-31T12:00:00Z")),
            ("DurationLiteral", json!("P1Y2M3W4DT5H6M7.5S")),
            ("ContainerCleanupPolicy", json!("eventually")),
            ("AnyEventUntilConsumed", json!({"one": {"with": {"type": "x"}}})),
        ];
        if let Some((_, value)) = special.iter().find(|(title, _)| is(title)) {
            return vec![value.clone().into()];
        }
        if is("FlowDirective") {
            return ["continue", "exit", "end"].map(|word| json!(word).into()).to_vec();
        }
        let depth = if is("Use") { depth + 1 } else { depth };
        if is("TaskList") && depth > 0 {
            return vec![json!([{"inner": {"set": {"a": 1}}}]).into()];
        }
        if let Some(value) = flat.get("const") {
            return vec![value.clone().into()];
        }
        if let Some(values) = flat.get("enum").and_then(Value::as_array) {
            return values.iter().cloned().map(Instance::from).collect();
        }
        let alternatives = flat.get("oneOf").or_else(|| flat.get("anyOf")).and_then(Value::as_array);
        if let Some(alternatives) = alternatives {
            return alternatives
                .iter()
                .flat_map(|alternative| {
                    let mut base = flat.clone();
                    base.retain(|key, _| key != "oneOf" && key != "anyOf");
                    let chosen = self.flat(alternative);
                    // `oneOf` of `required` lists: what other alternatives require is left out.
                    if let Some(properties) = base.get_mut("properties").and_then(Value::as_object_mut) {
                        let others = alternatives.iter().flat_map(required);
                        let dropped: Vec<String> = others.filter(|key| !required(alternative).contains(key)).collect();
                        properties.retain(|key, _| !dropped.contains(key));
                    }
                    self.instances(&Value::Object(merge(base, chosen)), depth)
                })
                .collect();
        }
        match flat.get("type").and_then(Value::as_str) {
            Some("string") => vec![json!(string(&flat)).into()],
            Some("integer") => vec![json!(1).into()],
            Some("boolean") => vec![json!(true).into(), json!(false).into()],
            Some("array") => {
                let depth = if is("TaskList") { depth + 1 } else { depth };
                vec![Instance::array(self.instances(&flat["items"], depth))]
            }
            Some("object") => self.objects(&flat, depth),
            _ if flat.contains_key("properties") => self.objects(&flat, depth),
            _ => vec![json!("x").into()],
        }
    }

    fn objects(&self, flat: &Map<String, Value>, depth: usize) -> Vec<Instance> {
        let closed = flat.get("unevaluatedProperties") == Some(&json!(false));
        let Some(properties) = flat.get("properties").and_then(Value::as_object) else {
            let others = flat.get("additionalProperties").filter(|schema| schema.is_object());
            let Some(others) = others else { return vec![json!({"a": "b"}).into()] };
            let variants = self.instances(others, depth);
            if flat.get("maxProperties") == Some(&json!(1)) {
                let single =
                    |(index, one): (usize, Instance)| Instance::object(vec![(format!("n{index}"), one)], false);
                return variants.into_iter().enumerate().map(single).collect();
            }
            let members = variants.into_iter().enumerate().map(|(index, one)| (format!("n{index}"), one));
            return vec![Instance::object(members.collect(), false)];
        };
        let mut variants: Vec<(String, Vec<Instance>)> =
            properties.iter().map(|(key, schema)| (key.clone(), self.instances(schema, depth))).collect();
        // The schema of MCP's client requires a property that it does not define.
        let mut missing = required(&Value::Object(flat.clone()));
        missing.retain(|key| !properties.contains_key(key));
        variants.extend(missing.into_iter().map(|key| (key, vec![json!("x").into()])));
        let count = variants.iter().map(|(_, variants)| variants.len()).max().unwrap_or(1);
        (0..count)
            .map(|round| {
                let pick = |(key, of): &(String, Vec<Instance>)| (key.clone(), of[round % of.len()].clone());
                Instance::object(variants.iter().map(pick).collect(), closed)
            })
            .collect()
    }
}

fn required(schema: &Value) -> Vec<String> {
    let keys = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    keys.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn merge(mut base: Map<String, Value>, over: Map<String, Value>) -> Map<String, Value> {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Object(old)), Value::Object(new)) if key == "properties" => {
                *old = merge(std::mem::take(old), new);
            }
            (Some(Value::Array(old)), Value::Array(new)) if key == "titles" || key == "required" => old.extend(new),
            (_, value) => drop(base.insert(key, value)),
        }
    }
    base
}

fn string(flat: &Map<String, Value>) -> &'static str {
    let is = |title: &str| flat["titles"].as_array().unwrap().iter().any(|t| t == title);
    let pattern = flat.get("pattern").and_then(Value::as_str).unwrap_or_default();
    if flat.contains_key("not") {
        "n0"
    } else if pattern.contains("\\$\\{")
        || is("SetTaskConfiguration")
        || is("McpMethodParameters")
        || is("WithA2AParameters")
    {
        "${ .a }"
    } else if pattern.contains("://") {
        "https://example.com/{a}"
    } else {
        "x"
    }
}

fn generate() -> Instance {
    let text = include_str!("spec/schema.yaml");
    let schema: Value = serde_saphyr::from_str(text).unwrap();
    let generator = Generator { schema: schema.clone() };
    let mut root = generator.flat(&schema);
    // The top level has both forms of `timeout`; the definition with all tasks takes the first.
    root.remove("unevaluatedProperties");
    generator.instances(&Value::Object(root), 0).remove(0)
}

fn messages(definition: &Value) -> String {
    match parse(definition.to_string(), "generated") {
        Ok(_) => String::new(),
        Err(error) => error.items.iter().map(|item| format!("{}: {}\n", item.pointer, item.message)).collect(),
    }
}

#[test]
fn every_property_of_the_schema_is_accepted() {
    let root = generate();
    let tasks = root.value["do"].as_array().unwrap();
    assert!(tasks.len() > 40, "{}", tasks.len());
    for keyword in ["call", "do", "emit", "for", "fork", "listen", "raise", "run", "set", "switch", "try", "wait"] {
        let has = |task: &Value| task.as_object().unwrap().values().any(|task| task.get(keyword).is_some());
        assert!(tasks.iter().any(has), "{keyword}");
    }
    assert_eq!(messages(&root.value), "");
}

#[test]
fn what_the_schema_closes_is_closed() {
    let root = generate();
    // The same place in many variants of a task is tried once.
    let place = |pointer: &str| {
        let steps = pointer.split('/').filter(|step| !step.starts_with('n') && step.parse::<usize>().is_err());
        steps.collect::<Vec<_>>().join("/")
    };
    let places: BTreeMap<String, &String> = root.closed.iter().map(|pointer| (place(pointer), pointer)).collect();
    assert!(places.len() > 100, "{}", places.len());
    // Other tasks than the one in question are left out, to be quick.
    let mut rest = root.value.clone();
    rest["do"] = json!([]);
    for pointer in places.into_values() {
        let mut definition = rest.clone();
        let mut target = pointer.clone();
        if let Some((index, inner)) = pointer.strip_prefix("/do/").and_then(|inner| inner.split_once('/')) {
            definition["do"] = json!([root.value["do"][index.parse::<usize>().unwrap()]]);
            target = format!("/do/0/{inner}");
        }
        let object = definition.pointer_mut(&target).unwrap().as_object_mut().unwrap();
        object.insert("zzz".into(), json!(1));
        let found = messages(&definition);
        let expected = format!("{target}/zzz: unknown property `zzz`");
        assert!(found.contains(&expected), "{pointer}: {found:?}");
    }
}

fn pointers(value: &Value, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| pointers(item, &format!("{pointer}/{index}"), found));
        }
        Value::Object(members) => {
            members.iter().for_each(|(key, member)| pointers(member, &format!("{pointer}/{key}"), found));
        }
        _ => {}
    }
}

/// A value of any type may stand anywhere: what is refused is explained, with a place.
#[test]
fn wrong_values_are_explained() {
    let root = generate();
    let mut random = fastrand::Rng::with_seed(7);
    let wrong = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("${"),
        json!("${ }"),
        json!("x y"),
        json!([]),
        json!({}),
        json!([[]]),
        json!({"a": {}}),
        json!([null]),
        json!([{"a": 1, "b": 2}]),
    ];
    let mut rest = root.value.clone();
    rest["do"] = json!([]);
    for _ in 0..600 {
        let mut definition = rest.clone();
        let tasks = root.value["do"].as_array().unwrap();
        definition["do"] = json!([tasks[random.usize(..tasks.len())]]);
        let mut places = Vec::new();
        let within = if random.u8(..3) == 0 { "" } else { "/do" };
        pointers(definition.pointer(within).unwrap(), within, &mut places);
        for _ in 0..random.usize(1..4) {
            let place = &places[random.usize(..places.len())];
            if let Some(target) = definition.pointer_mut(place) {
                *target = wrong[random.usize(..wrong.len())].clone();
            }
        }
        if let Err(error) = parse(definition.to_string(), "wrong") {
            assert!(!error.items.is_empty(), "{definition}");
            for item in error.items {
                assert!(definition.pointer(&item.pointer).is_some(), "{item:?} {definition}");
                assert!(item.line == 1 && item.offset + 1 == item.column, "{item:?}");
            }
        }
    }
}
