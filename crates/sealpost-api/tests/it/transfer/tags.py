"""Tags by boto3, and those that are settings."""

from caller import WORLD, client, connector, done, refused

caller, reader = client(), client("reader")
tagged, untagged = connector(caller), connector(caller)


def arn(connector_id):
    return f"arn:aws:transfer:us-east-1:000000000000:connector/{connector_id}"


def tags(connector_id):
    answer = reader.list_tags_for_resource(Arn=arn(connector_id))
    assert answer["Arn"] == arn(connector_id)
    return {tag["Key"]: tag["Value"] for tag in answer["Tags"]}


assert tags(tagged) == {}
settings = {
    "sealpost:after-retrieve": "move:/done",
    "sealpost:existing-file": "fail",
    "sealpost:channels": "4",
    "sealpost:legacy-algorithms": "ssh-rsa:2027-01-31",
}
for one in [tagged, untagged]:
    caller.tag_resource(Arn=arn(one), Tags=[{"Key": key, "Value": value} for key, value in settings.items()])
    caller.tag_resource(Arn=arn(one), Tags=[{"Key": "team", "Value": "a"}, {"Key": "team2", "Value": "b"}])
    assert tags(one) == {**settings, "team": "a", "team2": "b"}
    assert {tag["Key"] for tag in reader.describe_connector(ConnectorId=one)["Connector"]["Tags"]} == set(tags(one))

# Another value, and a removal of what is there and what is not.
caller.tag_resource(Arn=arn(tagged), Tags=[{"Key": "team", "Value": "c"}])
caller.untag_resource(Arn=arn(tagged), TagKeys=["team2", "never-there"])
assert tags(tagged) == {**settings, "team": "c"}
caller.untag_resource(Arn=arn(untagged), TagKeys=list(settings))
assert tags(untagged) == {"team": "a", "team2": "b"}

# What is no setting changes nothing.
for key, value in [("sealpost:nonsense", "1"), ("sealpost:channels", "99"), ("sealpost:ranges", "maybe"), ("sealpost:proxy", "http://u:p@proxy")]:
    both = [{"Key": "other", "Value": "x"}, {"Key": key, "Value": value}]
    refused("InvalidRequestException", key, caller.tag_resource, Arn=arn(tagged), Tags=both)
assert tags(tagged) == {**settings, "team": "c"}
many = [{"Key": f"k{n}", "Value": ""} for n in range(46)]
refused("InvalidRequestException", "at most 50 tags", caller.tag_resource, Arn=arn(tagged), Tags=many)
refused("InvalidRequestException", "'tagKeys'", caller.untag_resource, Arn=arn(tagged), TagKeys=[f"k{n}" for n in range(51)])

# In pages, bound to their resource.
pages = list(reader.get_paginator("list_tags_for_resource").paginate(Arn=arn(tagged), PaginationConfig={"PageSize": 2}))
assert [len(page["Tags"]) for page in pages] == [2, 2, 1]
assert {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]} == tags(tagged)
token = reader.list_tags_for_resource(Arn=arn(tagged), MaxResults=1)["NextToken"]
refused("InvalidNextTokenException", "", reader.list_tags_for_resource, Arn=arn(untagged), NextToken=token)

# Somebody else's, and nobody's.
partners = WORLD["partner_connector"]
assert tags(partners) == {"sealpost:partner": "acme"}
refused("ConflictException", "partner acme", caller.tag_resource, Arn=arn(partners), Tags=[{"Key": "a", "Value": "b"}])
refused("ConflictException", "partner acme", caller.untag_resource, Arn=arn(partners), TagKeys=["sealpost:partner"])
for wrong in [
    arn("c-0123456789abcdef0"),
    arn(tagged).replace("us-east-1", "eu-west-1"),
    arn(tagged).replace("connector/", "server/"),
    "arn:aws:s3:::some-bucket-name",
]:
    for call, more in [(reader.list_tags_for_resource, {}), (caller.untag_resource, {"TagKeys": ["a"]})]:
        refused("ResourceNotFoundException", "", call, Arn=wrong, **more)
refused("InvalidRequestException", "'arn'", reader.list_tags_for_resource, Arn="not an arn, but long enough")
done(tagged=tagged, untagged=untagged)
