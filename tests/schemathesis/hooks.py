"""What schemathesis has to know to make requests that the API takes, beyond what OpenAPI can say."""

import os
import re

import schemathesis
from hypothesis import strategies
from schemathesis import GenerationMode

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
# The File fields of the sample definition; which there are is no matter of the API.
FIELDS = ("salary", "contract")
# As answers have them: only such a one is taken.
CURSOR = re.compile("1[0-9a-f]{32,}")

schemathesis.openapi.media_type("application/pdf", strategies.sampled_from([PDF, PDF + b"%%EOF"]))


@schemathesis.hook
def map_case(context, case):
    """Where a request is meant to be valid, it is one of this deployment."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return case
    operation = case.operation.definition.raw.get("operationId")
    query = case.query or {}
    # A parameter may exclude the others, or need another one.
    if operation == "listUndelivered" and "summary" in query:
        case.query = {"summary": query["summary"]}
    if operation == "findDocumentByQuery" and ("field" in query) != ("fileName" in query):
        case.query = {"person": query["person"]}
    if operation == "listLogs" and "from" in query and "to" in query:
        case.query = {**query, "from": "2000-01-01", "to": "2100-01-01T00:00:00Z"}
    # A form has what the page with it was given.
    if case.operation.path.startswith("/console/") and isinstance(case.body, dict) and "token" in case.body:
        case.body["token"] = os.environ["PEOPLE_FORM_TOKEN"]
    for parameters in (case.query or {}, case.path_parameters or {}):
        if "field" in parameters and parameters["field"] not in FIELDS:
            parameters["field"] = FIELDS[0]
        if not CURSOR.fullmatch(str(parameters.get("cursor"))):
            parameters.pop("cursor", None)
    return case
