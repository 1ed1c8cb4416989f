"""The command `aws` as the runbooks use it: any operation of any service, by botocore's descriptions of them.

The AWS CLI itself pins a botocore of its own. What a command may say is checked by the same descriptions
there and here; the server is a local one (AWS_ENDPOINT_URL).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import boto3
import jmespath
from botocore import xform_name

SERVICES = {"s3api": "s3"}


def main(words: list[str]) -> None:
    service, operation, *rest = words
    client = boto3.client(SERVICES.get(service, service))
    method = operation.replace("-", "_")
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    members = dict(model.input_shape.members) if model.input_shape else {}
    names = {xform_name(name, "-"): name for name in members}
    given, query, text = dict[str, Any](), None, False
    while rest:
        option = rest.pop(0).removeprefix("--")
        if option == "query":
            query = rest.pop(0)
        elif option == "output":
            text = rest.pop(0) == "text"
        else:
            name = names.get(option) or names[option.removeprefix("no-")]
            given[name] = _value(members[name], option, rest)
    answer = getattr(client, method)(**given)
    answer.pop("ResponseMetadata", None)
    found = jmespath.search(query, answer) if query else answer
    if text:
        rows = found if isinstance(found, list) else [found]
        print("\t".join("None" if one is None else str(one) for one in rows))
    elif query or answer:
        print(json.dumps(found, default=str, indent=2))


def _value(shape: Any, option: str, rest: list[str]) -> Any:
    if shape.type_name == "boolean":
        return not option.startswith("no-")
    word = rest.pop(0)
    if word.startswith("file://"):
        word = Path(word.removeprefix("file://")).read_text(encoding="utf-8")
    if shape.type_name in ("structure", "list", "map"):
        if word[:1] in "[{":
            return json.loads(word)
        pairs = dict(pair.split("=", 1) for pair in word.split(","))
        return [pairs] if shape.type_name == "list" else pairs
    return int(word) if shape.type_name in ("integer", "long") else word


if __name__ == "__main__":
    main(sys.argv[1:])
