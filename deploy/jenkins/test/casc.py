"""Checks casc.yaml, plugins.txt and the README against each other, and writes for Check.groovy what the controller has.

    python3 casc.py OUT.json

There is no schema of configuration as code without a controller that has the plugins: it is generated there. Checked
here is what needs none: the root elements, references, that values that are secret come from outside, and that each
part's plugin is installed.
"""

import json
import pathlib
import re
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent.parent
findings = []


def check(good, what):
    if not good:
        findings.append(what)


class Unique(yaml.SafeLoader):
    """YAML lets a key stand twice, and the later one wins silently."""


def mapping(loader, node):
    keys = [loader.construct_object(key) for key, _ in node.value]
    for key in keys:
        check(keys.count(key) == 1, f"casc.yaml line {node.start_mark.line + 1}: `{key}` stands twice")
    return loader.construct_mapping(node, deep=True)


Unique.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)


def walk(value, path=()):
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, (*path, index))


text = (HERE / "casc.yaml").read_text(encoding="utf-8")
readme = (HERE / "README.md").read_text(encoding="utf-8")
casc = yaml.load(text, Loader=Unique)
plugins = {line.strip() for line in (HERE / "plugins.txt").read_text().splitlines() if line.strip() and line[0] != "#"}

# The root elements that exist: of the core plugin, of credentials, of Job DSL.
for root in casc:
    check(root in {"jenkins", "security", "credentials", "unclassified", "jobs", "tool", "appearance"}, f"`{root}` is no root element")

# Values from outside: each explained, and each explained one used.
used = set(re.findall(r"\$\{([A-Za-z_]+)(?::-[^}]*)?\}", text))
explained = set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", readme, re.M))
for name in sorted(used - explained):
    findings.append(f"README.md does not explain ${{{name}}}")
for name in sorted(explained - used):
    findings.append(f"README.md explains {name}, which casc.yaml does not use")

# What is secret comes from outside.
for path, value in walk(casc):
    if isinstance(path[-1] if path else None, str) and isinstance(value, str):
        if re.search(r"(?i)(secret|password|token|privatekey|passphrase)$", path[-1]):
            check(re.fullmatch(r"\$\{[A-Z_]+\}", value), f"{'.'.join(map(str, path))} has a value in the file")

# People.
jenkins = casc["jenkins"]
check(jenkins["numExecutors"] == 0, "the controller builds")
entries = jenkins["authorizationStrategy"]["globalMatrix"]["entries"]
names = {kind: entry[kind]["name"] for entry in entries for kind in entry}
check("anonymous" not in names.values() and "authenticated" not in names.values(), "everybody has rights")
for entry in entries:
    for permission in next(iter(entry.values()))["permissions"]:
        check(re.fullmatch(r"[A-Z]\w+/[A-Z]\w+", permission), f"`{permission}` is no permission")

# Credentials.
kinds = {"idTokenFile": "file", "usernamePassword": "usernamePassword", "string": "string"}
credentials, own = {}, []
for entry in casc["credentials"]["system"]["domainCredentials"][0]["credentials"]:
    (kind, body), = entry.items()
    check(body["id"] not in credentials, f"credentials {body['id']} stand twice")
    credentials[body["id"]] = kinds[kind]
    if body["scope"] == "SYSTEM":
        own.append(body["id"])
for hook in casc["unclassified"]["gitHubPluginConfig"]["hookSecretConfigs"]:
    check(hook["credentialsId"] in own, "the webhook's secret is not among the controller's own credentials")

# Each part's plugin.
parts = {
    "securityRealm.oic": "oic-auth", "globalMatrix": "matrix-auth", "idTokenFile": "oidc-provider", "idToken": "oidc-provider",
    "usernamePassword": "credentials-binding", "string": "plain-credentials", "gitHubPluginConfig": "github", "mailer": "mailer",
    "jobs": "job-dsl",
}
paths = [".".join(str(part) for part in path) for path, _ in walk(casc)]
for part, plugin in parts.items():
    if any(path == part or path.endswith("." + part) for path in paths):
        check(plugin in plugins, f"{part} needs the plugin {plugin}")
    else:
        findings.append(f"nothing in casc.yaml is {part}")
jenkinsfile = (HERE / "Jenkinsfile").read_text(encoding="utf-8")
seed = (HERE / "seed.groovy").read_text(encoding="utf-8")
for word, where, plugin in [
    ("timestamps()", jenkinsfile, "timestamper"), ("lock(", jenkinsfile, "lockable-resources"), ("mail to", jenkinsfile, "mailer"),
    ("withCredentials", jenkinsfile, "credentials-binding"), ("githubPush", jenkinsfile, "github"), ("pipeline {", jenkinsfile, "workflow-aggregator"),
    ("github {", seed, "github-branch-source"), ("git {", seed, "git"), ("", text, "configuration-as-code"),
]:
    check(word in where and plugin in plugins, f"`{word}` needs the plugin {plugin}")
label = re.findall(r"label '([^']+)'", jenkinsfile)
check(set(label) <= {node["permanent"]["labelString"] for node in jenkins["nodes"]}, f"no agent has the label {label}")

environment = [entry["key"] for entry in jenkins["globalNodeProperties"][0]["envVars"]["env"]]
provided = [name for job in casc["jobs"] for name in job.get("providedEnv", {})]
pathlib.Path(sys.argv[1]).write_text(
    json.dumps({"credentials": credentials, "environment": environment, "provided": provided, "own": own}), encoding="utf-8")
for finding in findings:
    print(f"        {finding}")
sys.exit(f"{len(findings)} findings in deploy/jenkins" if findings else 0)
