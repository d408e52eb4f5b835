"""StartFileTransfer with SendFilePaths, and its results."""

import re
import time

from caller import WORLD, client, connector, done, follow, raw, refused

admin, operator, reader = client("admin"), client("operator"), client("reader")
c = connector(admin, SftpConfig={"MaxConcurrentConnections": 3}, Tags=[{"Key": "sealpost:max-attempts", "Value": "2"}])
names = [f"/sealpost/outbox/file-{n}.bin" for n in range(4)]
remote = WORLD["inbox"] + "/in"

transfer = operator.start_file_transfer(ConnectorId=c, SendFilePaths=names, RemoteDirectoryPath=remote)["TransferId"]
assert re.fullmatch("[0-9a-f-]{36}", transfer)
answer = follow(reader, c, transfer)
assert answer["FileTransferResults"] == [{"FilePath": name, "StatusCode": "COMPLETED"} for name in names], answer
assert "NextToken" not in answer

# What stock clients ignore is in the answer all the same.
status, _, body = raw("ListFileTransferResults", {"ConnectorId": c, "TransferId": transfer}, role="reader")
assert status == 200 and (body["Open"], body["Operation"], body["Metadata"]) == (0, "SEND", {}), body
assert body["TotalBytes"] == body["BytesTransferred"] == sum(WORLD["sizes"]) and body["BytesPerSecond"] > 0, body
for number, one in enumerate(body["FileTransferResults"]):
    assert (one["Bytes"], one["Size"]) == (WORLD["sizes"][number],) * 2, one
    assert one.get("Sha256", WORLD["digests"][number]) == WORLD["digests"][number], one
    assert one["RemotePath"] == f"{remote}/file-{number}.bin" and one["Attempts"] == 1, one
    assert one["StartTimestamp"] <= one["EndTimestamp"] <= time.time() + 1, one

# In pages, bound to the transfer.
pages = list(reader.get_paginator("list_file_transfer_results").paginate(ConnectorId=c, TransferId=transfer, PaginationConfig={"PageSize": 3}))
assert [[one["FilePath"] for one in page["FileTransferResults"]] for page in pages] == [names[:3], names[3:]]
token = reader.list_file_transfer_results(ConnectorId=c, TransferId=transfer, MaxResults=2)["NextToken"]

# To the login's own directory, without the slash in front, and again: a file of the name is replaced.
for _ in range(2):
    transfer = operator.start_file_transfer(ConnectorId=c, SendFilePaths=["sealpost/outbox/file-1.bin"])["TransferId"]
    [one] = follow(reader, c, transfer)["FileTransferResults"]
    assert one == {"FilePath": "/sealpost/outbox/file-1.bin", "StatusCode": "COMPLETED"}, one
refused("InvalidNextTokenException", "", reader.list_file_transfer_results, ConnectorId=c, TransferId=transfer, NextToken=token)
admin.tag_resource(Arn="arn:aws:transfer:us-east-1:000000000000:connector/" + c, Tags=[{"Key": "sealpost:existing-file", "Value": "fail"}])
transfer = operator.start_file_transfer(ConnectorId=c, SendFilePaths=names[1:2])["TransferId"]
[one] = follow(reader, c, transfer)["FileTransferResults"]
assert (one["StatusCode"], one["FailureCode"]) == ("FAILED", "WRITE_FILE_ERROR") and "SP-DELIVER-010" in one["FailureMessage"], one


# What fails says why, in the service's codes and in our words; each file for itself.
def outcome(paths, directory=None, **changes):
    changes = {"Tags": [{"Key": "sealpost:max-attempts", "Value": "1"}], **changes}
    made = connector(admin, **changes)
    more = {"RemoteDirectoryPath": directory} if directory else {}
    transfer = operator.start_file_transfer(ConnectorId=made, SendFilePaths=paths, **more)["TransferId"]
    results = follow(reader, made, transfer)["FileTransferResults"]
    admin.delete_connector(ConnectorId=made)
    assert follow(reader, made, transfer)["FileTransferResults"] == results, "results outlive their connector"
    return [(one["StatusCode"], one.get("FailureCode")) for one in results]


ok = ("COMPLETED", None)
assert outcome(["/sealpost/outbox/nothing.bin", names[2]], remote) == [("FAILED", "SEND_FILE_NOT_FOUND"), ok]
assert outcome(["/elsewhere/file.bin"], remote) == [("FAILED", "SEND_FILE_NOT_FOUND")]
assert outcome(names[:1], WORLD["inbox"] + "/nowhere") == [("FAILED", "DIRECTORY_NOT_FOUND")]
assert outcome(names[:1], Url="sftp://127.0.0.1:1") == [("FAILED", "CONNECTION_ERROR")]
assert outcome(names[:1], SftpConfig={"TrustedHostKeys": []}) == [("FAILED", "CONNECTION_ERROR")]
assert outcome(names[:1], SftpConfig={"UserSecretId": "file:secrets/stranger"}) == [("FAILED", "CONNECTION_ERROR")]
assert outcome(names[:1], SftpConfig={"UserSecretId": "file:secrets/nowhere"}) == [("FAILED", "CONNECTION_ERROR")]
gone = refused("ResourceNotFoundException", "Unknown transfer", reader.list_file_transfer_results, ConnectorId=connector(admin), TransferId=transfer)
assert (gone["Resource"], gone["ResourceType"]) == (transfer, "Transfer"), gone
done()
