"""Signatures, keys, clocks and roles."""

import json

from caller import ROLE, SECRET, WORLD, client, connector, done, is_refused, raw, refused, send, signed

admin, operator, reader = client("admin"), client("operator"), client("reader")
c = connector(admin)
NEW = {"Url": "sftp://host", "AccessRole": ROLE, "SftpConfig": {"UserSecretId": SECRET}}
KEY, KEYS_SECRET = WORLD["keys"]["admin"]
MISMATCH = "The request signature we calculated does not match"


def count():
    return len(reader.list_connectors()["Connectors"])


# No key of ours, and none that works any more: the same words for each.
for key, secret in [("SPAKAAAAAAAAAAAAAAAA", KEYS_SECRET), ("AKIAIOSFODNN7EXAMPLE", "x"), ("x", "y"), *WORLD["old_keys"]]:
    answer = raw("CreateConnector", NEW, key=key, secret=secret)
    is_refused(answer, 403, "InvalidClientTokenId", "The security token included in the request is invalid.")

# Another secret, another role's secret, and everything that was changed after it was signed.
for secret in ["x" * 40, WORLD["keys"]["reader"][1], KEYS_SECRET[:-1]]:
    is_refused(raw("CreateConnector", NEW, secret=secret), 403, "InvalidSignatureException", MISMATCH)


def changed(**how):
    request = signed("CreateConnector", NEW)
    request["headers"].update(how.pop("headers", {}))
    request.update(how)
    return send(request)


is_refused(changed(body=json.dumps({**NEW, "Url": "sftp://elsewhere"}).encode()), 403, "InvalidSignatureException", MISMATCH)
is_refused(changed(headers={"X-Amz-Target": "TransferService.DeleteConnector"}), 403, "InvalidSignatureException", MISMATCH)
is_refused(changed(headers={"Host": "elsewhere.example"}), 403, "InvalidSignatureException", MISMATCH)
date = signed("ListConnectors", {}, minutes=1)["headers"]["X-Amz-Date"]
is_refused(changed(headers={"X-Amz-Date": date}), 403, "InvalidSignatureException", MISMATCH)
is_refused(changed(headers={"X-Amz-Security-Token": "token"}), 403, "InvalidClientTokenId")
request = signed("CreateConnector", NEW)
digit = "0" if request["headers"]["Authorization"][-1] != "0" else "1"
request["headers"]["Authorization"] = request["headers"]["Authorization"][:-1] + digit
is_refused(send(request), 403, "InvalidSignatureException", MISMATCH)

# For somewhere else.
answer = raw("CreateConnector", NEW, region="eu-west-1")
is_refused(answer, 403, "InvalidSignatureException", "valid region: it is 'eu-west-1', expected 'us-east-1'")
is_refused(raw("CreateConnector", NEW, service="s3"), 403, "InvalidSignatureException", "correct service: 'transfer'")

# By a clock that is wrong.
is_refused(raw("CreateConnector", NEW, minutes=-16), 400, "RequestExpired", "Signature expired")
is_refused(raw("CreateConnector", NEW, minutes=16), 400, "RequestExpired", "Signature not yet current")
assert count() == 1, "nothing of all that did anything"
for minutes in [-14, 14]:
    assert raw("ListConnectors", {}, minutes=minutes)[0] == 200

# Without a signature, and with half of one.
request = signed("CreateConnector", NEW)
authorization = request["headers"].pop("Authorization")
is_refused(send(request), 403, "MissingAuthenticationToken")
for wrong, error in [
    ("Bearer token", "MissingAuthenticationToken"),
    (authorization.replace("SignedHeaders=", "Headers="), "IncompleteSignature"),
    (authorization.split(", Signature")[0], "IncompleteSignature"),
    (authorization.replace("host;", ""), "IncompleteSignature"),
    (authorization.replace(";x-amz-target", ""), "IncompleteSignature"),
]:
    status = 403 if error.startswith("Missing") else 400
    is_refused(send({**request, "headers": {**request["headers"], "Authorization": wrong}}), status, error)
assert count() == 1

# Headers of ours count only when they are signed.
request = signed("StartRemoteDelete", {"ConnectorId": c, "DeletePath": "/a"})
request["headers"]["x-sealpost-metadata"] = "{}"
is_refused(send(request), 400, "InvalidRequestException", "has to be signed")
for headers, text in [
    ({"x-sealpost-metadata": "{"}, "JSON object"),
    ({"x-sealpost-metadata": '{"a": 1}'}, "JSON object"),
    ({"x-sealpost-metadata": json.dumps({"a": "x" * 2048})}, "2,048 bytes"),
    ({"x-sealpost-idempotency-token": "a b"}, "visible ASCII"),
    ({"x-sealpost-idempotency-token": "a" * 65}, "visible ASCII"),
]:
    answer = raw("StartRemoteDelete", {"ConnectorId": c, "DeletePath": "/a"}, headers=headers)
    is_refused(answer, 400, "InvalidRequestException", text)

# Roles.
user = "User: arn:aws:iam::000000000000:user/" + WORLD["keys"]["reader"][0]
text = user + " is not authorized to perform: transfer:StartFileTransfer because the role of its access key is `reader`; `operator` is needed"
arn = "arn:aws:transfer:us-east-1:000000000000:connector/" + c
start = {"ConnectorId": c, "SendFilePaths": ["/sealpost/a"]}
refused("AccessDeniedException", text, reader.start_file_transfer, **start)
operators = [
    ("start_directory_listing", {"ConnectorId": c, "RemoteDirectoryPath": "/", "OutputDirectoryPath": "/b"}),
    ("start_remote_delete", {"ConnectorId": c, "DeletePath": "/a"}),
    ("start_remote_move", {"ConnectorId": c, "SourcePath": "/a", "TargetPath": "/b"}),
    ("test_connection", {"ConnectorId": c}),
]
admins = [
    ("create_connector", NEW),
    ("update_connector", {"ConnectorId": c}),
    ("delete_connector", {"ConnectorId": c}),
    ("tag_resource", {"Arn": arn, "Tags": [{"Key": "a", "Value": "b"}]}),
    ("untag_resource", {"Arn": arn, "TagKeys": ["a"]}),
]
for name, arguments in operators + admins:
    refused("AccessDeniedException", "is not authorized to perform", getattr(reader, name), **arguments)
for name, arguments in admins:
    refused("AccessDeniedException", "`admin` is needed", getattr(operator, name), **arguments)
for name, arguments in [
    ("describe_connector", {"ConnectorId": c}),
    ("list_connectors", {}),
    ("list_security_policies", {}),
    ("describe_security_policy", {"SecurityPolicyName": "TransferSFTPConnectorSecurityPolicy-2024-03"}),
    ("list_tags_for_resource", {"Arn": arn}),
]:
    assert getattr(reader, name)(**arguments)["ResponseMetadata"]["HTTPStatusCode"] == 200, name
assert operator.test_connection(ConnectorId=c)["Status"] == "OK"
assert count() == 1
done()
