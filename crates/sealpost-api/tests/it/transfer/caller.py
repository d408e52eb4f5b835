"""What the scripts of these tests share: clients, requests that no client would send, and what is expected of them."""

import datetime
import http.client
import json
import os
import time

import boto3
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

WORLD = json.loads(os.environ["SEALPOST_WORLD"])
REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/transfer"
SECRET = "file:secrets/sftp"


def client(role="admin", **config):
    key, secret = WORLD["keys"][role]
    config = {"retries": {"total_max_attempts": 1}, **config}
    return boto3.client(
        "transfer",
        endpoint_url=WORLD["url"],
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(**config),
    )


def with_headers(caller, headers):
    """The same client; every request carries these as well, signed."""
    caller.meta.events.register(
        "before-sign.transfer.*", lambda request, **_: [request.headers.add_header(*one) for one in headers().items()]
    )
    return caller


def refused(error, text, call, **arguments):
    """The call must be refused by this error, in words that contain the text. Gives the error's members."""
    try:
        answer = call(**arguments)
    except ClientError as refusal:
        said = refusal.response["Error"]
        assert said["Code"] == error and text in said["Message"], (error, text, refusal.response)
        return refusal.response
    raise AssertionError((error, text, answer))


def connector(caller, **changes):
    """A new connector to the server of the tests."""
    sftp = {"UserSecretId": SECRET, "TrustedHostKeys": WORLD["host_keys"], **changes.pop("SftpConfig", {})}
    wanted = {"Url": WORLD["server"], "AccessRole": ROLE, "SftpConfig": sftp, **changes}
    return caller.create_connector(**wanted)["ConnectorId"]


def follow(caller, connector_id, transfer, patience=90):
    """Waits until every file has ended, and gives the last answer."""
    deadline = time.monotonic() + patience
    while True:
        answer = caller.list_file_transfer_results(ConnectorId=connector_id, TransferId=transfer)
        if all(one["StatusCode"] in ("COMPLETED", "FAILED") for one in answer["FileTransferResults"]):
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)


def signed(operation, body, key=None, secret=None, role="admin", region=REGION, service="transfer", minutes=0, headers=()):
    """A signed request, as botocore signs it, for operations and bodies that no client sends. The body is JSON or bytes."""
    usual = WORLD["keys"][role]
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = AWSRequest(method="POST", url=WORLD["url"] + "/", data=data)
    request.headers["Content-Type"] = "application/x-amz-json-1.1"
    request.headers["X-Amz-Target"] = f"TransferService.{operation}"
    for name, value in dict(headers).items():
        del request.headers[name]
        request.headers[name] = value
    credentials = Credentials(key or usual[0], secret or usual[1])
    real = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda: real() + datetime.timedelta(minutes=minutes)
    try:
        botocore.auth.SigV4Auth(credentials, service, region).add_auth(request)
    finally:
        botocore.auth.get_current_datetime = real
    return {"method": "POST", "path": "/", "headers": dict(request.headers.items()), "body": data}


def send(request):
    """Status, headers and body of the answer."""
    place = WORLD["url"].removeprefix("http://")
    connection = http.client.HTTPConnection(place, timeout=60)
    connection.request(request["method"], request["path"], request["body"], request["headers"])
    answer = connection.getresponse()
    text = answer.read().decode()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    assert len(headers["x-amzn-requestid"]) == 36, headers
    return answer.status, headers, json.loads(text) if text else None


def raw(operation, body, **how):
    return send(signed(operation, body, **how))


def is_refused(answer, status, error, text=""):
    got, headers, body = answer
    assert (got, body["__type"]) == (status, error) and text in body.get("Message", ""), (status, error, text, answer)
    assert headers["x-amzn-errortype"] == error and headers["content-type"] == "application/x-amz-json-1.1", headers
    return body


def done(**more):
    print(json.dumps(more))
