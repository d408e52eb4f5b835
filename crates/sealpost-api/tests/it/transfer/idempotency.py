"""The headers that stock clients can add: an idempotency token, and metadata that comes back."""

import json

from caller import client, connector, done, follow, raw, refused, with_headers

headers = {}
admin = client("admin")
operator = with_headers(client("operator"), lambda: headers)
c, other = connector(admin), connector(admin)


def start(connector_id=c, path="/sealpost/a.txt"):
    return operator.start_file_transfer(ConnectorId=connector_id, SendFilePaths=[path])["TransferId"]


assert start() != start(), "without a token each call is a transfer"
headers["x-sealpost-idempotency-token"] = "order-4711"
first = start()
assert start() == first == start()
refused("ConflictException", "SP-REQUEST-014", start, path="/sealpost/b.txt")
refused("ConflictException", "SP-REQUEST-014", start, connector_id=other)
refused("ConflictException", "", operator.start_remote_delete, ConnectorId=c, DeletePath="/a")
headers["x-sealpost-metadata"] = json.dumps({"batch": "7"})
refused("ConflictException", "", start)
headers["x-sealpost-idempotency-token"] = "order-4712"
words = {"batch": "7", "Kunde": "Müller & Söhne", "quoted": 'a "b" c'}
headers["x-sealpost-metadata"] = json.dumps(words)
second = start()
assert second == start() and second != first
# A repetition of what was started is answered even after its connector is gone.
admin.delete_connector(ConnectorId=other)
headers["x-sealpost-idempotency-token"] = "order-4713"
refused("ResourceNotFoundException", "", start, connector_id=other)
gone = connector(admin)
third = start(connector_id=gone)
admin.delete_connector(ConnectorId=gone)
assert third == start(connector_id=gone)
headers["x-sealpost-idempotency-token"] = "!" * 64
assert start() not in (first, second)
follow(admin, c, second)
_, _, body = raw("ListFileTransferResults", {"ConnectorId": c, "TransferId": second})
assert body["Metadata"] == words, body
# Of reading calls nothing is kept.
assert operator.list_connectors()["Connectors"]
done()
