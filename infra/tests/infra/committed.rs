//! The files that are in the repository.

use std::path::Path;

/// Whatever the workspace: what is committed can be read, and says who wrote it. That it is not stale is a test of the
/// command, which knows the workspace.
#[test]
fn committed_templates_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sam");
    let text = std::fs::read_to_string(folder.join("template.yaml")).unwrap();
    assert!(text.starts_with(stepladder_infra::WRITTEN_BY));
    let template: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(template["Transform"], "AWS::Serverless-2016-10-31");
    let outputs: Vec<&String> = template["Outputs"].as_object().unwrap().keys().collect();
    for name in ["Table", "Bucket", "StartQueueUrl", "ParkedQueueUrl", "DeadLetterQueueUrl", "Dashboard"] {
        assert!(outputs.iter().any(|output| *output == name), "{name}");
    }
}
