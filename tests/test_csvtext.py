"""The patterns that cut CSV files into records and judge their quotes, against Python's csv module."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_pipelines.csvtext import record_pattern, sound_pattern

CELLS = st.text(alphabet='ab,;"\n\r \u00e9', max_size=6)


def cut(text: str, sep: str = ",", quote: str = '"') -> list[str]:
    pattern = record_pattern(sep, quote).replace(r"\z", r"\Z")  # Java's \z is Python's \Z
    return [piece for piece in re.findall(pattern, text) if piece.strip()]


@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_wrote_is_cut_into_its_rows(table: list[list[str]], end: str) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end).writerows(table)
    pieces = cut(text.getvalue())
    assert [next(csv.reader(io.StringIO(piece, newline=""))) for piece in pieces] == table


@given(st.text(alphabet='ab,"\n\r', max_size=40))
def test_no_character_is_lost_whatever_the_text(text: str) -> None:
    pattern = record_pattern(",", '"').replace(r"\z", r"\Z")
    assert "".join(re.findall(pattern, text)) == text


def test_a_stray_quote_spoils_its_own_line_and_no_more() -> None:
    assert cut('a,5" pipe\nb,"open\nc,1\n') == ['a,5" pipe\n', 'b,"open\n', "c,1\n"]


@pytest.mark.parametrize("sep", ["|", ";", "\t", "||"[:1], "^", "]"])
def test_any_separator_will_do(sep: str) -> None:
    assert cut(f'a{sep}"x{sep}\n"\nb{sep}c\n', sep=sep) == [f'a{sep}"x{sep}\n"\n', f"b{sep}c\n"]


@given(st.lists(CELLS, min_size=1, max_size=4), st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
def test_what_a_csv_writer_wrote_has_sound_quotes(cells: list[str], quoting: int) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator="").writerow(cells)
    assert re.search(sound_pattern(",", '"').replace(r"\z", r"\Z"), text.getvalue())


@pytest.mark.parametrize("record", ['"open', 'a,"open', '"a"b,c', 'a,"b,c', '"a""', '"'])
def test_a_quote_that_opens_a_field_and_does_not_close_it_is_not_sound(record: str) -> None:
    assert not re.search(sound_pattern(",", '"').replace(r"\z", r"\Z"), record)
