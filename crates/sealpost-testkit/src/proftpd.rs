//! proftpd with mod_sftp: an SFTP server without OpenSSH's extensions.
