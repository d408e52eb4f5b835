//! dropbear with OpenSSH's sftp-server: another SSH implementation before the same files. Runs as root and, where the
//! kernel allows user namespaces, as a plain user.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::server::{Server, free_port, program};
use crate::sshd::{keygen, user};

/// A running dropbear whose sessions are SFTP only and begin in [`Dropbear::inbox`].
pub struct Dropbear {
    _server: Server,
    folder: tempfile::TempDir,
    port: u16,
}

impl Dropbear {
    /// Starts a server.
    ///
    /// # Panics
    /// When dropbear or OpenSSH's sftp-server is not installed, or it does not start.
    #[must_use]
    pub fn start() -> Self {
        let mut said = String::new();
        for _ in 0..3 {
            match Self::attempt() {
                Ok(server) => return server,
                Err(log) => said.push_str(&log),
            }
        }
        panic!("dropbear did not start three times:\n{said}")
    }

    fn attempt() -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("make the server's folder");
        let root = folder.path();
        let port = free_port();
        for name in ["inbox", "home", "home/.ssh"] {
            std::fs::create_dir(root.join(name)).expect("make a folder");
            std::fs::set_permissions(root.join(name), std::fs::Permissions::from_mode(0o700)).expect("protect it");
        }
        keygen(&root.join("client"), &["-t", "ed25519"], "");
        std::fs::copy(root.join("client.pub"), root.join("home/.ssh/authorized_keys")).expect("accept the key");
        let dropbearkey = program(&["dropbearkey"], "dropbear-bin");
        let made = Command::new(dropbearkey).args(["-t", "ed25519", "-f"]).arg(root.join("host")).output();
        let made = made.expect("run dropbearkey");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        std::fs::write(root.join("host.txt"), made.stdout).expect("keep the host key");

        // It takes the accepted keys from the home directory and nowhere else, so it gets an /etc/passwd of its own, in
        // a mount namespace of its own.
        let (user, uid, gid, here) = (user(), id("-u"), id("-g"), root.display());
        let own = format!("{user}:x:{uid}:{gid}::{here}/home:/bin/sh\n");
        let real = std::fs::read_to_string("/etc/passwd").expect("read /etc/passwd");
        let others = real.lines().filter(|line| !line.starts_with(&format!("{user}:"))).map(|line| format!("{line}\n"));
        std::fs::write(root.join("passwd"), own + &others.collect::<String>()).expect("write passwd");
        let dropbear = program(&["dropbear"], "dropbear-bin").display().to_string();
        let sftp = program(&["sftp-server"], "openssh-sftp-server").display().to_string();
        let serve = format!(
            "mount --bind {here}/passwd /etc/passwd && exec {} {dropbear} -F -E -s -p 127.0.0.1:{port} -r {here}/host \
             -P {here}/pid -c '{sftp} -d {here}/inbox'",
            if uid == "0" { String::new() } else { format!("unshare -U --map-user={uid} --map-group={gid}") }
        );
        let mut command = Command::new(program(&["unshare"], "util-linux"));
        if uid != "0" {
            command.arg("--map-root-user");
        }
        command.args(["--mount", "sh", "-c", &serve]);
        let mut server = Server::start(&mut command, &root.join("log"));
        if !server
            .is_ready_within(Duration::from_secs(30), || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())
        {
            let said = std::fs::read_to_string(root.join("log")).unwrap_or_default();
            return Err(format!("on port {port}:\n{said}\n"));
        }
        Ok(Self { _server: server, folder, port })
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder in which sessions begin.
    #[must_use]
    pub fn inbox(&self) -> PathBuf {
        self.folder.path().join("inbox")
    }

    /// The public host key, as `type base64`.
    ///
    /// # Panics
    /// When dropbearkey printed none.
    #[must_use]
    pub fn host_key(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("host.txt")).expect("read the host key");
        let line = text.lines().find(|line| line.starts_with("ssh-ed25519 ")).expect("a public key");
        line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// A private key that the server accepts.
    #[must_use]
    pub fn client_key(&self) -> PathBuf {
        self.folder.path().join("client")
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

fn id(argument: &str) -> String {
    let output = Command::new("id").arg(argument).output().expect("run id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
