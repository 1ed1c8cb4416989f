"""JSON values one after the other, with or without anything between them: where each ends.

Amazon Data Firehose and Kinesis producers put records together without line ends. Within a JSON text, a
closing bracket is followed by a comma or another closing bracket, and a string by one of those or a colon; so
where a value ends can be told without counting brackets, and a record that is broken is noticed at once.
"""

from __future__ import annotations

import re

_S = r"[ \t\r\n]*+"
_END = r"(?![\s\S])"  # Java and Python spell it differently otherwise
_CHARACTERS = r'(?:[^"\\\x00-\x1f]++|\\.)*+'
_STRING = rf'"{_CHARACTERS}"(?={_S}(?:[,:}}\]]|{_END}))'
_INNER_CLOSE = rf"[}}\]](?={_S}[,}}\]])"
_REST = rf'"(?:[^}}]++|}}(?!{_S}\{{{_S}"))*+}}?+'

# Takes one record; blanks between records are pieces of their own, so all pieces together are the text. One
# that breaks off takes along what follows, up to a place where an object ends and another begins. For Java
# and Python alike; all repetition is possessive, nothing is read twice: the time grows with the length alone.
# Bytes are to be matched as ISO-8859-1: in UTF-8 no byte of a longer character is one of JSON's own.
RECORD = (
    rf'(?s)[{{\[](?:{_STRING}|[^"}}\]]++|{_INNER_CLOSE})*+(?:[}}\]]|{_REST})?+'  # an object or an array
    rf'|"{_CHARACTERS}"?+|[ \t\r\n]++|[^{{\[" \t\r\n][^{{\["\r\n]*+'  # a string, blanks, anything else
)
_RECORD = re.compile(RECORD)


def records(content: bytes) -> list[bytes]:
    """The records of a file's bytes, each exactly as it came."""
    pieces = _RECORD.findall(content.removeprefix(b"\xef\xbb\xbf").decode("latin-1"))
    return [piece.encode("latin-1") for piece in pieces if piece.strip(" \t\r\n")]
