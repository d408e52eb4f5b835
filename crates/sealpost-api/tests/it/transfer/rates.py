"""More calls than the rate allows."""

from caller import WORLD, client, connector, done, is_refused, raw, refused

if WORLD["what"] == "calls":
    c = connector(client())
    caller = client("operator")
    assert caller.test_connection(ConnectorId=c)["Status"] == "OK"
    answer = refused("ThrottlingException", "TestConnection", caller.test_connection, ConnectorId=c)
    assert int(answer["RetryAfterSeconds"]) > 1, answer
    for _ in range(3):
        caller.list_connectors()
    answer = refused("ThrottlingException", "Rate exceeded", caller.list_connectors)
    assert isinstance(answer["RetryAfterSeconds"], str) and int(answer["RetryAfterSeconds"]) > 1, answer
    client("reader").list_connectors()
    # A stock client waits and tries again by itself.
    patient = client("operator", retries={"total_max_attempts": 2})
    answer = refused("ThrottlingException", "", patient.list_connectors)
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1, answer
else:
    for _ in range(5):
        is_refused(raw("ListConnectors", {}, secret="guess"), 403, "InvalidSignatureException")
    answer = raw("ListConnectors", {})
    assert is_refused(answer, 400, "ThrottlingException", "failed attempts")["RetryAfterSeconds"]
    assert int(answer[1]["retry-after"]) > 1
done()
