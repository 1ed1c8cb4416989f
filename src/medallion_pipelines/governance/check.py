"""What contracts would let people see that they should not, without asking any workspace."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from medallion_pipelines.contracts.document import Document, dotted
from medallion_pipelines.contracts.guarded import OPEN, Guard, guards, telling
from medallion_pipelines.contracts.problems import Problem
from medallion_pipelines.contracts.reader import read_document

from .carried import Flow, flow
from .functions import groups, sees
from .model import EVERYONE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from medallion_pipelines.contracts.document import Step
    from medallion_pipelines.contracts.model import Column, Product, Table


def check(product: Product) -> list[Problem]:
    """All that is wrong, by file and line."""
    found = flow(product)
    problems = [
        problem
        for table in product.tables.values()
        for problem in _Contract(product, table, found).problems()
    ]
    return sorted(problems, key=lambda problem: (str(problem.file), problem.line, problem.field))


class _Contract:
    def __init__(self, product: Product, table: Table, found: Flow) -> None:
        self._product, self._table, self._flow = product, table, found
        self._guarded = guards(product, table)

    def problems(self) -> Iterator[Problem]:
        yield from self._owner()
        yield from self._roles()
        for column in self._table.columns:
            yield from self._column(column)
        yield from self._refreshed()

    def _owner(self) -> Iterator[Problem]:
        if self._table.owner is None:
            yield self._problem(
                (), "the table has no owner", "Add a team with a member in the role `owner`, or `owner`."
            )

    def _roles(self) -> Iterator[Problem]:
        for index, role in enumerate(self._table.roles):
            place: tuple[Step, ...] = ("roles", index, "role")
            if role.name.strip().casefold() in EVERYONE:
                yield self._problem(
                    place, f"`{role.name}` is everybody in the account", "Name the group that needs it."
                )
            if role.access is None:
                yield self._problem(
                    place, f"`{role.name}` is granted nothing", "Say `access: read` or `write`.", "warning"
                )
            if role.recipients is not None:
                yield from self._shared(place, role.name)

    def _shared(self, place: tuple[Step, ...], name: str) -> Iterator[Problem]:
        hidden = [c.name for c in self._table.columns if self._shows(c)]
        if hidden:
            yield self._problem(
                place,
                f"`{name}` is another metastore, where nothing is masked: it would see {', '.join(hidden)}",
                "Share a table without them.",
            )
        elif any(role.rows for role in self._table.roles):
            yield self._problem(
                place,
                f"`{name}` is another metastore, and a table with a row filter cannot be shared",
                "Share a mart or a view of what it may see.",
            )

    def _column(self, column: Column) -> Iterator[Problem]:
        place: tuple[Step, ...] = ("schema", 0, "properties", self._index(column))
        level = (column.classification or "").strip().casefold()
        tag = telling(column.tags)
        if tag and level in OPEN:
            yield self._problem(
                (*place, "classification"),
                f"`{column.name}` is tagged {tag}, yet classified {column.classification}",
                "Classify it, `restricted` say, or drop the tag.",
            )
        here = (self._table.key, column.name)
        if here in self._flow.unknown:
            yield self._problem(
                place,
                f"nobody can tell whether `{column.name}` shows guarded columns of what it is made of",
                "List what it is made of in `transformSourceObjects`, or say `declassified` and why.",
            )
        own = {guard.level.casefold() for guard in self._guarded.get(column.name, ())}
        for (key, name), what in self._flow.carried.get(here, {}).items():
            if not own >= {guard.level.casefold() for guard in what}:
                yield self._problem(
                    place,
                    f"`{column.name}` is made of {key}.{name} ({_listed(what)}), "
                    f"and is {_listed(self._guarded.get(column.name, ())) or 'open to all its readers'}",
                    f"Classify it `{what[0].level}`, leave it out, or say `declassified` and why.",
                )
        if self._table.kind == "view":
            yield from self._viewed(place, column)

    def _viewed(self, place: tuple[Step, ...], column: Column) -> Iterator[Problem]:
        what = self._shows(column)
        readers = [role.name for role in groups(self._table) if role.access and not sees(role, what)]
        if what and readers:
            yield self._problem(
                place,
                f"a view cannot mask `{column.name}` ({_listed(what)}), and {', '.join(readers)} may read it",
                "Make it a table, leave the column out, or give the roles `clearance`.",
            )

    def _refreshed(self) -> Iterator[Problem]:
        """Databricks refuses to read earlier versions of tables with masks; incremental refreshes do."""
        if self._table.kind == "view":
            return
        for each in self._table.inputs:
            source = self._product.tables[f"{each.layer}.{each.table}"]
            if guards(self._product, source) or any(role.rows for role in source.roles):
                yield self._problem(
                    ("schema", 0),
                    f"it is made of {source.key}, which has masks or a row filter: Databricks does not read "
                    "earlier versions of such a table, so a refresh that needs one fails there",
                    "Keep what is guarded in a table of its own.",
                    "warning",
                )

    def _shows(self, column: Column) -> tuple[Guard, ...]:
        """All that guards what the column shows."""
        carried = self._flow.carried.get((self._table.key, column.name), {})
        found = (*self._guarded.get(column.name, ()), *(guard for what in carried.values() for guard in what))
        return tuple(dict.fromkeys(found))

    def _problem(
        self,
        path: tuple[Step, ...],
        message: str,
        hint: str,
        severity: Literal["error", "warning"] = "error",
    ) -> Problem:
        return Problem(self._table.path, self._document.line(path), dotted(path), message, hint, severity)

    def _index(self, column: Column) -> int:
        """Where the contract describes the column."""
        nodes = self._document.root.get("schema")
        properties = list(next(nodes.entries()).items("properties")) if nodes else []
        names = [node.text("physicalName") or node.text("name") for node in properties]
        return names.index(column.name)

    @cached_property
    def _document(self) -> Document:
        found = read_document(self._table.path)
        assert isinstance(found, Document), "the product was loaded from it"
        return found


def _listed(what: tuple[Guard, ...]) -> str:
    return ", ".join(map(str, what))
