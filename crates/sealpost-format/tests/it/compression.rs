//! Compressions, unpacked by the usual programs.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use sealpost_core::Result;
use sealpost_core::sink::{ByteSink, MemorySink};

use crate::readers::run;

fn compress(name: &str, file_name: &str, content: &[u8], piece: usize) -> Vec<u8> {
    let memory = MemorySink::default();
    let entry = sealpost_format::compression(name).unwrap();
    let mut sink = (entry.wrap)(file_name, Box::new(memory.clone())).unwrap();
    for piece in content.chunks(piece) {
        sink.write_all(piece).unwrap();
        sink.flush().unwrap();
    }
    sink.finish().unwrap();
    memory.finished().expect("finish reaches the sink")
}

fn unpack(name: &str, file: &Path) -> Vec<u8> {
    match name {
        "none" => std::fs::read(file).unwrap(),
        "gzip" => run(Command::new("gzip").arg("-dc").arg(file), "apt-get install gzip"),
        "zstd" => run(Command::new("zstd").arg("-dcq").arg(file), "apt-get install zstd"),
        "zip" => run(Command::new("unzip").arg("-p").arg(file), "apt-get install unzip"),
        other => panic!("say how {other} is unpacked"),
    }
}

#[test]
fn the_usual_programs_unpack_what_was_packed() {
    let folder = tempfile::tempdir().unwrap();
    let mut line = 0_u64;
    let mut content = Vec::new();
    while content.len() < 700_000 {
        line = line.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        content.extend_from_slice(format!("{line};Müller;{}\r\n", line % 97).as_bytes());
    }
    for entry in sealpost_format::COMPRESSIONS {
        for content in [&content[..], b""] {
            let packed = compress(entry.name, "report.csv", content, 1 << 20);
            let file = folder.path().join(format!("report.csv.{}", entry.extension));
            std::fs::write(&file, &packed).unwrap();
            assert!(unpack(entry.name, &file) == content, "{}", entry.name);
            for piece in [1000, 65_536, 65_537] {
                assert!(compress(entry.name, "report.csv", content, piece) == packed, "{} by {piece}", entry.name);
            }
        }
    }
}

#[test]
fn a_zip_holds_one_entry_named_like_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.zip");
    for (given, name) in [("verträge-2026.csv", "verträge-2026.csv"), ("../../etc/passwd", "passwd"), ("..", "report")]
    {
        std::fs::write(&file, compress("zip", given, b"content", 9)).unwrap();
        let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; \
                      print([(i.filename, i.date_time, i.file_size) for i in z.infolist()])";
        let listed = run(Command::new("python3").args(["-c", script]).arg(&file), "apt-get install python3");
        let expected = format!("[('{name}', (1980, 1, 1, 0, 0, 0), 7)]\n");
        assert_eq!(String::from_utf8(listed).unwrap(), expected);
        run(Command::new("unzip").arg("-tq").arg(&file), "apt-get install unzip");
    }
}

struct FileSink(std::fs::File);

impl Write for FileSink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl ByteSink for FileSink {
    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

#[test]
#[ignore = "packs and unpacks more than 4 GiB: half a minute of a core; run it when zip.rs changes"]
fn an_entry_beyond_4_gib_gets_its_zip64_fields() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.zip");
    let entry = sealpost_format::compression("zip").unwrap();
    let mut sink = (entry.wrap)("large.csv", Box::new(FileSink(std::fs::File::create(&file).unwrap()))).unwrap();
    let (block, blocks) = (vec![b'0'; 1 << 20], 4100_u64);
    (0..blocks).for_each(|_| sink.write_all(&block).unwrap());
    sink.finish().unwrap();
    let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; \
                  print([i.file_size for i in z.infolist()])";
    let listed = run(Command::new("python3").args(["-c", script]).arg(&file), "apt-get install python3");
    assert_eq!(String::from_utf8(listed).unwrap(), format!("[{}]\n", blocks << 20));
    run(Command::new("unzip").arg("-tq").arg(&file), "apt-get install unzip");
}
