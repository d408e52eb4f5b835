"""What schemathesis must know about the running service, beyond what an OpenAPI document can say.

The document is the same for everybody; which report types there are, with which parameters and format options, is told
by the service (`GET /v1/report-types`). Here both are put together, so that the parameters' and options' own schemas are
tested too. Rules that no JSON Schema can express ("`from` is not after `to`") are checked on generated valid requests:
one that breaks such a rule is no valid request. Invalid requests are never filtered.
"""

import itertools
import json
import os
import re
import urllib.request
from datetime import date, datetime, timedelta, timezone

import schemathesis
from urllib3.connectionpool import HTTPConnectionPool

API, KEY = os.environ["SEALPOST_FUZZ_API"], os.environ["SEALPOST_FUZZ_KEY"]
ADMIN, TOKEN = os.environ["SEALPOST_FUZZ_ADMIN"], os.environ["SEALPOST_FUZZ_TOKEN"]
CERTIFICATE = os.environ["SEALPOST_FUZZ_CERTIFICATE"]


# The service slows down addresses whose credentials fail, which has tests of its own: here each request comes from an
# address of its own, of those that this machine has (RFC 1122, section 3.2.1.3).
ADDRESSES = itertools.count()


def fresh_connection(pool, timeout=None):
    number = next(ADDRESSES)
    pool.conn_kw["source_address"] = (f"127.{1 + number // 62500 % 250}.{number // 250 % 250}.{2 + number % 250}", 0)
    return pool._new_conn()


HTTPConnectionPool._get_conn = fresh_connection
HTTPConnectionPool._put_conn = lambda pool, connection: connection.close() if connection else None


def ask(path, body=None, method=None, url=API, key=KEY):
    request = urllib.request.Request(url + path, method=method)
    request.add_header("Authorization", f"Bearer {key}")
    request.add_header("Content-Type", "application/json")
    request.data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def lift_limits():
    """The partner may ask as fast as it can: its usual rate has tests of its own."""
    path = "/admin/v1/partners/nordwind"
    document = ask(path, url=ADMIN, key=TOKEN)
    document["limits"]["rate"] = {"per_second": 100000, "burst": 100000}
    ask(path, document, "PUT", ADMIN, TOKEN)


def solid(schema):
    return {name: value for name, value in schema.items() if name not in ("$schema", "title", "description")}


def report_requests(types):
    """A request for each report type, with the schemas that belong to it; for the first one in each of its formats, whose
    options are the same everywhere. A request that names no format has the options of the default one."""

    def shape(one, entry, named):
        return {
            "type": "object",
            "properties": {
                "report_type": {"const": one["id"]},
                "parameters": one["parameters"],
                "format": {"const": entry["name"] if named else None},
                "format_options": solid(entry["options"]),
                "deliver": {"type": ["boolean", "null"]},
            },
            "required": ["report_type"]
            + (["parameters"] if one["parameters"]["required"] else [])
            + (["format"] if named else []),
            "additionalProperties": False,
        }

    shapes = [shape(types[0], entry, True) for entry in types[0]["formats"]]
    for one in types:
        default = next(entry for entry in one["formats"] if entry["name"] == one["default_format"])
        shapes.append(shape(one, default, False))
    return {"anyOf": shapes}


def some_cursor():
    """A cursor that the service gave: only such a one is valid."""
    for _ in range(2):
        ask("/v1/reports", {"report_type": "employees.v1", "format": "csv", "deliver": False})
    return ask("/v1/reports?limit=1")["next_cursor"]


@schemathesis.hook
def before_load_schema(context, raw_schema):
    lift_limits()
    schemas = raw_schema["components"]["schemas"]
    types = ask("/v1/report-types")["report_types"]
    schemas["ReportRequest"] = report_requests(types)
    cursor = {"enum": [some_cursor()]}
    for item in raw_schema["paths"].values():
        for operation in item.values():
            parameters = operation.get("parameters", [])
            # Of the other lists there is no second page yet.
            if not operation["operationId"].startswith("listReports"):
                parameters[:] = [one for one in parameters if one["name"] != "cursor"]
                forget_cursors(operation)
            for parameter in parameters:
                if parameter["name"] == "cursor":
                    parameter["schema"], parameter["example"] = cursor, cursor["enum"][0]
                # A cursor belongs to the list that gave it, and this one is not of the example's partner.
                if parameter["name"] == "partner" and operation["operationId"] == "listReportsOfAll":
                    del parameter["example"]
    if "OpenPgpKeyRequest" in schemas:
        narrow_keys(schemas["OpenPgpKeyRequest"], raw_schema)
        narrow_replacements(schemas, raw_schema["paths"]["/v1/destinations/{id}"]["put"])
    if "PartnerDocument" in schemas:
        narrow_partners(schemas, types)


