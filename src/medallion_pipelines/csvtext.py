"""CSV as text (RFC 4180, section 2): where a record ends, and whether its quotes are sound.

The patterns are Java regular expressions. All repetition is possessive: no backtracking, no recursion,
whatever the length.
"""

from __future__ import annotations

import re


def record_pattern(sep: str, quote: str, escape: str | None = None) -> str:
    """Takes one record with its line end.

    A quote counts only where a field begins, so a stray one spoils its own line and no more.
    """
    comma = re.escape(sep)
    field = rf"[^{comma}\r\n]*+"
    if quote:
        field = rf"(?:{_quoted(quote, escape)}(?=[{comma}\r\n]|\z)|{field})"
    return rf"(?s){field}(?:{comma}{field})*+(?:\r\n|\n|\r|\z)"


def sound_pattern(sep: str, quote: str, escape: str | None = None) -> str:
    """Matches a record (without its line end) in which each field that begins with a quote ends with one.

    A parser would take what follows an unclosed quote, separators and all, for one value.
    """
    comma = re.escape(sep)
    field = rf"(?:{_quoted(quote, escape)}[ \t]*+|(?!{re.escape(quote)})[^{comma}]*+)"
    return rf"(?s)\A{field}(?:{comma}{field})*+\z"


def _quoted(quote: str, escape: str | None) -> str:
    q = re.escape(quote)
    inner = rf"(?:[^{q}]++|{q}{q})*+"
    if escape is not None and escape != quote:
        e = re.escape(escape)
        inner = rf"(?:[^{q}{e}]++|{e}.|{q}{q})*+"
    return rf"{q}{inner}{q}"
