"""Signed requests that no client sends: types, lengths, patterns, numbers, and what is not offered."""

import gzip
import http.client
import json
import pathlib
import re

import botocore
from caller import ROLE, SECRET, WORLD, client, connector, done, is_refused, raw, send, signed

caller = client()
c = connector(caller)
SFTP = {"UserSecretId": SECRET}
NEW = {"Url": "sftp://host", "AccessRole": ROLE, "SftpConfig": SFTP}
PATHS = ["/sealpost/a.txt"]
INVALID, SERIALIZATION = "InvalidRequestException", "SerializationException"

for operation, body, error, text in [
    # StartFileTransfer: botocore lets all of these through.
    ("StartFileTransfer", {}, INVALID, "'connectorId' failed to satisfy constraint: Member must not be null"),
    ("StartFileTransfer", {"ConnectorId": None}, INVALID, "Member must not be null"),
    ("StartFileTransfer", {"ConnectorId": ""}, INVALID, "length greater than or equal to 19"),
    ("StartFileTransfer", {"ConnectorId": "zz0123456789abcdef0", "SendFilePaths": PATHS}, INVALID, "pattern: c-([0-9a-f]{17})"),
    ("StartFileTransfer", {"ConnectorId": 7, "SendFilePaths": PATHS}, SERIALIZATION, "expected a string"),
    ("StartFileTransfer", {"ConnectorId": c}, INVALID, "Exactly one of"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": None}, INVALID, "Exactly one of"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": PATHS, "RetrieveFilePaths": ["/a"]}, INVALID, "Exactly one of"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": []}, INVALID, "'sendFilePaths' failed to satisfy constraint: Member must have length greater than or equal to 1"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": [f"/b/{n}" for n in range(11)]}, INVALID, "'sendFilePaths' failed to satisfy constraint: Member must have length less than or equal to 10"),
    ("StartFileTransfer", {"ConnectorId": c, "RetrieveFilePaths": [f"/{n}" for n in range(11)], "LocalDirectoryPath": "/b"}, INVALID, "'retrieveFilePaths'"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": ["/b/a", ""]}, INVALID, "'sendFilePaths.2.member'"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": ["/b/" + "a" * 1022]}, INVALID, "less than or equal to 1024"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": "/b/a"}, SERIALIZATION, "expected a list"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": [1]}, SERIALIZATION, "sendFilePaths.1.member: expected a string"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": ["/b"]}, INVALID, "expected a file"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": ["/b/folder/"]}, INVALID, "expected a file"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": ["/b/../../etc/passwd"]}, INVALID, "SendFilePaths.1"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": ["/b/a\nb"]}, INVALID, "SendFilePaths.1"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": ["/b/x/a", "/b/y/a"]}, INVALID, "same file name"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": PATHS, "RemoteDirectoryPath": ""}, INVALID, "'remoteDirectoryPath'"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": PATHS, "RemoteDirectoryPath": "/a\nb"}, INVALID, "pattern: (.)+"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": PATHS, "LocalDirectoryPath": "/b"}, INVALID, "belongs to RetrieveFilePaths"),
    ("StartFileTransfer", {"ConnectorId": c, "RetrieveFilePaths": ["/a"]}, INVALID, "LocalDirectoryPath is needed"),
    ("StartFileTransfer", {"ConnectorId": c, "RetrieveFilePaths": ["/a"], "LocalDirectoryPath": "/../x"}, INVALID, "LocalDirectoryPath"),
    ("StartFileTransfer", {"ConnectorId": c, "RetrieveFilePaths": ["/a"], "LocalDirectoryPath": "/b", "RemoteDirectoryPath": "/r"}, INVALID, "belongs to SendFilePaths"),
    ("StartFileTransfer", {"ConnectorId": c, "RetrieveFilePaths": ["/folder/"], "LocalDirectoryPath": "/b"}, INVALID, "path of a file"),
    ("StartFileTransfer", {"ConnectorId": c, "RetrieveFilePaths": ["/x/.."], "LocalDirectoryPath": "/b"}, INVALID, "path of a file"),
    ("StartFileTransfer", {"ConnectorId": c, "RetrieveFilePaths": ["/a\0"], "LocalDirectoryPath": "/b"}, INVALID, "pattern"),
    ("StartFileTransfer", {"ConnectorId": c, "RetrieveFilePaths": ["/x/a", "/y/a"], "LocalDirectoryPath": "/b"}, INVALID, "same file name"),
    ("StartFileTransfer", {"ConnectorId": c, "SendFilePaths": PATHS, "CustomHttpHeaders": []}, INVALID, "AS2"),
    # The remote operations.
    ("StartDirectoryListing", {"ConnectorId": c, "RemoteDirectoryPath": "/"}, INVALID, "'outputDirectoryPath'"),
    ("StartDirectoryListing", {"ConnectorId": c, "OutputDirectoryPath": "/b"}, INVALID, "'remoteDirectoryPath'"),
    ("StartDirectoryListing", {"ConnectorId": c, "RemoteDirectoryPath": "/", "OutputDirectoryPath": "/b" + "/abcdefghi" * 97}, INVALID, "leaves no room for the file's name"),
    ("StartDirectoryListing", {"ConnectorId": c, "RemoteDirectoryPath": "/", "OutputDirectoryPath": "/b", "MaxItems": 0}, INVALID, "'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"),
    ("StartDirectoryListing", {"ConnectorId": c, "RemoteDirectoryPath": "/", "OutputDirectoryPath": "/b", "MaxItems": 200_001}, INVALID, "less than or equal to 200000"),
    ("StartDirectoryListing", {"ConnectorId": c, "RemoteDirectoryPath": "/", "OutputDirectoryPath": "/b", "MaxItems": 2**40}, INVALID, "less than or equal to 200000"),
    ("StartDirectoryListing", {"ConnectorId": c, "RemoteDirectoryPath": "/", "OutputDirectoryPath": "/b", "MaxItems": "5"}, SERIALIZATION, "expected an integer"),
    ("StartDirectoryListing", {"ConnectorId": c, "RemoteDirectoryPath": "/", "OutputDirectoryPath": "/b", "MaxItems": 1.5}, SERIALIZATION, "expected an integer"),
    ("StartRemoteDelete", {"ConnectorId": c}, INVALID, "'deletePath'"),
    ("StartRemoteDelete", {"ConnectorId": c, "DeletePath": "relative"}, INVALID, "absolute"),
    ("StartRemoteDelete", {"ConnectorId": c, "DeletePath": "/"}, INVALID, "absolute"),
    ("StartRemoteDelete", {"ConnectorId": c, "DeletePath": "/../."}, INVALID, "absolute"),
    ("StartRemoteMove", {"ConnectorId": c, "SourcePath": "/a"}, INVALID, "'targetPath'"),
    ("StartRemoteMove", {"ConnectorId": c, "SourcePath": "/a", "TargetPath": "b"}, INVALID, "TargetPath: expected an absolute path"),
    ("StartRemoteMove", {"ConnectorId": c, "SourcePath": "/a", "TargetPath": "/a"}, INVALID, "are the same"),
    # Results.
    ("ListFileTransferResults", {"ConnectorId": c}, INVALID, "'transferId'"),
    ("ListFileTransferResults", {"ConnectorId": c, "TransferId": "a b"}, INVALID, "pattern: [0-9a-zA-Z./-]+"),
    ("ListFileTransferResults", {"ConnectorId": c, "TransferId": "a" * 513}, INVALID, "less than or equal to 512"),
    ("ListFileTransferResults", {"ConnectorId": c, "TransferId": "a", "MaxResults": 0}, INVALID, "'maxResults'"),
    ("ListFileTransferResults", {"ConnectorId": c, "TransferId": "a", "NextToken": ""}, INVALID, "'nextToken'"),
    ("ListFileTransferResults", {"ConnectorId": c, "TransferId": "a", "NextToken": "x" * 6145}, INVALID, "'nextToken'"),
    ("ListFileTransferResults", {"ConnectorId": c, "TransferId": "a", "NextToken": "x"}, "InvalidNextTokenException", ""),
    ("ListFileTransferResults", {"ConnectorId": c, "TransferId": "no-such-transfer"}, "ResourceNotFoundException", "Unknown transfer"),
    ("ListFileTransferResults", {"ConnectorId": "c-0123456789abcdef0", "TransferId": "a"}, "ResourceNotFoundException", "Unknown connector"),
    ("StartFileTransfer", {"ConnectorId": "c-0123456789abcdef0", "SendFilePaths": PATHS}, "ResourceNotFoundException", "Unknown connector"),
    # Connectors.
    ("CreateConnector", {**NEW, "AccessRole": None}, INVALID, "'accessRole' failed to satisfy constraint: Member must not be null"),
    ("CreateConnector", {**NEW, "Url": 5}, SERIALIZATION, "url: expected a string"),
    ("CreateConnector", {**NEW, "SftpConfig": "x"}, SERIALIZATION, "sftpConfig: expected an object"),
    ("CreateConnector", {**NEW, "SftpConfig": {**SFTP, "MaxConcurrentConnections": 0}}, INVALID, "greater than or equal to 1"),
    ("CreateConnector", {**NEW, "SftpConfig": {**SFTP, "MaxConcurrentConnections": True}}, SERIALIZATION, "maxConcurrentConnections"),
    ("CreateConnector", {**NEW, "SftpConfig": {**SFTP, "TrustedHostKeys": [""]}}, INVALID, "'sftpConfig.trustedHostKeys.1.member'"),
    ("CreateConnector", {**NEW, "SftpConfig": {**SFTP, "OrderedUserSecretVersionStages": []}}, INVALID, "orderedUserSecretVersionStages"),
    ("CreateConnector", {**NEW, "SftpConfig": {"UserSecretId": ""}}, INVALID, "'sftpConfig.userSecretId'"),
    ("CreateConnector", {**NEW, "Tags": []}, INVALID, "'tags'"),
    ("CreateConnector", {**NEW, "Tags": [{"Key": "a"}]}, INVALID, "'tags.1.member.value'"),
    ("CreateConnector", {**NEW, "Tags": [{"Key": "", "Value": "b"}]}, INVALID, "'tags.1.member.key'"),
    ("CreateConnector", {**NEW, "Tags": ["a"]}, SERIALIZATION, "tags.1.member: expected an object"),
    ("CreateConnector", {**NEW, "SecurityPolicyName": ""}, "ResourceNotFoundException", ""),
    ("ListConnectors", {"MaxResults": -1}, INVALID, "greater than or equal to 1"),
    ("TagResource", {"Arn": "arn:aws:transfer:us-east-1:000000000000:connector/" + c}, INVALID, "'tags'"),
    ("TagResource", {"Arn": "arn:" + "a" * 1600, "Tags": [{"Key": "a", "Value": "b"}]}, INVALID, "'arn'"),
    ("UntagResource", {"Arn": "arn:aws:transfer:us-east-1:000000000000:connector/" + c}, INVALID, "'tagKeys'"),
    ("DescribeSecurityPolicy", {}, INVALID, "'securityPolicyName'"),
    ("DescribeSecurityPolicy", {"SecurityPolicyName": "T" * 101}, INVALID, "length less than or equal to 100"),
    # No JSON, and no object.
    ("ListConnectors", b"{", SERIALIZATION, "not JSON"),
    ("ListConnectors", b"[]", SERIALIZATION, "not a JSON object"),
    ("ListConnectors", b"\xff\xfe", SERIALIZATION, "not JSON"),
    ("ListConnectors", b"[" * 5000, SERIALIZATION, "not JSON"),
    ("describeconnector", {}, "UnknownOperationException", ""),
    ("Nonsense", {}, "UnknownOperationException", ""),
    ("", {}, "UnknownOperationException", ""),
]:
    is_refused(raw(operation, body), 400, error, text)
