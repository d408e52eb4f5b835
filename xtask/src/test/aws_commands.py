"""Whether the commands of the AWS CLI on the given pages exist, with their options: held against botocore's models.

    python3 aws_commands.py PAGE…
"""

import re
import sys

import botocore.exceptions
import botocore.session
from botocore import xform_name

# What the CLI has beside the services' operations.
OWN = {("configure", "export-credentials"), ("logs", "tail"), ("dynamodb", "wait")}
# Options of every command.
GLOBAL = {"query", "output", "region", "profile", "endpoint-url", "format"}

session = botocore.session.get_session()
findings, seen = [], 0


def check(page, line):
    service, operation, *_ = line.split()
    operation = operation.rstrip(")`,;:.")
    if (service, operation) in OWN:
        return
    try:
        model = session.get_service_model({"s3api": "s3"}.get(service, service))
    except botocore.exceptions.UnknownServiceError:
        findings.append(f"{page}: `aws {service}` is no service")
        return
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in operations:
        findings.append(f"{page}: `aws {service} {operation}` is no command")
        return
    shape = model.operation_model(operations[operation]).input_shape
    known = {xform_name(name, "-") for name in (shape.members if shape else {})} | GLOBAL
    for option in re.findall(r"--([a-z-]+)", line):
        if option.removeprefix("no-") not in known and option not in known:
            findings.append(f"{page}: `aws {service} {operation}` has no option --{option}")


for page in sys.argv[1:]:
    with open(page, encoding="utf-8") as file:
        text = file.read().replace("\\\n", " ")
    for line in re.findall(r"\baws ([a-z0-9-]+ [a-z][^`\n]*)", text):
        seen += 1
        check(page, line)
for finding in findings:
    print(f"        {finding}")
if not seen:
    sys.exit("no command of the AWS CLI was found")
sys.exit(f"{len(findings)} commands of the AWS CLI do not exist" if findings else 0)
