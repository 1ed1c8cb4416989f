"""A folder to write contracts into, seen by the checks as `product`."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

import pytest

from medallion_pipelines.contracts import Table, check_product

SILVER = """\
apiVersion: v3.1.0
kind: DataContract
id: {name}
version: 1.0.0
status: active
schema:
  - name: {name}
    customProperties:
      - {{property: layer, value: silver}}
      - {{property: source, value: {{path: "{name}/*.json", format: json}}}}
"""
GOLD = """\
apiVersion: v3.1.0
kind: DataContract
id: gold-{name}
version: 1.0.0
status: active
schema:
  - name: {name}
    customProperties:
      - {{property: layer, value: gold}}
"""
PROPERTIES_LINE = SILVER.count("\n") + 1  # where `properties:` stands when nothing else is added


class Folder:
    """Contracts being written, and what the checks make of them."""

    def __init__(self) -> None:
        self.path = Path("product")
        self.path.mkdir()

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def silver(
        self, properties: str, *, name: str = "flights", custom: str = "", table: str = "", root: str = ""
    ) -> None:
        """A silver contract; the texts go below `properties`, `customProperties`, the table and the root."""
        self._contract(SILVER, f"{name}.odcs.yaml", properties, name, custom, table, root)

    def gold(
        self, properties: str, *, name: str = "marts", custom: str = "", table: str = "", root: str = "",
        transform: str | None = ".sql",
    ) -> None:  # fmt: skip
        self._contract(GOLD, f"gold/{name}.odcs.yaml", properties, name, custom, table, root)
        if transform is not None:
            self.write(f"gold/{name}{transform}", "SELECT 1")

    def _contract(
        self, start: str, file: str, properties: str, name: str, custom: str, table: str, root: str
    ) -> None:
        parts = [
            start.format(name=name).rstrip("\n"),
            indent(dedent(custom).strip("\n"), " " * 6),
            indent(dedent(table).strip("\n"), " " * 4),
            "    properties:",
            indent(dedent(properties).strip("\n"), " " * 6),
            dedent(root).strip("\n"),
        ]
        self.write(file, "\n".join(part for part in parts if part) + "\n")

    def problems(self) -> list[str]:
        """The problems, without the folder's name in front."""
        _, problems = check_product(self.path)
        return [str(problem).removeprefix("product/") for problem in problems]

    def said(self) -> list[str]:
        """The problems, as field and message and hint."""
        return [text.split(": ", 1)[1] for text in self.problems()]

    def table(self, key: str = "silver.flights") -> Table:
        product, problems = check_product(self.path)
        assert product is not None, "\n".join(map(str, problems))
        return product.tables[key]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.chdir(tmp_path)
    return Folder()
