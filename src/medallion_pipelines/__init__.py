"""The medallion lakehouse: data contracts in, governed Delta tables out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medallion_pipelines.lakehouse import Lakehouse

__all__ = ["Lakehouse"]


def __getattr__(name: str) -> Any:
    # Spark takes a second to import, and `medallion validate` does without it
    if name == "Lakehouse":
        from medallion_pipelines.lakehouse import Lakehouse

        return Lakehouse
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
