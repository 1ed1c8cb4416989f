"""The custom property `source`: where a silver table's records come from."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from medallion_pipelines.errors import SourceError
from medallion_pipelines.kinesis.options import check_option, option_names

from .events import read_events
from .formats import is_date_pattern
from .model import Format, Source
from .names import refuse_unknown_keys, suggestion

if TYPE_CHECKING:
    from .document import Node

FORMATS = ("json", "csv", "parquet")
_KEYS = ("path", "stream", "format", "multiLine", "concatenated", "options", "events")
# ODCS and Spark name some things differently; the first name is Spark's.
_CSV = (
    "sep", "quote", "escape", "header", "nullValue", "ignoreLeadingWhiteSpace",
    "ignoreTrailingWhiteSpace", "dateFormat", "timestampFormat", "encoding",
)  # fmt: skip
_JSON = ("dateFormat", "timestampFormat", "encoding")
OPTIONS: dict[str, tuple[str, ...]] = {"csv": _CSV, "json": _JSON, "parquet": ()}
# of streams: what the source `kinesis` takes, save what is said elsewhere; a credential is Databricks' own
STREAM = (
    *(name for name in option_names() if name not in ("streamName", "metadataPath")),
    "serviceCredential",
)
_SPELLINGS = {"delimiter": "sep", "charset": "encoding"}
_BOOLEAN = ("header", "ignoreLeadingWhiteSpace", "ignoreTrailingWhiteSpace")


def read_source(node: Node) -> Source | None:
    """The feed; None after a problem."""
    if not isinstance(node.value, dict):
        node.problem("must be a mapping", "Such as `{path: flights/*.json, format: json}`.")
        return None
    refuse_unknown_keys(node, _KEYS, "source")
    path, format_ = node.text("path"), node.text("format")
    stream = _read_stream(node) if node.get("stream") is not None else None
    if stream is not None:
        path = f"kinesis://{stream['streamName']}"
    elif path is None:
        node.at("path").problem(
            "`path` is missing",
            "A glob below the landing zone, such as `flights/*.json`; or name a `stream` of Kinesis.",
        )
    elif path.startswith("kinesis://"):  # as bronze calls where a record came from
        hint = f"Write `stream: {path.removeprefix('kinesis://').split('/')[0]}`."
        node.at("path").problem(f"`{path}` is no place of files", hint)
    if format_ not in FORMATS:
        node.at("format").problem(
            f"`{format_}` is not supported" if format_ else "`format` is missing",
            f"One of {', '.join(FORMATS)}.",
        )
        return None
    if stream is not None and format_ != "json":
        node.at("format").problem(f"`{format_}` is not read from streams", "Write `json`.")
    multi_line = node.at("multiLine")
    if not isinstance(multi_line.value, bool | None):
        multi_line.problem("must be true or false")
    elif multi_line.value and format_ == "parquet":
        multi_line.problem("has no meaning for parquet", "Drop it.")
    concatenated = node.at("concatenated")
    if not isinstance(concatenated.value, bool | None):
        concatenated.problem("must be true or false")
    elif concatenated.value and format_ != "json":
        concatenated.problem("is for json only", "Drop it.")
    elif concatenated.value and stream is not None:
        concatenated.problem("is for files", "A record of a stream stands alone: drop it.")
    elif concatenated.value and multi_line.value is not None:
        multi_line.problem("is implied by `concatenated`: a record may go over lines", "Drop it.")
    # a quoted line end is part of any CSV; JSON lines are far more common than JSON documents
    whole = format_ == "csv" if multi_line.value is None else node.flag("multiLine")
    options = _read_options(node.at("options"), format_, streams=stream is not None)
    if path is None:
        return None
    source = Source(
        path, cast("Format", format_), whole, options, stream, concatenated=node.flag("concatenated")
    )
    return replace(source, events=read_events(node.at("events"), source))


def _read_stream(node: Node) -> dict[str, str]:
    """The options of the source `kinesis`."""
    name = node.text("stream") or ""
    if node.get("path") is not None:
        node.at("path").problem("stands beside `stream`", "Records come from files or from streams.")
    _check_stream_option(node.at("stream"), "streamName", name)
    found = {"streamName": name}
    for key in node.at("options").keys:
        place = node.at("options").at(key)
        if key in STREAM:
            value = place.value if isinstance(place.value, str) else json.dumps(place.value)
            if key != "serviceCredential":
                _check_stream_option(place, key, value)
            found[key] = value
    return found


def _check_stream_option(place: Node, name: str, value: str) -> None:
    try:
        check_option(name, value)
    except SourceError as error:
        place.problem(str(error).removesuffix("."))


def _is_one_character(option: str, value: str) -> bool:
    return (len(value) == 1 and value not in "\r\n") or (option == "quote" and value == "")


def _read_options(node: Node, format_: str, *, streams: bool) -> dict[str, str]:
    options: dict[str, str] = {}
    known = (*OPTIONS[format_], *(STREAM if streams else ()))
    if node.value is not None and not isinstance(node.value, dict):
        node.problem("must be a mapping", "Such as `{header: true, sep: ';'}`.")
    for key in node.keys:
        name = _SPELLINGS.get(key, key)
        place = node.at(key)
        if name not in known:
            place.problem(
                f"`{key}` is not a supported option of {format_}",
                suggestion(key, known) or "It takes none.",
            )
            continue
        if name in STREAM:
            continue
        value = str(place.value).lower() if isinstance(place.value, bool) else place.value
        if not isinstance(value, str):
            place.problem("must be text", "Put it in quotes.")
        elif name in _BOOLEAN and value not in ("true", "false"):
            place.problem("must be true or false")
        elif name in ("sep", "quote", "escape") and not _is_one_character(name, value):
            place.problem("must be one character", 'A tab is written `"\\t"`, in double quotes.')
        elif name == "encoding":
            if value.upper() not in ("UTF-8", "UTF8"):
                place.problem(f"`{value}` is not supported", "Convert the files to UTF-8.")
        elif name in ("dateFormat", "timestampFormat") and not is_date_pattern(value):
            place.problem(f"`{value}` is not a pattern of Spark's", "Such as `yyyy-MM-dd HH:mm:ss`.")
        elif name in options:
            place.problem(f"`{name}` is here twice", "`delimiter` and `sep` are the same.")
        else:
            options[name] = value
    if format_ == "csv" and options.get("sep", ",") == options.get("quote", '"'):
        node.problem("`sep` and `quote` are the same character", "Choose another for one of them.")
    return options
