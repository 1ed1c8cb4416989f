"""`report`: where the page goes, and what is said of it."""

import sys

import pytest

from medallion_pipelines.cli import app as command
from medallion_pipelines.cli import places
from medallion_pipelines.cli.report import beside
from medallion_pipelines.settings import Settings


class Lake:
    """Stands in for a lakehouse that has a page to show."""

    def __init__(self, warehouse):
        self.settings = Settings(warehouse=warehouse)

    def report(self, product):
        return f"<!DOCTYPE html>{product}"


@pytest.fixture
def report(monkeypatch, capsys, tmp_path):
    def write(*arguments):
        monkeypatch.setenv("TZ", "UTC")
        monkeypatch.setattr(places, "load", lambda product: product)
        monkeypatch.setattr(places, "lakehouse", lambda **_: Lake(str(tmp_path / ".medallion" / "warehouse")))
        monkeypatch.setattr(sys, "argv", ["medallion", "report", *arguments])
        with pytest.raises(SystemExit) as ended:
            command.main()
        return (ended.value.code, *capsys.readouterr())

    return write


def test_the_page_lies_beside_the_warehouse_and_its_path_is_printed(report, tmp_path):
    page = tmp_path / ".medallion" / "report.html"

    assert report("shop") == (0, f"{page}\n", "The report, for a browser:\n")
    assert page.read_text() == "<!DOCTYPE html>shop"


def test_the_page_goes_where_it_is_asked_to(report, tmp_path):
    page = tmp_path / "new" / "page.html"

    assert report("--out", str(page))[:2] == (0, f"{page}\n")
    assert page.is_file()


def test_a_place_that_cannot_be_written_is_said(report, tmp_path):
    code, out, err = report("--out", str(tmp_path))

    assert (code, out) == (4, "")
    assert err == f"error: {tmp_path} cannot be written (Is a directory). Name another with --out.\n"


def test_without_a_local_warehouse_the_page_goes_to_the_working_folder():
    assert str(beside(Settings(warehouse=None))) == "report.html"
