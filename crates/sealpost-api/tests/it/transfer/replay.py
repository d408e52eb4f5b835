"""A recorded request. Changes are taken again for seconds, as a client repeats them; then no more. Reading is harmless."""

import time

from caller import ROLE, SECRET, client, done, is_refused, send, signed

NEW = {"Url": "sftp://host", "AccessRole": ROLE, "SftpConfig": {"UserSecretId": SECRET}}
caller = client()


def count():
    return len(caller.list_connectors()["Connectors"])


change, read = signed("CreateConnector", NEW), signed("ListConnectors", {})
# Signed by a clock that is some minutes late: that alone is fine.
late = signed("CreateConnector", NEW, minutes=-5)
assert [send(one)[0] for one in [change, change, read, late]] == [200] * 4
assert count() == 3
time.sleep(7)
is_refused(send(change), 400, "RequestExpired", "was received before")
is_refused(send(late), 400, "RequestExpired", "was received before")
assert send(read)[0] == 200
assert count() == 3
assert send(signed("CreateConnector", NEW))[0] == 200
done()
