//! Formats that can't have a report type's columns: refused where it is asked for, and where it is declared. Columns that nobody
//! says.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use reqwest::StatusCode;
use sealpost_core::column::Column;
use sealpost_core::error::{Code, Error, codes};
use sealpost_core::port::{RowStream, SecretStore, Source};
use sealpost_core::report::{Query, ReportType};
use sealpost_pipeline::Catalogue;
use sealpost_secrets::SecretStores;
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

#[tokio::test]
async fn a_database_that_never_answers_is_waited_for_once() {
    // Connections are taken, by the system, and nothing is ever read from them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let settings = json!({"host": "127.0.0.1", "port": port, "database": "x", "user": "x", "connect_timeout_s": 1});
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    for number in 0..10 {
        write(&format!("r{number}.v1.toml"), "title = \"One of ten\"\n");
        write(&format!("r{number}.v1.sql"), "SELECT 1 AS a FROM t WHERE partner = :partner_scope");
    }
    let secrets: Arc<dyn SecretStore> = Arc::new(SecretStores::new(folder.path()));
    let entry = sealpost_source::find("mysql").unwrap();
    let source = (entry.build)(settings.as_object().unwrap().clone(), secrets).unwrap();
    let sources = BTreeMap::from([("main".to_owned(), source)]);
    let loaded = Catalogue::load(folder.path(), &sources, sealpost_format::FORMATS).await.unwrap();
    assert_eq!(loaded.iter().filter(|report| report.columns.is_empty()).count(), 10);
    silent.set_nonblocking(true).unwrap();
    assert_eq!(silent.incoming().take_while(Result::is_ok).count(), 1, "it was asked once");

    // What is wrong with a file is said all the same.
    write("r9.v1.sql", "SELECT 1 AS a FROM t");
    let error = Catalogue::load(folder.path(), &sources, sealpost_format::FORMATS).await.unwrap_err();
    assert!(error.is(&codes::config::CATALOGUE), "{error:?}");
    assert!(error.fields()[0].detail.contains("SP-SOURCE-008"), "{:?}", error.fields());
}

/// A source that can't describe anything now, and how often it was to.
struct Away {
    code: &'static Code,
    asked: AtomicU32,
}

#[async_trait]
impl Source for Away {
    fn parse(&self, _: &ReportType) -> sealpost_core::Result<()> {
        Ok(())
    }

    async fn describe(&self, _: &ReportType) -> sealpost_core::Result<Vec<Column>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Err(Error::new(self.code, "on purpose"))
    }

    async fn open(&self, _: &Query) -> sealpost_core::Result<Box<dyn RowStream>> {
        unreachable!("nothing is run here")
    }

    async fn check(&self) -> sealpost_core::Result<()> {
        unreachable!("nothing is run here")
    }
}

/// A lock on a table, a server that falls silent, a secret store that is away: each takes its time.
#[tokio::test]
async fn a_source_is_waited_for_once_whatever_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..3 {
        let write = |kind: &str, text: &str| {
            std::fs::write(folder.path().join(format!("r{number}.v1.{kind}")), text).unwrap();
        };
        write("toml", "title = \"One of three\"\n");
        write("sql", "SELECT 1 AS a FROM t WHERE partner = :partner_scope");
    }
    for code in [&codes::source::BUSY, &codes::source::BROKEN, &codes::secrets::UNREACHABLE] {
        let source = Arc::new(Away { code, asked: AtomicU32::new(0) });
        let sources = BTreeMap::from([("main".to_owned(), source.clone() as Arc<dyn Source>)]);
        let loaded = Catalogue::load(folder.path(), &sources, sealpost_format::FORMATS).await.unwrap();
        assert_eq!(loaded.iter().filter(|report| report.columns.is_empty()).count(), 3);
        assert_eq!(source.asked.load(Ordering::Relaxed), 1, "{}", code.id);
    }
}
