"""More files than the service of AWS takes, and no more waiting than configured."""

from caller import client, connector, done, refused

admin = client()
# Nothing ever gets through there, so everything waits.
c = connector(admin, Url="sftp://192.0.2.1")
paths = [f"/sealpost/{n}" for n in range(26)]
refused("InvalidRequestException", "less than or equal to 25", admin.start_file_transfer, ConnectorId=c, SendFilePaths=paths)
transfer = admin.start_file_transfer(ConnectorId=c, SendFilePaths=paths[:25])["TransferId"]
answer = admin.list_file_transfer_results(ConnectorId=c, TransferId=transfer)
assert len(answer["FileTransferResults"]) == 25
assert {one["StatusCode"] for one in answer["FileTransferResults"]} <= {"QUEUED", "IN_PROGRESS", "FAILED"}
answer = refused("ThrottlingException", "SP-REQUEST-013", admin.start_file_transfer, ConnectorId=c, SendFilePaths=paths[:10])
assert int(answer["RetryAfterSeconds"]) >= 1
done()
