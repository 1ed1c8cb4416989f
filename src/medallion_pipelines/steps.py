"""The steps of a product: work on one table each, after what it is made from. No Spark needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medallion_pipelines.contracts.model import Product, Table
from medallion_pipelines.errors import MedallionError, UnknownNameError


@dataclass(frozen=True)
class Step:
    """Work on one table: `key` is `bronze.x`, `silver.x` or `gold.x`; `table` the contract behind it."""

    key: str
    table: Table
    after: frozenset[str]


def plan(product: Product, only: Sequence[str] | None = None) -> list[Step]:
    """The steps of a product in an order that can be run; with `only`, those and all they are made from.

    Raises UnknownNameError for a name in `only` that the product has not.
    """
    steps: dict[str, Step] = {}
    for key, table in product.tables.items():
        if table.layer == "silver":
            bronze = f"bronze.{table.name}"
            steps[bronze] = Step(bronze, table, frozenset())
            points = {f"{table.layer}.{fk.to_table}" for fk in table.foreign_keys if fk.checked}
            steps[key] = Step(key, table, frozenset({bronze} | points - {key}))
        else:
            steps[key] = Step(key, table, frozenset(f"{i.layer}.{i.table}" for i in table.inputs))
    if only is not None:
        unknown = sorted(set(only) - set(steps))
        if unknown:
            raise UnknownNameError(
                f"{product.name} has no {', '.join(unknown)}. It has {', '.join(sorted(steps))}."
            )
        wanted: set[str] = set()
        todo = list(only)
        while todo:
            key = todo.pop()
            if key not in wanted:
                wanted.add(key)
                todo += steps[key].after
        steps = {key: step for key, step in steps.items() if key in wanted}
    return _ordered(steps)


def _ordered(steps: Mapping[str, Step]) -> list[Step]:
    layers = {"bronze": 0, "silver": 1, "gold": 2}
    ordered: list[Step] = []
    placed: set[str] = set()
    left = sorted(steps.values(), key=lambda step: (layers[step.key.split(".")[0]], step.key))
    while left:
        ready = [step for step in left if step.after & steps.keys() <= placed]
        if not ready:
            raise MedallionError(f"These tables wait for each other: {', '.join(step.key for step in left)}.")
        ordered.append(ready[0])
        placed.add(ready[0].key)
        left.remove(ready[0])
    return ordered
