"""Who may do what, as tables in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medallion_pipelines.contracts.guarded import guards

from .functions import groups, sees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medallion_pipelines.contracts.guarded import Guard
    from medallion_pipelines.contracts.model import Product, Role, Table


def matrix(product: Product) -> str:
    """Tables by roles, and below the guarded columns with those who see them."""
    tables = [product.tables[key] for key in sorted(product.tables)]
    roles = sorted({role.name for table in tables for role in table.roles})
    access = [
        [table.key, *(_cell(product, table, {r.name: r for r in table.roles}.get(name)) for name in roles)]
        for table in tables
    ]
    guarded = [
        [
            f"{table.key}.{column}",
            ", ".join(map(str, found)),
            ", ".join(cleared) or "nobody",
            ", ".join(masked),
        ]
        for table in tables
        for column, found in guards(product, table).items()
        for cleared, masked in [_readers(table, found)]
    ]
    text = _markdown(["table", *roles], access)
    if guarded:
        text += "\n" + _markdown(["guarded column", "is", "seen by", "masked for"], guarded)
    return text


def _cell(product: Product, table: Table, role: Role | None) -> str:
    if role is None or role.access is None:
        return ""
    if role.recipients is not None:
        return f"shared ({', '.join(role.recipients)})"
    hidden = [name for name, found in guards(product, table).items() if not sees(role, found)]
    notes = [f"rows: {role.rows}"] if role.rows else []
    if hidden and table.kind == "table":
        notes.append(f"masked: {', '.join(hidden)}")
    return f"{role.access} ({'; '.join(notes)})" if notes else role.access


def _readers(table: Table, found: tuple[Guard, ...]) -> tuple[list[str], list[str]]:
    """Who sees what is guarded so, and who does not."""
    readers = [role for role in groups(table) if role.access]
    return [r.name for r in readers if sees(r, found)], [r.name for r in readers if not sees(r, found)]


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
