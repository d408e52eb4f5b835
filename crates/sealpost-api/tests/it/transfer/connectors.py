"""Connectors by boto3: Create, Describe, List, Update and Delete."""

import re

from botocore.exceptions import ParamValidationError
from caller import ROLE, SECRET, WORLD, client, connector, done, refused

caller, reader = client(), client("reader")
KEYS = WORLD["host_keys"]
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:sftp/acme-AbCdEf"


def shown(connector_id):
    return reader.describe_connector(ConnectorId=connector_id)["Connector"]


# The least that can be said, with an ARN of Secrets Manager.
made = caller.create_connector(Url="sftp://sftp.example.com", AccessRole=ROLE, SftpConfig={"UserSecretId": ARN})
assert made["ResponseMetadata"]["HTTPStatusCode"] == 200
assert re.fullmatch("[0-9a-f-]{36}", made["ResponseMetadata"]["RequestId"])
bare = made["ConnectorId"]
assert re.fullmatch("c-[0-9a-f]{17}", bare)
assert shown(bare) == {
    "Arn": f"arn:aws:transfer:us-east-1:000000000000:connector/{bare}",
    "ConnectorId": bare,
    "Url": "sftp://sftp.example.com",
    "AccessRole": ROLE,
    "SftpConfig": {"UserSecretId": ARN, "TrustedHostKeys": [], "MaxConcurrentConnections": 1},
    "SecurityPolicyName": "SealpostSFTPConnectorSecurityPolicy-2026-11",
    "EgressType": "SERVICE_MANAGED",
    "Status": "ACTIVE",
}, shown(bare)

# Everything.
full = caller.create_connector(
    Url="sftp://192.0.2.7:2222",
    AccessRole=ROLE,
    LoggingRole=ROLE + "-logs",
    Tags=[{"Key": "team", "Value": "billing"}, {"Key": "empty", "Value": ""}],
    SftpConfig={
        "UserSecretId": SECRET,
        # As ssh-keyscan prints it, as the service wants it, and ours.
        "TrustedHostKeys": ["192.0.2.7 " + KEYS[0], KEYS[1], WORLD["fingerprint"], "@cert-authority *.example.com " + KEYS[2]],
        "MaxConcurrentConnections": 3,
        "OrderedUserSecretVersionStages": ["AWSCURRENT", "AWSPREVIOUS"],
    },
    SecurityPolicyName="TransferSFTPConnectorSecurityPolicy-FIPS-2024-10",
    IpAddressType="IPV4",
)["ConnectorId"]
before = shown(full)
assert before["LoggingRole"] == ROLE + "-logs" and before["IpAddressType"] == "IPV4"
assert before["Tags"] == [{"Key": "team", "Value": "billing"}, {"Key": "empty", "Value": ""}]
assert before["SftpConfig"] == {
    "UserSecretId": SECRET,
    "TrustedHostKeys": [KEYS[0], KEYS[1], WORLD["fingerprint"], "@cert-authority *.example.com " + KEYS[2]],
    "MaxConcurrentConnections": 3,
    "OrderedUserSecretVersionStages": ["AWSCURRENT", "AWSPREVIOUS"],
}, before

# An update changes what it names, and nothing else.
assert caller.update_connector(ConnectorId=full, SftpConfig={"TrustedHostKeys": [KEYS[2]]})["ConnectorId"] == full
after = shown(full)
assert after["SftpConfig"].pop("TrustedHostKeys") == [KEYS[2]]
before["SftpConfig"].pop("TrustedHostKeys")
assert after == before, (after, before)
caller.update_connector(ConnectorId=full)
assert shown(full)["SftpConfig"]["TrustedHostKeys"] == [KEYS[2]]
refused("InvalidRequestException", "IPV4", caller.update_connector, ConnectorId=full, Url="sftp://[2001:db8::1]:2022")
assert shown(full)["Url"] == "sftp://192.0.2.7:2222", "refused as a whole"
caller.update_connector(
    ConnectorId=full,
    Url="sftp://[2001:db8::1]:2022",
    AccessRole=ROLE + "-2",
    IpAddressType="DUALSTACK",
    SecurityPolicyName="TransferSFTPConnectorSecurityPolicy-2024-03",
    SftpConfig={"UserSecretId": "file:secrets/other", "MaxConcurrentConnections": 5, "TrustedHostKeys": []},
)
last = shown(full)
assert (last["Url"], last["AccessRole"], last["IpAddressType"]) == ("sftp://[2001:db8::1]:2022", ROLE + "-2", "DUALSTACK")
assert last["SftpConfig"] == {
    "UserSecretId": "file:secrets/other",
    "TrustedHostKeys": [],
    "MaxConcurrentConnections": 5,
    "OrderedUserSecretVersionStages": ["AWSCURRENT", "AWSPREVIOUS"],
}, last

