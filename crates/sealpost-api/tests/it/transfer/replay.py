"""A recorded request. Changes are taken again for seconds, as a client repeats them; then no more. Reading is harmless."""

import time

from caller import ROLE, SECRET, client, done, is_refused, send, signed

NEW = {"Url": "sftp://host", "AccessRole": ROLE, "SftpConfig": {"UserSecretId": SECRET}}
caller = client()


def count():
    return len(caller.list_connectors()["Connectors"])


change, read = signed("CreateConnector", NEW), signed("ListConnectors", {})
# Signed by a clock that is some minutes fast: that alone is fine.
fast = signed("CreateConnector", NEW, minutes=5)
assert [send(one)[0] for one in [change, change, read, fast]] == [200] * 4
assert count() == 3
# Signed before the service started, or by a clock that is as late: it may have been used then. Reading is harmless.
is_refused(send(signed("CreateConnector", NEW, minutes=-5)), 400, "RequestExpired", "before this service started")
assert send(signed("ListConnectors", {}, minutes=-5))[0] == 200
time.sleep(7)
is_refused(send(change), 400, "RequestExpired", "was received before")
is_refused(send(fast), 400, "RequestExpired", "was received before")
assert send(read)[0] == 200
assert count() == 3
assert send(signed("CreateConnector", NEW))[0] == 200
# A clock that is late by less than the time since the start is fine.
assert send(signed("CreateConnector", NEW, minutes=-0.1))[0] == 200
done()
