"""Checks a contract against the ODCS JSON schema and says what is wrong in a person's words."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jsonschema import Draft201909Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from .bounds import OPERATORS
from .names import suggestion
from .spark_types import LOGICAL_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .document import Document

VERSION = "v3.1.0"

_OTHER_WORDS = {
    "string": ("text", "str", "varchar", "char", "uuid"),
    "integer": ("int", "bigint", "long", "smallint", "short"),
    "number": ("float", "double", "decimal", "numeric", "real"),
    "boolean": ("bool",),
    "timestamp": ("datetime", "instant"),
    "object": ("struct", "record", "json", "dict"),
    "array": ("list",),
}

_KINDS = {
    "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "array": "a list", "object": "a mapping", "null": "empty",
}  # fmt: skip


def check_schema(document: Document) -> None:
    """Adds a problem to `document` for each thing that ODCS v3.1 does not allow."""
    version = document.value.get("apiVersion")
    if isinstance(version, str) and version != VERSION:
        document.refuse(("apiVersion",), f"`{version}` is not supported", f"Write `apiVersion: {VERSION}`.")
        return
    if "status" not in document.value:  # required by v3.1, no longer by the schema of v3.2
        document.refuse(("status",), "`status` is missing", "Write `status: active`, say.")
    for error in _validator().iter_errors(document.value):
        report(document, _likeliest(error))


@cache
def _validator() -> Any:
    text = resources.files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8")
    validator = extend(Draft201909Validator, {"unevaluatedProperties": _only_known_keys, "if": _branch})
    return validator(json.loads(text))


def _only_known_keys(_validator: Any, _: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Stands in for the standard keyword, which blames every key once any value is wrong."""
    if not isinstance(instance, dict) or instance.keys() <= _keys(schema, None):
        return
    allowed = _keys(schema, instance)
    for key in instance:
        if key in allowed:
            continue
        if key in _keys(schema, {"*": True}):
            what = next((each for each in ("logicalType", "type", "metric") if each in instance), None)
            message = f"does not fit `{what}: {instance[what]}`" if what else "does not fit here"
            hint = ""
        else:
            message, hint = f"`{key}` is not an ODCS {VERSION} key", suggestion(key, sorted(allowed))
        yield ValidationError(message, validator="unknown key", validator_value=hint, path=[key])


def _branch(validator: Any, condition: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict) and "then" in schema and _applies(condition, instance):
        yield from validator.descend(instance, schema["then"], schema_path="then")


def _applies(condition: Mapping[str, Any], instance: Mapping[str, Any]) -> bool:
    """Whether an `if` of the ODCS schema holds; unlike JSON schema has it, not for an absent key."""
    if "anyOf" in condition:
        return any(_applies(each, instance) for each in condition["anyOf"])
    return all(
        key in instance and instance[key] == rule.get("const", instance[key])
        for key, rule in condition.get("properties", {}).items()
    )


def _keys(schema: Mapping[str, Any], instance: Mapping[str, Any] | None) -> set[str]:
    """The keys that a schema knows: always (None), for `instance`, or in any branch at all ({"*": ...})."""
    own: set[str] = _keys(_resolved(schema["$ref"]), instance) if "$ref" in schema else set()
    own |= schema.get("properties", {}).keys()
    for part in (*schema.get("allOf", ()), *schema.get("oneOf", ())):
        own |= _keys(part, instance)
    if "then" in schema and instance is not None and ("*" in instance or _applies(schema["if"], instance)):
        own |= _keys(schema["then"], instance)
    return own


def _resolved(reference: str) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = _validator().schema
    for step in reference.removeprefix("#/").split("/"):
        schema = schema[step]
    return schema


def _likeliest(error: ValidationError) -> ValidationError:
    """Of an anyOf/oneOf, the error in the branch that the author most likely had in mind."""
    while error.context:
        if any(name in branch.get("required", ()) for branch in error.validator_value for name in OPERATORS):
            operator = [each for each in error.context if each.validator != "required"]
            return operator[0] if operator else error
        branches: dict[Any, list[ValidationError]] = {}
        for each in error.context:
            branches.setdefault(each.relative_schema_path[0], []).append(each)
        meant = [
            errors for errors in branches.values()
            if not any(each.validator == "type" and not each.relative_path for each in errors)
        ]  # fmt: skip
        if not meant:
            return error
        error = min(meant, key=len)[0]
    return error


def report(document: Document, error: ValidationError, key_of: str = f"an ODCS {VERSION} key") -> None:
    """Adds an error of a JSON schema to `document`; `key_of` is what an unknown key is not."""
    path = tuple(error.absolute_path)
    value = error.instance
    wanted = error.validator_value
    hint = ""
    match error.validator:
        case "unknown key":
            message, hint = error.message, wanted
        case "additionalProperties":
            known = error.schema.get("properties", {})
            for key in value:
                if key not in known:
                    document.refuse((*path, key), f"`{key}` is not {key_of}", suggestion(key, known))
            return
        case "required":
            missing = error.message.split("'")[1]
            path, message = (*path, missing), f"`{missing}` is missing"
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            message = f"must be {' or '.join(_KINDS[kind] for kind in kinds)}, not {_shown(value)}"
            hint = _type_hint(kinds, value)
        case "enum":
            message = f"{_shown(value)} is not allowed"
            hint = _enum_hint(str(value), [str(each) for each in wanted])
        case "oneOf" | "anyOf":
            if any(name in branch.get("required", ()) for branch in wanted for name in OPERATORS):
                given = [name for name in OPERATORS if isinstance(value, dict) and name in value]
                message = f"has {' and '.join(given)}" if given else "has no operator to compare with"
                hint = f"Give exactly one of {', '.join(OPERATORS)}."
            else:
                message = f"{_shown(value)} does not fit"
        case "pattern":
            message = f"{_shown(value)} is not of the form that ODCS wants"
            hint = (
                "Write `table.column`."
                if path[-1] in ("to", "from") or path[-2:-1] in (("to",), ("from",))
                else ("Use letters, digits, `-` and `_`.")
            )
        case "minimum" | "exclusiveMinimum":
            message = (
                f"must be {'more than' if error.validator == 'exclusiveMinimum' else 'at least'} {wanted}"
            )
        case "minItems" | "maxItems":
            message = (
                f"must have {'at least' if error.validator == 'minItems' else 'at most'} {wanted} entries"
            )
        case "uniqueItems":
            message = "has the same entry twice"
        case "not":
            path = (*path, "from")
            message, hint = (
                "`from` is not allowed on a property",
                "The property itself is what it points from.",
            )
        case _:
            message = error.message
    document.refuse(path, message, hint)


def _type_hint(kinds: list[str], value: Any) -> str:
    if "string" in kinds and isinstance(value, bool | int | float):
        return "Put it in quotes."
    if "boolean" in kinds and str(value).casefold() in ("yes", "on", "y", "1"):
        return "Write `true`."
    if "boolean" in kinds and str(value).casefold() in ("no", "off", "n", "0"):
        return "Write `false`."
    if "array" in kinds and value is not None and not isinstance(value, dict):
        return "Start each entry with `- `."
    return ""


def _enum_hint(value: str, allowed: list[str]) -> str:
    if "timestamp" in allowed:  # logicalType
        meant = next((logical for logical, words in _OTHER_WORDS.items() if value.lower() in words), None)
        return f"Did you mean `{meant}`?" if meant else suggestion(value, LOGICAL_TYPES)
    return suggestion(value, allowed)


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = str(value)
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"
