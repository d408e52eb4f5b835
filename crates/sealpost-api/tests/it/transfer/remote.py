"""RetrieveFilePaths, StartDirectoryListing, StartRemoteMove and StartRemoteDelete, all followed by their ids."""

import os

from caller import WORLD, client, connector, done, follow, raw

admin, operator, reader = client("admin"), client("operator"), client("reader")
once = {"Key": "sealpost:max-attempts", "Value": "1"}
c = connector(admin, Tags=[once])
inbox = WORLD["inbox"]


def retrieve(paths, folder="/sealpost/landed", connector_id=c):
    transfer = operator.start_file_transfer(ConnectorId=connector_id, RetrieveFilePaths=paths, LocalDirectoryPath=folder)["TransferId"]
    return follow(reader, connector_id, transfer)["FileTransferResults"], transfer


paths = [f"{inbox}/out/file-{n}.bin" for n in range(3)]
results, transfer = retrieve(paths)
assert results == [{"FilePath": path, "StatusCode": "COMPLETED"} for path in paths], results
_, _, body = raw("ListFileTransferResults", {"ConnectorId": c, "TransferId": transfer})
for number, one in enumerate(body["FileTransferResults"]):
    assert one["LocalPath"] == f"/sealpost/landed/file-{number}.bin" and one["Sha256"] == WORLD["digests"][number], one
assert body["Operation"] == "RETRIEVE"
# Again, which replaces what was retrieved before; and what is not there.
results, _ = retrieve([paths[1], f"{inbox}/out/nothing.bin"])
assert [(one["StatusCode"], one.get("FailureCode")) for one in results] == [("COMPLETED", None), ("FAILED", "RETRIEVE_FILE_NOT_FOUND")], results
# A relative path begins in the login's own directory.
results, _ = retrieve(["kept.txt"])
assert results[0]["StatusCode"] == "COMPLETED" and os.path.exists(f"{inbox}/kept.txt"), results

# Afterwards deleted, or moved.
for value, name in [("delete", "deleted.txt"), (f"move:{inbox}/done", "moved.txt")]:
    made = connector(admin, Tags=[once, {"Key": "sealpost:after-retrieve", "Value": value}])
    results, _ = retrieve([f"{inbox}/{name}"], connector_id=made)
    assert results[0]["StatusCode"] == "COMPLETED", results
    assert not os.path.exists(f"{inbox}/{name}"), value
assert open(f"{inbox}/done/moved.txt").read() == "moved.txt"

# A listing is a file in the store.
def listing(directory, **more):
    answer = operator.start_directory_listing(ConnectorId=c, RemoteDirectoryPath=directory, OutputDirectoryPath="/sealpost/lists", **more)
    assert answer["OutputFileName"] == f"{c}-{answer['ListingId']}.json", answer
    [one] = follow(reader, c, answer["ListingId"])["FileTransferResults"]
    _, _, body = raw("ListFileTransferResults", {"ConnectorId": c, "TransferId": answer["ListingId"]})
    return answer["OutputFileName"], one, body["FileTransferResults"][0]


name, one, more = listing(f"{inbox}/out")
assert (one["FilePath"], one["StatusCode"]) == (f"{inbox}/out", "COMPLETED"), one
assert (more["ItemCount"], more["Truncated"], more["LocalPath"]) == (4, False, "/sealpost/lists/" + name), more
_, _, more = listing(f"{inbox}/out", MaxItems=2)
assert (more["ItemCount"], more["Truncated"]) == (2, True), more
_, one, _ = listing(f"{inbox}/nowhere")
assert (one["StatusCode"], one["FailureCode"]) == ("FAILED", "DIRECTORY_NOT_FOUND"), one


def ended(transfer):
    [one] = follow(reader, c, transfer)["FileTransferResults"]
    return one["StatusCode"], one.get("FailureCode")


def move(source, target):
    return ended(operator.start_remote_move(ConnectorId=c, SourcePath=source, TargetPath=target)["MoveId"])


def delete(path):
    return ended(operator.start_remote_delete(ConnectorId=c, DeletePath=path)["DeleteId"])


moved = operator.start_remote_move(ConnectorId=c, SourcePath=f"{inbox}/kept.txt", TargetPath=f"{inbox}/done/kept.txt")["MoveId"]
assert ended(moved) == ("COMPLETED", None)
_, _, body = raw("ListFileTransferResults", {"ConnectorId": c, "TransferId": moved})
[one] = body["FileTransferResults"]
assert one["RemotePath"] == f"{inbox}/done/kept.txt" and "LocalPath" not in one, one
assert os.path.exists(f"{inbox}/done/kept.txt") and not os.path.exists(f"{inbox}/kept.txt")
assert move(f"{inbox}/nothing.txt", f"{inbox}/done/x.txt") == ("FAILED", "PATH_NOT_FOUND")
assert move(f"{inbox}/done/kept.txt", f"{inbox}/done/moved.txt") == ("FAILED", "RENAME_ERROR"), "nothing is replaced"
assert delete(f"{inbox}/done/kept.txt") == ("COMPLETED", None) and not os.path.exists(f"{inbox}/done/kept.txt")
assert delete(f"{inbox}/empty") == ("COMPLETED", None) and not os.path.exists(f"{inbox}/empty")
assert delete(f"{inbox}/nothing.txt") == ("FAILED", "FILE_NOT_FOUND")
assert delete(f"{inbox}/done") == ("FAILED", "DELETE_ERROR"), "it is not empty"
done(listing=name)
