//! Directory listings.

use sealpost_core::transfer::Action;
use sealpost_testkit::alone::passes_alone;
use serde_json::Value as Json;

use crate::rig::{Rig, assert_completed, failure, object};

fn list(directory: impl Into<String>, max_items: u32) -> Action {
    Action::List { remote_directory: directory.into(), max_items, output_directory: object("lists") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_directory_is_listed_whole_or_cut() {
    let rig = Rig::working().await;
    let connector = rig.connector(|_| {}).await;
    for number in 0..3_000 {
        std::fs::write(rig.sshd.inbox().join(format!("file \"{number}\".csv")), vec![0; number % 7]).unwrap();
    }
    for number in 0..500 {
        std::fs::create_dir(rig.sshd.inbox().join(format!("folder-{number}"))).unwrap();
    }
    let item = rig.run_one(&connector, list(rig.remote(""), 10_000)).await;
    assert_completed(&item);
    let outcome = item.outcome.as_ref().unwrap();
    assert_eq!((outcome.item_count, outcome.truncated), (Some(3_500), Some(false)));
    let name = format!("lists/{connector}-{}.json", item.transfer);
    assert_eq!(outcome.path.as_deref(), Some(format!("/sealpost/{name}").as_str()));
    let listing: Json = serde_json::from_slice(&std::fs::read(rig.stored(&name)).unwrap()).unwrap();
    let [files, paths] = ["files", "paths"].map(|member| listing[member].as_array().unwrap());
    assert_eq!((files.len(), paths.len(), &listing["truncated"]), (3_000, 500, &Json::Bool(false)));
    let file = files.iter().find(|file| file["filePath"].as_str().unwrap().ends_with("/file \"13\".csv")).unwrap();
    assert_eq!(file["size"], 6);
    assert!(file["modifiedTimestamp"].as_str().unwrap().ends_with('Z'));
    let mut names: Vec<&str> = paths.iter().map(|path| path["path"].as_str().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 500);
    assert!(names.iter().all(|name| name.contains("folder-")));

    let item = rig.run_one(&connector, list(rig.remote(""), 100)).await;
    let outcome = item.outcome.as_ref().unwrap();
    assert_eq!((outcome.item_count, outcome.truncated), (Some(100), Some(true)));
    let name = format!("lists/{connector}-{}.json", item.transfer);
    let listing: Json = serde_json::from_slice(&std::fs::read(rig.stored(&name)).unwrap()).unwrap();
    let count = listing["files"].as_array().unwrap().len() + listing["paths"].as_array().unwrap().len();
    assert_eq!((count, &listing["truncated"]), (100, &Json::Bool(true)));
    let (event, body) =
        rig.heard.wait(3).await.into_iter().find(|(event, _)| event.detail_type.contains("Listing")).unwrap();
    assert_eq!(event.detail_type, "SFTP Connector Directory Listing Completed");
    assert!(body["detail"]["output-file-location"]["key"].as_str().unwrap().starts_with("lists/c-"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_directory_and_a_missing_one() {
    let rig = Rig::working().await;
    let connector = rig.connector(|_| {}).await;
    let item = rig.run_one(&connector, list(rig.remote(""), 10)).await;
    assert_completed(&item);
    let name = format!("lists/{connector}-{}.json", item.transfer);
    let listing = std::fs::read_to_string(rig.stored(&name)).unwrap();
    assert_eq!(listing.trim_end(), r#"{"files":[],"paths":[],"truncated":false}"#);
    let item = rig.run_one(&connector, list("/no/such", 10)).await;
    assert_eq!(failure(&item).0, "DIRECTORY_NOT_FOUND");
    assert_eq!(std::fs::read_dir(rig.stored("lists")).unwrap().count(), 1, "nothing half");
}

/// Peak memory of this process so far, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn two_hundred_thousand_entries_need_the_memory_of_a_thousand() {
    passes_alone("list::many_entries");
}

/// Not a test of its own: the peak is that of the whole process.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by `two_hundred_thousand_entries_need_the_memory_of_a_thousand`"]
async fn many_entries() {
    let rig = Rig::working().await;
    let connector = rig.connector(|_| {}).await;
    // In memory: 200,000 files on a disk take minutes to make and to remove.
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let many = folder.path().display().to_string();
    for number in 0..150_000 {
        std::fs::File::create(folder.path().join(format!("a-file-with-quite-a-long-name-{number}.csv"))).unwrap();
    }
    for number in 0..50_000 {
        std::fs::create_dir(folder.path().join(format!("a-folder-with-quite-a-long-name-{number}"))).unwrap();
    }
    assert_completed(&rig.run_one(&connector, list(many.as_str(), 1_000)).await);
    let before = peak();
    let item = rig.run_one(&connector, list(many.as_str(), 200_000)).await;
    assert_completed(&item);
    let outcome = item.outcome.as_ref().unwrap();
    assert_eq!((outcome.item_count, outcome.truncated), (Some(200_000), Some(false)));
    // The listing has more than 20 MB.
    assert!(outcome.bytes > 20_000_000, "{}", outcome.bytes);
    let grown = peak() - before;
    assert!(grown < 12, "{grown} MiB more than {before} MiB");
}
