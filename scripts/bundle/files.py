"""Files that a bundle names: paths are relative to the file that names them, and a glob may match nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.bundle.config import Config

_PATHS = ("notebook_path", "python_file", "file_path", "whl", "jar", "requirements")


def check_files(config: Config) -> None:
    """Note files that are not there, wheels that are not built here, and libraries that are more than one."""
    built = set()
    for name, artifact in (config.top.get("artifacts") or {}).items():
        for place, file in enumerate(artifact.get("files", [])):
            at = f"artifacts.{name}.files[{place}].source"
            found = _found(config, at, config.root, file.get("source", ""))
            if len(found) > 1:
                config.problem(at, f"{file['source']} matches {len(found)} files; one is deployed")
            built |= set(found)
    for kind in config.resources:
        for at, resource in config.each(kind):
            folder = config.files[at.removeprefix("resources.")].parent
            for where, path in _named(at, resource):
                found = _found(config, where, folder, path)
                if path.endswith(".whl") and found and not set(found) <= built:
                    config.problem(where, f"{path} is not what `artifacts` builds")


def _named(at: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _named(f"{at}[{place}]", inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            where = f"{at}.{key}"
            if key in _PATHS and _is_local(inner):
                yield where, inner
            elif key == "dependencies":
                for place, text in enumerate(inner):
                    if _is_local(text) and ("/" in text or text.endswith(".whl")):
                        yield f"{where}[{place}]", re.sub(r"\[[\w,-]+\]$", "", text)
            else:
                yield from _named(where, inner)


def _is_local(text: object) -> bool:
    return isinstance(text, str) and not re.match(r"/|~|<|[a-z0-9]+:|-[re] ", text)


def _found(config: Config, at: str, folder: Path, path: str) -> list[Path]:
    def matching(start: Path) -> list[Path]:
        plain = (start / path).resolve()
        return sorted(plain.parent.glob(plain.name))

    found = matching(folder)
    if not found:
        shown = folder.relative_to(config.root) if folder.is_relative_to(config.root) else folder
        there = matching(config.root) if folder != config.root else []
        hint = f", but relative to the bundle's root: write {'../' * len(shown.parts)}{path}" if there else ""
        config.problem(at, f"{path} is not there relative to {shown}/{hint}")
    return found
