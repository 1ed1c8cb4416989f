"""Contract tags as Unity Catalog takes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FIXED = ("product", "domain", "classification", "retention_days")
_REFUSED = re.compile(r"[^\w ]+")  # of keys: . , - = / : and the like
_LONGEST_KEY, _LONGEST_VALUE = 127, 256


def tags(texts: Iterable[str], **fixed: str | None) -> dict[str, str]:
    """Keys and values: `pii` is a key alone, `pii:email` has a value, two of one key are joined.

    The fixed ones win over a contract's tag of that name. Characters that Unity Catalog refuses become `_`.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        key, _, value = re.split(r"([:=])", text, maxsplit=1) if re.search("[:=]", text) else (text, "", "")
        name = _plain(key, _LONGEST_KEY)
        if name and name not in FIXED:
            found.setdefault(name, []).append(_plain(value, _LONGEST_VALUE))
    said = {key: " ".join(dict.fromkeys(filter(None, sorted(values)))) for key, values in found.items()}
    given = {key: _plain(value, _LONGEST_VALUE) for key, value in fixed.items() if value}
    return {key: value[:_LONGEST_VALUE] for key, value in (said | given).items()}


def _plain(text: str, longest: int) -> str:
    return _REFUSED.sub("_", text.strip())[:longest].strip()
