"""What a team writes first: rows into a data frame, a file, gpg, the partner's SFTP server. Settings come as JSON on stdin."""
import json
import os
import sys

import gnupg
import pandas
import paramiko
from sqlalchemy import create_engine, text

told = json.load(sys.stdin)


def frame():
    engine = create_engine(told["database"])
    with engine.connect() as connection:
        return pandas.read_sql(text(told["query"]), connection)


def write(rows, kind, name):
    if kind == "csv":
        rows.to_csv(name, index=False)
    elif kind == "xlsx":
        rows.to_excel(name, index=False, engine="xlsxwriter")
    elif kind == "parquet":
        rows.to_parquet(name, index=False, compression="zstd")


def seal(name):
    sealed = name + ".pgp"
    with open(name, "rb") as plain:
        done = gnupg.GPG(gnupghome=told["gnupghome"]).encrypt_file(
            plain, [told["recipient"]], output=sealed, always_trust=True, armor=False,
            extra_args=["--compress-algo", "none"])
    assert done.ok, done.stderr
    return sealed


def send(name):
    transport = paramiko.Transport((told["host"], told["port"]))
    transport.connect(username=told["user"], pkey=paramiko.Ed25519Key.from_private_key_file(told["key"]))
    sftp = paramiko.SFTPClient.from_transport(transport)
    sftp.put(name, told["remote"])
    transport.close()


write(frame(), told["kind"], told["file"])
if told.get("remote"):
    sealed = seal(told["file"])
    send(sealed)
    os.remove(sealed)
os.remove(told["file"])
