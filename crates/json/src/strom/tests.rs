use super::*;

const FILE: &str = r#"{
  "version": 1,
  "flows": [
    {
      "id": "4a8aa2a2-7e0c-4b7f-9d3a-0a4a4c1c7d10", "name": "Studio A",
      "elements": [{ "id": "src", "element_type": "videotestsrc", "properties": { "is-live": true }, "x": 1.50, "big": 12345678901234567890123 }],
      "links": [], "gst_state": "playing", "unknown": { "z": 1, "a": null },
      "properties": { "description": "ü\n", "auto_restart": true }
    },
    { "name": "Old", "id": "0b0f6a5e-2f1c-4f6e-8f3a-7d1f2a3b4c5d", "state": "null", "properties": {} },
    { "name": "", "id": "0b0f6a5e-2f1c-4f6e-8f3a-7d1f2a3b4c5e", "gst_state": null }
  ]
}"#;

fn refused(text: &str, says: &str) {
    let error = import_strom(text).unwrap_err();
    assert_eq!(error.kind(), aquifer_core::ErrorKind::Invalid);
    assert!(error.to_string().contains(says), "{error}");
}

#[test]
fn flows_are_read_with_all_they_hold() {
    let flows = import_strom(FILE).unwrap();
    let facts: Vec<_> =
        flows.iter().map(|flow| (flow.name.as_str(), flow.state.as_deref(), flow.auto_restart)).collect();
    assert_eq!(facts, [("Studio A", Some("playing"), true), ("Old", Some("null"), false), ("", None, false)]);
    assert_eq!(flows[0].id.to_string(), "4a8aa2a2-7e0c-4b7f-9d3a-0a4a4c1c7d10");
}

#[test]
fn nothing_is_lost_on_the_way_out() {
    let flows = import_strom(FILE).unwrap();
    let text = export_strom(&flows);
    for kept in ["1.50", "12345678901234567890123", "\"z\": 1, \"a\": null", "ü\\n"] {
        assert!(text.contains(kept), "{text}");
    }
    assert_eq!(import_strom(&text).unwrap(), flows);
    assert_eq!(export_strom(&import_strom(&text).unwrap()), text);
    assert_eq!(import_strom(&export_strom(&[])).unwrap(), []);
    assert_eq!(import_strom(" \n").unwrap(), []);
}

#[test]
fn other_files_are_refused_with_the_place() {
    refused("{", "not JSON");
    refused("[]", "not an object");
    refused("{}", "version is missing");
    refused(r#"{"version":2,"flows":[]}"#, "version 2");
    refused(r#"{"version":"1","flows":[]}"#, "version is wrong");
    refused(r#"{"version":1}"#, "flows is missing");
    refused(r#"{"version":1,"flows":{}}"#, "flows is wrong");
    refused(r#"{"version":1,"flows":[],"more":1}"#, "\"more\" beside its flows");
    refused(r#"{"version":1,"flows":[1]}"#, "flows[0]: not an object");
    let flow = |flow: &str| format!(r#"{{"version":1,"flows":[{flow}]}}"#);
    refused(&flow(r#"{"name":"a"}"#), "flows[0]: id is missing");
    refused(&flow(r#"{"id":"x","name":"a"}"#), "flows[0]: the id \"x\" is not a UUID");
    let id = r#""id":"4a8aa2a2-7e0c-4b7f-9d3a-0a4a4c1c7d10""#;
    refused(&flow(&format!("{{{id}}}")), "flows[0]: name is missing");
    refused(&flow(&format!("{{{id},\"name\":1}}")), "flows[0]: name is wrong");
    refused(&flow(&format!("{{{id},\"name\":\"a\",\"gst_state\":1}}")), "flows[0]: gst_state is wrong");
    refused(
        &flow(&format!("{{{id},\"name\":\"a\",\"properties\":{{\"auto_restart\":1}}}}")),
        "flows[0]: properties: auto_restart",
    );
    let twice = format!("{{{id},\"name\":\"a\"}},{{{id},\"name\":\"b\"}}");
    refused(&flow(&twice), "flows[1]: another flow has the id 4a8aa2a2");
}

#[test]
fn flows_become_workflows_and_come_back() {
    let now = aquifer_core::Timestamp::EPOCH;
    for flow in import_strom(FILE).unwrap() {
        let (workflow, version) = flow.to_records(&"t".into(), now).unwrap();
        assert!(StromFlow::is_workflow(&workflow));
        for other in [
            aquifer_core::kinds::Workflow { namespace: "default".to_owned(), ..workflow.clone() },
            aquifer_core::kinds::Workflow { name: "hello".to_owned(), ..workflow.clone() },
            aquifer_core::kinds::Workflow { format: aquifer_core::kinds::WorkflowFormat::Dsl, ..workflow.clone() },
        ] {
            assert!(!StromFlow::is_workflow(&other), "{other:?}");
        }
        assert_eq!((workflow.namespace.as_str(), workflow.name), ("strom", flow.id.to_string()));
        assert_eq!((workflow.title.as_deref(), workflow.auto_restart), (Some(flow.name.as_str()), flow.auto_restart));
        let tags: serde_json::Value = workflow.tags.unwrap().decode().unwrap();
        assert_eq!(tags["strom_id"], flow.id.to_string());
        assert_eq!(tags["strom_state"].as_str(), flow.state.as_deref());
        assert_eq!((&version.workflow_id, version.number), (&workflow.id, workflow.latest_version));
        assert_eq!(version.source.as_deref(), Some(flow.data.as_str()));
        assert_eq!(version.source_hash.len(), 64);
        assert_eq!(StromFlow::from_version(&version).unwrap(), flow);
        let other = aquifer_core::kinds::WorkflowVersion { source: Some("do: []".to_owned()), ..version.clone() };
        assert!(StromFlow::from_version(&other).unwrap_err().message().contains("is no flow of strom"));
        let bare = aquifer_core::kinds::WorkflowVersion { source: None, ..version };
        assert!(StromFlow::from_version(&bare).unwrap_err().message().contains("has no source"));
    }
}