# What is not offered, and what does not fit, is refused in words.
sftp = {"UserSecretId": SECRET}
for text, changes in [
    ("As2Config", {"As2Config": {"MessageSubject": "x"}}),
    ("EgressConfig", {"EgressConfig": {"VpcLattice": {"ResourceConfigurationArn": "arn:aws:vpc-lattice:us-east-1:123456789012:resourceconfiguration/rcfg-0123456789abcdefg"}}}),
    ("Url", {"Url": "https://as2.example.com"}),
    ("Url", {"Url": "sftp://user@host"}),
    ("ends after host and port", {"Url": "sftp://host/path"}),
    ("'url' failed to satisfy constraint: Member must have length less than or equal to 255", {"Url": "sftp://" + "a" * 249}),
    ("'accessRole' failed to satisfy constraint: Member must satisfy regular expression pattern", {"AccessRole": "arn:aws:iam::1:user/someone"}),
    ("'loggingRole'", {"LoggingRole": "not-a-role-but-long-enough"}),
    ("Invalid host key format.", {"SftpConfig": {**sftp, "TrustedHostKeys": [KEYS[0] + " a@comment"]}}),
    ("Invalid host key format.", {"SftpConfig": {**sftp, "TrustedHostKeys": [KEYS[0].replace("ed25519", "rsa")]}}),
    ("'sftpConfig.trustedHostKeys' failed to satisfy constraint: Member must have length less than or equal to 10", {"SftpConfig": {**sftp, "TrustedHostKeys": [KEYS[0]] * 11}}),
    ("less than or equal to 5", {"SftpConfig": {**sftp, "MaxConcurrentConnections": 6}}),
    ("length less than or equal to 2", {"SftpConfig": {**sftp, "OrderedUserSecretVersionStages": ["A", "B", "C"]}}),
    ("UserSecretId is needed", {"SftpConfig": {}}),
    ("UserSecretId: expected the ARN", {"SftpConfig": {"UserSecretId": "file:/etc/shadow"}}),
    ("begins with `file:secrets/`", {"SftpConfig": {"UserSecretId": "file:secrets/../master"}}),
    ("enum value set: [IPV4, DUALSTACK]", {"IpAddressType": "IPV6"}),
    ("IPV4", {"Url": "sftp://[::1]", "IpAddressType": "IPV4"}),
    ("more than once", {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}),
    ("reserved", {"Tags": [{"Key": "aws:a", "Value": "1"}]}),
    ("'tags'", {"Tags": [{"Key": f"k{n}", "Value": "1"} for n in range(51)]}),
    ("'tags.1.member.key'", {"Tags": [{"Key": "k" * 129, "Value": "1"}]}),
    ("'tags.1.member.value'", {"Tags": [{"Key": "k", "Value": "v" * 257}]}),
    ("`sealpost:speed`: there is no such setting", {"Tags": [{"Key": "sealpost:speed", "Value": "fast"}]}),
    ("certificates to seal for", {"Tags": [{"Key": "sealpost:retrieve", "Value": "sealed"}]}),
]:
    wanted = {"Url": "sftp://host", "AccessRole": ROLE, "SftpConfig": sftp, **changes}
    refused("InvalidRequestException", text, caller.create_connector, **wanted)
gone = refused(
    "ResourceNotFoundException", "", caller.create_connector,
    Url="sftp://host", AccessRole=ROLE, SftpConfig=sftp, SecurityPolicyName="TransferSFTPConnectorSecurityPolicy-2099-01",
)
assert gone["ResourceType"] == "SecurityPolicy", gone
for missing in [{"Url": "sftp://host"}, {"SftpConfig": sftp}]:
    refused("InvalidRequestException", "is needed", caller.create_connector, AccessRole=ROLE, **missing)
try:
    caller.create_connector(Url="sftp://host", SftpConfig=sftp)
    raise AssertionError("AccessRole is required")