def forget_cursors(operation):
    for response in operation["responses"].values():
        links = response.get("links", {})
        for name in [name for name, link in links.items() if "cursor" in link["parameters"]]:
            del links[name]


def narrow_keys(request, raw_schema):
    """A certificate is one that can be read: of the partner itself."""
    request["properties"]["certificate"]["enum"] = [CERTIFICATE]
    example = {"certificate": CERTIFICATE}
    request["examples"] = [example]
    raw_schema["paths"]["/v1/keys"]["post"]["requestBody"]["content"]["application/json"]["example"] = example


def narrow_replacements(schemas, operation):
    """A destination that is replaced keeps its name."""
    shape = json.loads(json.dumps(schemas["DestinationRequest"]))
    del shape["properties"]["name"]
    for example in shape["examples"]:
        del example["name"]
    schemas["DestinationReplacement"] = shape
    operation["requestBody"]["content"]["application/json"] = {
        "schema": {"$ref": "#/components/schemas/DestinationReplacement"},
        "example": shape["examples"][0],
    }


def narrow_partners(schemas, types):
    """Partner documents name report types, formats, compressions and certificates of the running service."""

    def member(schema, name):
        return schemas[schema]["properties"][name]

    member("Grant", "report").update(enum=[one["id"] for one in types])
    member("Grant", "formats")["items"] = {"enum": [entry["name"] for entry in types[0]["formats"]]}
    member("PartnerDocument", "certificates")["items"] = {"enum": [CERTIFICATE]}
    # No issuer of tokens is configured. Of two documents of one partner, all that the one names may go and the other's come.
    member("Identity", "issuer").update(enum=["mtls"])
    member("Identity", "subject").update(pattern="^[0-9a-f]{64}$")
    member("PartnerDocument", "identities").update(maxItems=40)
    member("PartnerDocument", "connectors")["propertyNames"] = {"pattern": "^[a-z0-9-]{1,63}$"}
    member("SealSettings", "compression").update(enum=["none", "gzip", "zstd", "zip", None])
    operations = [
        f"{method.upper()} {path}"
        for path, item in ask("/openapi.json")["paths"].items()
        for method, operation in item.items()
        if operation.get("security") != [{}]
    ]
    member("PartnerLimits", "methods")["propertyNames"] = {"enum": operations}
    # The service has no signing key.
    member("SealSettings", "sign").update(const=False)
    member("FileSettings", "name").update(
        enum=["{report}_{date}_{sequence}.{extension}", "{partner}-{id}.{extension}", "{id}"]
    )
    member("FileSettings", "time_zone").update(enum=["UTC", "+02:00", "Europe/Berlin"])
    member("ConnectorSettings", "host_keys")["items"] = {"type": "string", "pattern": "^SHA256:[A-Za-z0-9+/]{43}$"}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Nobody revokes or rotates the key that the requests themselves are made with."""
    own = KEY.removeprefix("sp_").split("_")[0]
    if "/api-keys/" in case.path and (case.path_parameters or {}).get("id") == own:
        case.path_parameters["id"] = "aaaaaaaaaaaa"


@schemathesis.hook
def filter_case(context, case):
    meta = case.meta
    if meta is None or meta.generation.mode.is_negative:
        return True
    query = case.query if isinstance(case.query, dict) else {}
    body = case.body if isinstance(case.body, dict) else {}
    # A new destination needs a name and a way to log in.
    operation = case.operation.definition.raw.get("operationId")
    if operation == "createDestination" and (body.get("name") is None or body.get("login") is None):
        return False
    rules = (is_page(query), is_written_plainly(body), is_report(body), is_partner(body), is_key(body), is_public(body))
    return all(rules)


def is_written_plainly(value):
    """To JSON Schema 85.0 is an integer, to many programs it is none, and nobody who means one writes it so."""
    if isinstance(value, dict):
        return all(is_written_plainly(member) for member in value.values())
    if isinstance(value, list):
        return all(is_written_plainly(item) for item in value)
    return not (isinstance(value, float) and value.is_integer())


def instant(text):
    """An instant of the years 0001 to 9999 in UTC, which are those that the service knows; None for any other."""
    try:
        return datetime.fromisoformat(str(text).upper().replace("Z", "+00:00")).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def is_page(query):
    """`created_from` is not after `created_to`; a cursor belongs to the list that gave it; a key is retired within a
    year."""
    if "at" in query:
        at = instant(query["at"])
        return at is not None and at < datetime.now(timezone.utc) + timedelta(days=365)
    instants = [instant(query[name]) for name in ("created_from", "created_to") if name in query]
    if None in instants or (len(instants) == 2 and instants[0] > instants[1]):
        return False
    return not ("cursor" in query and "partner" in query)


def is_key(body):
    """A key expires in the time to come; certificates are exchanged within 90 days, one for another."""
    if body.get("cut_over") is not None and body.get("replaces") is None:
        return False
    soon = datetime.now(timezone.utc) + timedelta(minutes=10)
    for name, latest in (("expires_at", timedelta(days=3_000_000)), ("cut_over", timedelta(days=89))):
        if body.get(name) is not None:
            at = instant(body[name])
            if at is None or at < soon or at - soon > latest:
                return False
    return True


def is_public(body):
    """A destination is a host of the public internet, which no number and no name without a dot is here."""
    host = body.get("host")
    login = body.get("login")
    # A key pair that the service makes is described by nothing else.
    if isinstance(login, dict) and login.get("method") == "generated_key" and len(login) > 1:
        return False
    # A user's name is limited in bytes, which a schema can't count.
    if "login" in body and not re.match(r"^[ -~]{1,128}$", str(body.get("user"))):
        return False
    return not isinstance(host, str) or bool(re.match(r"^[a-z0-9-]+([.][a-z0-9-]+)*[.]example$", host))


# Letters of the date patterns; everything else is in quotes or punctuation.
PATTERN = re.compile(r"^(YYYY|YY|MM|M|DD|D|HH|H|mm|ss|[-/. :])+$")


def is_report(body):
    parameters = body.get("parameters") if isinstance(body.get("parameters"), dict) else {}
    start, end = parameters.get("from"), parameters.get("to")
    if isinstance(start, str) and isinstance(end, str) and start > end:
        return False
    options = body.get("format_options") if isinstance(body.get("format_options"), dict) else {}
    for name, value in options.items():
        if name.endswith("_pattern") and not PATTERN.match(str(value)):
            return False
        # A name of XML.
        if name.endswith("_element") and not re.match(r"^[A-Za-z_][A-Za-z0-9_.-]*$", str(value)):
            return False
        if name == "sheet_name" and not re.match(r"^[A-Za-z0-9 ]{1,25}$", str(value)):
            return False
        # The text of a NULL must be writable in the encoding, and be told apart from what stands around it.
        if name == "null_text" and not re.match(r"^[a-z]{0,8}$", str(value)):
            return False
    # A decimal comma needs another delimiter.
    if options.get("decimal_separator") == "comma" and options.get("delimiter", ",") == ",":
        return False
    return True


def is_partner(body):
    connectors = body.get("connectors") if isinstance(body.get("connectors"), dict) else {}
    if "scope" not in body:
        return True
    if any(name not in connectors for name in body.get("deliver_to") or []):
        return False
    for settings in connectors.values():
        if ".." in settings.get("directory", "") or "\0" in settings.get("directory", ""):
            return False
        # One secret with both, or user name and credentials apart.
        apart = [name in settings for name in ("user", "login")]
        if settings.get("user_secret") is not None and any(apart):
            return False
        if settings.get("user_secret") is None and not all(apart):
            return False
        # An exception is for a while: it ends between today and two years from now.
        today = datetime.now(timezone.utc).date()
        for exception in (settings.get("ssh") or {}).get("legacy") or []:
            try:
                until = date.fromisoformat(exception["until"])
            except ValueError:
                return False
            if not today < until < today + timedelta(days=700):
                return False
        retry = settings.get("retry", {})
        if retry.get("first_pause_s", 10) > retry.get("longest_pause_s", 3600):
            return False
    return True
