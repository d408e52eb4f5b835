"""TestConnection by boto3: always an answer, whatever the server says."""

from caller import SECRET, WORLD, client, connector, done

caller, operator = client(), client("operator")
KEYS = WORLD["host_keys"]


def test(**changes):
    connector_id = connector(caller, **changes)
    answer = operator.test_connection(ConnectorId=connector_id)
    assert answer["ConnectorId"] == connector_id
    key = answer.get("SftpConnectionDetails", {}).get("HostKey")
    return answer["Status"], answer["StatusMessage"], key, connector_id


status, message, key, _ = test()
assert (status, message) == ("OK", "Connection succeeded"), message
assert key in KEYS

# The way to a first key: test, look, compare, approve, test again.
status, message, key, unpinned = test(SftpConfig={"UserSecretId": SECRET, "TrustedHostKeys": []})
assert status == "ERROR" and "SP-DELIVER-014" in message and key in KEYS, (message, key)
caller.update_connector(ConnectorId=unpinned, SftpConfig={"TrustedHostKeys": [key]})
answer = operator.test_connection(ConnectorId=unpinned)
assert answer["Status"] == "OK", answer

status, message, key, _ = test(SftpConfig={"TrustedHostKeys": [WORLD["fingerprint"]]})
assert status == "OK", message
other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJGlhJPBcSVsTJpjtGSQjSR/Bo2v0UnbIRfBgGsnJX3O"
status, message, key, _ = test(SftpConfig={"TrustedHostKeys": [other]})
assert status == "ERROR" and "SP-DELIVER-003" in message, message
status, message, _, _ = test(SftpConfig={"UserSecretId": "file:secrets/stranger"})
assert status == "ERROR" and "SP-DELIVER-005" in message, message
for secret, word in [("file:secrets/broken", "SP-"), ("file:secrets/nowhere", "SP-")]:
    status, message, _, _ = test(SftpConfig={"UserSecretId": secret})
    assert status == "ERROR" and word in message and "hunter2" not in message, message
status, message, _, _ = test(Url="sftp://127.0.0.1:1")
assert status == "ERROR" and "SP-DELIVER-002" in message, message
status, message, _, _ = test(Url="sftp://nowhere.invalid")
assert status == "ERROR" and "SP-DELIVER-00" in message, message
done()