assert caller.list_connectors()["Connectors"][0]["ConnectorId"] == c and len(caller.list_connectors()["Connectors"]) == 1

# A secret in the wrong place is not repeated.
said = raw("CreateConnector", {**NEW, "SftpConfig": {"UserSecretId": "hunter2" * 400}})
assert said[0] == 400 and "hunter2" not in json.dumps(said[2]), said

# Members that the model does not have are ignored; an empty body has none; timestamps, ids and counts have their types.
assert raw("ListConnectors", {"Nonsense": {"a": [1]}, "MaxResults": 5})[0] == 200
assert raw("ListConnectors", b"")[0] == 200
status, headers, body = raw("TagResource", {"Arn": "arn:aws:transfer:us-east-1:000000000000:connector/" + c, "Tags": [{"Key": "a", "Value": "b"}]})
assert (status, body) == (200, None), "an empty body"

# The rest of the model is known by name and answered in words.
model = pathlib.Path(botocore.__file__).parent / "data/transfer/2018-11-05/service-2.json.gz"
names = json.loads(gzip.open(model).read())["operations"].keys()
source = pathlib.Path(__file__).parents[3] / "src/transfer/operations.rs"
offered = set(re.findall(r'^ {4}"(\w+)" +(?:Admin|Operator|Reader) ', source.read_text(), re.M))
assert len(names) == 71 and len(offered) == 16, (len(names), offered)
for name in names:
    if name not in offered:
        is_refused(raw(name, {}), 400, INVALID, f"{name} is not offered")

# Other types of content, paths and methods.
is_refused(raw("ListConnectors", {}, headers={"Content-Type": "application/json"}), 400, "UnknownOperationException", "Content-Type")
assert raw("ListConnectors", {}, headers={"Content-Type": "application/x-amz-json-1.1; charset=utf-8"})[0] == 200
is_refused(raw("ListConnectors", {}, headers={"X-Amz-Target": "ListConnectors"}), 400, "UnknownOperationException", "X-Amz-Target")
for method, path, status in [("GET", "/", 405), ("PUT", "/", 405), ("POST", "/elsewhere", 404), ("GET", "/ping", 404)]:
    is_refused(send({**signed("ListConnectors", {}), "method": method, "path": path}), status, "UnknownOperationException")

# Too large, and never complete.
is_refused(raw("ListConnectors", b" " * (1024 * 1024 + 1)), 413, "RequestEntityTooLarge")
assert raw("ListConnectors", b" " * 1000 + b"{}")[0] == 200
done()
