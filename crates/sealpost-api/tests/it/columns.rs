//! Formats that can't have a report type's columns: refused where it is asked for, and where it is declared.

use reqwest::StatusCode;
use sealpost_core::error::codes;
use sealpost_pipeline::Catalogue;
use serde_json::{Value as Json, json};

use crate::rig::{Rig, json_of};

#[tokio::test]
async fn what_no_column_can_satisfy_is_refused_before_there_is_a_report() {
    let rig = Rig::idle().await;
    let (status, changed) = rig.change_acme(json!({"grants": [{"report": "unfit.v1"}]})).await;
    assert!(status.is_success(), "{changed}");
    let ask = async |format: &str, options: &Json| {
        let body = json!({"report_type": "unfit.v1", "format": format, "format_options": options});
        json_of(rig.post(&rig.acme, "/v1/reports", &body)).await
    };
    for (format, options, code, pointer) in [
        ("csv", json!({"encoding": "windows-1252"}), "SP-REQUEST-005", "/format_options"),
        ("csv", json!({"quoting": "never"}), "SP-REQUEST-005", "/format_options"),
        ("tsv", json!({"encoding": "iso-8859-15"}), "SP-REQUEST-005", "/format_options"),
        ("xml", json!({}), "SP-REQUEST-001", "/format"),
        ("xml", json!({"row_element": "day"}), "SP-REQUEST-001", "/format"),
    ] {
        // What was found out for the first is known for the second.
        for _ in 0..2 {
            let (status, problem) = ask(format, &options).await;
            assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!(code)), "{format} {options}");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        }
    }
    let (_, list) = json_of(rig.get(&rig.acme, "/v1/reports")).await;
    assert_eq!(list["reports"], json!([]));

    for (format, options) in
        [("csv", json!({})), ("csv", json!({"encoding": "windows-1252", "header": false})), ("json", json!({}))]
    {
        let (status, report) = ask(format, &options).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{format} {options}: {report}");
    }
}

#[tokio::test]
async fn a_report_type_that_names_such_a_format_is_not_loaded() {
    let rig = Rig::idle().await;
    let folder = rig.folder.path().join("catalogue");
    for named in ["formats = [\"csv\", \"xml\"]", "default_format = \"xml\""] {
        let settings = format!("title = \"Unfit\"\n{named}\n[scope]\ntype = \"integer\"\n");
        std::fs::write(folder.join("unfit.v1.toml"), settings).unwrap();
        let loaded = Catalogue::load(&folder, &rig.pipeline.parts().sources, sealpost_format::FORMATS).await;
        let error = loaded.unwrap_err();
        assert!(error.is(&codes::config::CATALOGUE), "{error:?}");
        let said = &error.fields()[0].detail;
        assert!(said.contains("unfit.v1.toml") && said.contains("`a,b` and `a_b`"), "{said}");
    }
}