except ParamValidationError:
    pass

# Listed in pages, by id, partners' own among them.
more = [connector(caller) for _ in range(5)]
partners = WORLD["partner_connector"]
every = sorted([bare, full, partners, *more])
pages = list(reader.get_paginator("list_connectors").paginate(PaginationConfig={"PageSize": 3}))
assert [len(page["Connectors"]) for page in pages] == [3, 3, 2]
listed = [one for page in pages for one in page["Connectors"]]
assert [one["ConnectorId"] for one in listed] == every
assert all(set(one) == {"Arn", "ConnectorId", "Url"} for one in listed)
assert [one["ConnectorId"] for one in reader.list_connectors()["Connectors"]] == every
token = reader.list_connectors(MaxResults=2)["NextToken"]
assert [one["ConnectorId"] for one in reader.list_connectors(MaxResults=4, NextToken=token)["Connectors"]] == every[2:6]
for wrong in [token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), "A" + token, "x", "!", token + "=", "A" * 6144]:
    refused("InvalidNextTokenException", "", reader.list_connectors, NextToken=wrong)
refused("InvalidNextTokenException", "", reader.list_security_policies, NextToken=token)
refused("InvalidNextTokenException", "", client("admin").list_connectors, NextToken=token)
refused("InvalidRequestException", "'maxResults'", reader.list_connectors, MaxResults=1001)

# A partner's connector is shown, and changed nowhere but with the partner.
theirs = shown(partners)
assert theirs["Url"] == WORLD["server"] and theirs["SftpConfig"]["TrustedHostKeys"] == [KEYS[0]]
assert theirs["Tags"] == [{"Key": "sealpost:partner", "Value": "acme"}] and "UserSecretId" not in theirs["SftpConfig"]
for call, arguments in [
    (caller.update_connector, {"ConnectorId": partners, "Url": "sftp://elsewhere"}),
    (caller.delete_connector, {"ConnectorId": partners}),
]:
    refused("ConflictException", "partner acme", call, **arguments)

# Removed, and then there is none.
assert caller.delete_connector(ConnectorId=bare)["ResponseMetadata"]["HTTPStatusCode"] == 200
for call in [caller.delete_connector, reader.describe_connector, caller.update_connector, caller.test_connection]:
    gone = refused("ResourceNotFoundException", "Unknown connector", call, ConnectorId=bare)
    assert (gone["Resource"], gone["ResourceType"]) == (bare, "Connector"), gone
for wrong in ["c-0123456789abcdefg", "zz0123456789abcdef0", "C-0123456789abcdef0", "c-" + "0" * 40]:
    refused("InvalidRequestException", "'connectorId'", reader.describe_connector, ConnectorId=wrong)

# Policies.
names = reader.list_security_policies()["SecurityPolicyNames"]
assert len(names) == 4 and names[0].startswith("Sealpost"), names
pages = reader.get_paginator("list_security_policies").paginate(PaginationConfig={"PageSize": 3})
assert [page["SecurityPolicyNames"] for page in pages] == [names[:3], names[3:]]
policy = reader.describe_security_policy(SecurityPolicyName="TransferSFTPConnectorSecurityPolicy-FIPS-2024-10")["SecurityPolicy"]
assert policy == {
    "Fips": True,
    "SecurityPolicyName": "TransferSFTPConnectorSecurityPolicy-FIPS-2024-10",
    "SshCiphers": ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"],
    "SshKexs": ["ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521"],
    "SshMacs": ["hmac-sha2-256", "hmac-sha2-512"],
    "SshHostKeyAlgorithms": ["rsa-sha2-256", "rsa-sha2-512", "ecdsa-sha2-nistp256"],
    "Type": "CONNECTOR",
    "Protocols": ["SFTP"],
}, policy
ours = reader.describe_security_policy(SecurityPolicyName=names[0])["SecurityPolicy"]
assert "mlkem768x25519-sha256" in ours["SshKexs"] and "ssh-ed25519" in ours["SshHostKeyAlgorithms"]
gone = refused("ResourceNotFoundException", "", reader.describe_security_policy, SecurityPolicyName="TransferSecurityPolicy-2024-01")
assert gone["ResourceType"] == "SecurityPolicy"
refused("InvalidRequestException", "pattern", reader.describe_security_policy, SecurityPolicyName="nonsense")
done(connector=full)
