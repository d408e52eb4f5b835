//! paramiko: passwords, writes out of order, renames, attributes.

use crate::Site;

const LOGIN: &str = r#"
import os, sys, stat, paramiko
port, folder = int(sys.argv[1]), sys.argv[2]
def login(user, password=None, **more):
    transport = paramiko.Transport(("127.0.0.1", port))
    transport.connect(username=user, password=password, **more)
    return transport, paramiko.SFTPClient.from_transport(transport)
def refused(call, *kinds):
    try:
        call()
    except (kinds or IOError) as error:
        return error
    raise SystemExit("not refused")
"#;

async fn check(script: &str) {
    Site::start().await.python(&format!("{LOGIN}{script}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_checked_per_user() {
    check(
        r#"
login("acme", "correct horse")[0].close()
login("other", "other")[0].close()
for user, password in [("acme", "other"), ("other", "correct horse"), ("nobody", ""), ("acme", ""), ("../acme", "x")]:
    refused(lambda: login(user, password), paramiko.AuthenticationException)
transport = paramiko.Transport(("127.0.0.1", port))
transport.start_client()
transport.auth_interactive("acme", lambda title, instructions, prompts: ["correct horse" for _ in prompts])
assert transport.is_authenticated()
transport.close()
"#,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_land_at_their_offsets_whatever_their_order() {
    check(
        r#"
import random
transport, sftp = login("acme", "correct horse")
data = os.urandom(5_000_000)
blocks = list(range(0, len(data), 30_000))
random.Random(7).shuffle(blocks)
with sftp.open("f", "wb") as file:
    file.set_pipelined(True)
    for offset in blocks:
        file.seek(offset)
        file.write(data[offset:offset + 30_000])
assert open(f"{folder}/site/acme/f", "rb").read() == data
with sftp.open("f", "rb") as file:
    assert [file.read(10)] == [data[:10]]
    assert file.readv([(4_999_990, 10), (100, 40_000)]).__next__() == data[-10:]
with sftp.open("f", "ab") as file:
    file.write(b"tail")
assert sftp.stat("f").st_size == len(data) + 4
sftp.truncate("f", 3)
assert sftp.stat("f").st_size == 3
refused(lambda: sftp.open("f", "x"))
"#,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_never_replaces_but_a_posix_rename_does() {
    check(
        r#"
transport, sftp = login("acme", "correct horse")
for name in ["a", "b"]:
    with sftp.open(name, "w") as file:
        file.write(name)
refused(lambda: sftp.rename("a", "b"))
assert sftp.open("b").read() == b"b" and sftp.open("a").read() == b"a"
sftp.posix_rename("a", "b")
assert sftp.open("b").read() == b"a"
assert sftp.listdir() == ["b"]
refused(lambda: sftp.rename("missing", "c"), FileNotFoundError)
refused(lambda: sftp.rename("/", "c"))
refused(lambda: sftp.rmdir("/"))
refused(lambda: sftp.posix_rename("b", "../other/b"))
assert os.listdir(f"{folder}/site/other") == []
"#,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_listings_and_attributes_are_complete() {
    check(
        r#"
transport, sftp = login("acme", "correct horse")
home = f"{folder}/site/acme"
for number in range(257):
    open(f"{home}/f{number}", "w").write("x" * number)
os.mkdir(f"{home}/d")
listing = {entry.filename: entry for entry in sftp.listdir_attr()}
assert len(listing) == 258, len(listing)
assert stat.S_ISDIR(listing["d"].st_mode) and stat.S_ISREG(listing["f7"].st_mode)
assert listing["f200"].st_size == 200
sftp.utime("f7", (1_000_000_000, 1_100_000_000))
sftp.chmod("f7", 0o600)
found = os.stat(f"{home}/f7")
assert (found.st_mtime, found.st_atime, found.st_mode & 0o7777) == (1_100_000_000, 1_000_000_000, 0o600)
os.symlink("f7", f"{home}/link")
assert stat.S_ISLNK(sftp.lstat("link").st_mode) and stat.S_ISREG(sftp.stat("link").st_mode)
assert sftp.normalize("d/../../x/./y") == "/x/y"
refused(lambda: sftp.symlink("/etc/passwd", "evil"))
refused(lambda: sftp.stat("missing"), FileNotFoundError)
refused(lambda: sftp.listdir("f7"))
refused(lambda: sftp.open("d", "r").read())
"#,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_ends_the_session_and_nothing_else() {
    check(
        r#"
import struct
transport, sftp = login("acme", "correct horse")
def session():
    channel = transport.open_session()
    channel.invoke_subsystem("sftp")
    channel.settimeout(20)
    channel.sendall(struct.pack(">IBI", 5, 1, 3))
    size = struct.unpack(">I", channel.recv(4))[0]
    assert channel.recv(size)[0] == 2
    return channel
for nonsense in [b"\x7f\xff\xff\xff", b"\0\0\0\1x"]:
    channel = session()
    channel.sendall(nonsense)
    assert channel.recv(100) == b""
channel = session()
# A request of an unknown type, and one that is cut short: refused by id, and the session goes on.
for request in [struct.pack(">BI", 99, 7), struct.pack(">BII", 3, 8, 500)]:
    channel.sendall(struct.pack(">I", len(request)) + request)
    answer = channel.recv(1000)
    assert answer[4] == 101 and struct.unpack(">II", answer[5:13]) == (struct.unpack(">I", request[1:5])[0], 5), answer
assert sftp.listdir() == []
"#,
    )
    .await;
}
