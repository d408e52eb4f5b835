//! OpenSSH's sshd with its own configuration, host keys and port.
