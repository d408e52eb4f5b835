"""Starts transfers against a server that is killed again and again, as a patient caller does: every start is repeated
under its idempotency token until there is an answer. Then waits until all of them have ended.

Arguments: endpoint, access key, secret, connector, bucket, remote directory, number of files, files per transfer."""

import json
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

endpoint, key, secret, connector, bucket, remote, files, per_transfer = sys.argv[1:9]
files, per_transfer = int(files), int(per_transfer)
client = boto3.client(
    "transfer",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id=key,
    aws_secret_access_key=secret,
    config=Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=10),
)
token = None


def with_token(request, **_):
    if token:
        request.headers["x-sealpost-idempotency-token"] = token


client.meta.events.register("before-sign.transfer.StartFileTransfer", with_token)


def patiently(call, **arguments):
    """The answer, whatever it takes; a refusal of the service is an error at once, unless it is about load."""
    deadline = time.monotonic() + 240
    while True:
        try:
            return call(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("ThrottlingException", "InternalServiceError", "ServiceUnavailableException"):
                raise
        except BotoCoreError:
            pass
        if time.monotonic() > deadline:
            sys.exit("the service did not come back")
        time.sleep(0.05)


transfers = []
for first in range(0, files, per_transfer):
    token = f"batch-{first}"
    names = [f"/{bucket}/outbox/file-{number}.bin" for number in range(first, min(first + per_transfer, files))]
    answer = patiently(client.start_file_transfer, ConnectorId=connector, SendFilePaths=names, RemoteDirectoryPath=remote)
    transfers.append(answer["TransferId"])
    # The same token gives the same transfer, kills or not.
    if first % (per_transfer * 10) == 0:
        again = patiently(client.start_file_transfer, ConnectorId=connector, SendFilePaths=names, RemoteDirectoryPath=remote)
        assert again["TransferId"] == answer["TransferId"], token
token = None
print(json.dumps({"started": len(transfers)}), flush=True)

results = {}
deadline = time.monotonic() + 400
for transfer in transfers:
    while True:
        page = patiently(client.list_file_transfer_results, ConnectorId=connector, TransferId=transfer)
        found = page["FileTransferResults"]
        if all(result["StatusCode"] in ("COMPLETED", "FAILED") for result in found):
            break
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    for result in found:
        results[result["FilePath"]] = {
            "status": result["StatusCode"],
            "message": result.get("FailureMessage"),
        }
print(json.dumps(results))
