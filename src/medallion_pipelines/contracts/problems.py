"""What is wrong with a contract, said so that a person can mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """One thing in one file that cannot be honoured, and what to write instead.

    `file` is as the user gave it; `line` is 0 where the file as a whole is meant. `field` is the
    dotted path within the contract, such as `schema[0].properties[3].logicalType`.
    """

    file: Path
    line: int
    field: str
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else str(self.file)
        parts = [where, self.field, self.message.rstrip(".")]
        text = ": ".join(part for part in parts if part)
        return f"{text}. {self.hint}" if self.hint else text
