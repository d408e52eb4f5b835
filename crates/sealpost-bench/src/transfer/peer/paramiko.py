"""Transfers files by paramiko: put|get PORT USER KEY SOURCE TARGET NAME..."""

import sys

import paramiko

verb, port, user, key, source, target, *names = sys.argv[1:]
transport = paramiko.Transport(("127.0.0.1", int(port)), default_window_size=1 << 27)
options = transport.get_security_options()
fast = [name for name in options.ciphers if name == "aes128-gcm@openssh.com"]
if fast:
    options.ciphers = fast
transport.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(key))
sftp = paramiko.SFTPClient.from_transport(transport)
for name in names:
    ends = f"{source}/{name}", f"{target}/{name}"
    if verb == "put":
        sftp.put(*ends)
    else:
        # Without a limit it asks for the whole file at once, and searches that list for every answer.
        sftp.get(*ends, max_concurrent_prefetch_requests=256)
transport.close()
