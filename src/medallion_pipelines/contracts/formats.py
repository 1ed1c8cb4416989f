"""The formats that ODCS names, as Java regular expressions, ranges and date patterns."""

from __future__ import annotations

import re

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = rf"{_LABEL}(\.{_LABEL})*"
_BYTE = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_BYTE}(\.{_BYTE}){{3}}"
_GROUP = r"[0-9A-Fa-f]{1,4}"
_IPV6 = "|".join(
    [
        rf"({_GROUP}:){{7}}{_GROUP}",
        rf"({_GROUP}:){{6}}{_IPV4}",
        *(rf"({_GROUP}:){{{n}}}(:{_GROUP}){{1,{7 - n}}}" for n in range(1, 7)),
        rf":((:{_GROUP}){{1,7}}|:)",
        rf"({_GROUP}:){{1,7}}:",
        *(rf"({_GROUP}:){{{n}}}(:{_GROUP}){{0,{5 - n}}}:{_IPV4}" for n in range(1, 6)),
        rf":(:{_GROUP}){{0,5}}:{_IPV4}",
    ]
)

# `\z` and not `$`: in Java `$` lets a line break pass at the end.
STRING_PATTERNS = {
    "email": rf"\A[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_HOSTNAME}\z",
    "uuid": r"\A[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\z",
    "uri": r"\A[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+\z",
    "hostname": rf"\A(?=.{{1,253}}\z){_HOSTNAME}\z",
    "ipv4": rf"\A{_IPV4}\z",
    "ipv6": rf"\A({_IPV6})\z",
}

_MINUTES = "([01][0-9]|2[0-3]):[0-5][0-9]"
TIME = rf"\A{_MINUTES}(:[0-5][0-9](\.[0-9]{{1,9}})?)?\z"
TIME_PATTERNS = {"HH:mm": rf"\A{_MINUTES}\z", "HH:mm:ss": rf"\A{_MINUTES}:[0-5][0-9]\z"}

INTEGER_RANGES = {
    f"{sign}{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if sign == "i" else (0, 2**bits - 1)
    for sign in "iu"
    for bits in (8, 16, 32, 64, 128)
}

_QUOTED = re.compile(r"'[^']*'")
_SPARK_LETTERS = set("GyMLdDQqEFahHkKmsSVzOXx")


def is_date_pattern(pattern: str) -> bool:
    """Whether Spark reads dates by this Java pattern."""
    if pattern.count("'") % 2:
        return False
    bare = _QUOTED.sub("", pattern)
    letters = {character for character in bare if character.isalpha()}
    return (
        bool(letters)
        and letters <= _SPARK_LETTERS
        and not set(bare) & set("#{}")
        and (bare.count("[") == bare.count("]"))
    )
