"""The page: whole by itself, sound, and safe whatever records and names hold."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import pytest
from tests.report.example import BENT, HOSTILE, NOW, empty, step, troubled
from tests.report.reading import Page

from medallion_pipelines.report.model import Counts, Report
from medallion_pipelines.report.page import parts, render
from medallion_pipelines.report.standing import Standing, findings, standing

# what the page itself is made of: a text that became markup would add to these
TAGS = {
    "a", "article", "body", "caption", "circle", "code", "defs", "desc", "details", "div", "em",
    "figcaption", "figure", "footer", "g", "h1", "h2", "h3", "head", "header", "html", "li", "link", "main",
    "marker", "meta", "nav", "p", "path", "pre", "q", "rect", "script", "section", "small", "span",
    "strong", "style", "summary", "svg", "table", "tbody", "td", "text", "th", "thead", "title", "tr",
    "tspan", "ul", "wbr",
}  # fmt: skip
PAGES = {"troubled": troubled(), "empty": empty(), "nothing at all": Report("shop", NOW)}


@pytest.fixture(scope="module", params=PAGES)
def text(request):
    return render(PAGES[request.param])


@pytest.fixture(scope="module")
def trouble():
    return Page(render(troubled()))


def test_every_element_is_closed_in_order(text):
    assert text.startswith("<!DOCTYPE html>")
    assert {one.tag for one in Page(text).elements} <= TAGS


def test_nothing_is_loaded_from_anywhere(text):
    page = Page(text)
    links = [
        one.attributes[name] for one in page.elements for name in ("href", "src") if name in one.attributes
    ]
    assert all(link == "data:," or re.fullmatch(r"#[a-z0-9]+", link) for link in links)
    own = "".join(one.text for tag in ("style", "script") for one in page.all(tag))
    assert not re.search(r"url\(|@import|https?:|fetch\(|import\(", own)


def test_only_the_packages_own_script_and_style_may_run(text):
    page = Page(text)
    (policy,) = [
        one.attributes["content"]
        for one in page.all("meta")
        if one.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    for tag in ("script", "style"):
        (element,) = page.all(tag)
        digest = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert not [
        name for one in page.elements for name in one.attributes if name == "style" or name.startswith("on")
    ]


def test_ids_are_unique_and_every_link_has_its_place(text):
    page = Page(text)
    ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    assert {one.attributes["href"][1:] for one in page.all("a")} <= set(ids)
    named = [
        one.attributes["aria-labelledby"].split()
        for one in page.elements
        if "aria-labelledby" in one.attributes
    ]
    assert {name for names in named for name in names} <= set(ids)


def test_hostile_texts_are_seen_and_not_obeyed(trouble):
    assert trouble.seen.count(HOSTILE) > 10
    assert trouble.all("h1")[0].text == f"shop {HOSTILE}"
    assert trouble.all("title")[0].text == f"shop {HOSTILE} · pipeline report"
    assert "49" not in {one.text for one in trouble.all("h1")}  # 7 * 7


def test_characters_that_bend_a_page_are_spelt_out(trouble):
    assert not set(trouble.seen) & set("\u202e\x00\x1b")
    assert r"user\u202egpj.exe\u0000\u001b[31m" in trouble.seen
    assert BENT not in trouble.seen


def test_a_hidden_table_shows_reasons_and_why_it_shows_no_more(trouble):
    (why,) = trouble.all("p", class_="hidden")
    assert "email (classified restricted)" in why.text
    (reason,) = [
        one.text.split() for one in trouble.all("li") if one.text.strip().startswith("email_format email")
    ]
    assert " ".join(reason) == "email_format email must be a valid email"
    assert "names hidden" in trouble.seen


def test_what_needs_a_look_comes_worst_first(trouble):
    (findings,) = trouble.all("ul", class_="findings")
    assert findings.text.split()[:2] == ["silver.orders", "failed."]
    for words in (
        "bronze.orders has 1 file that cannot be read",
        "silver.customers is 2 d 2 h old; its contract promises 1 d.",
        "silver.orders fails the check all_shops: Every shop reports. (found 2)",
        "gold.sales_daily was not run, because silver.orders failed.",
        "silver.customers sends 2 fields that the contract does not describe.",
    ):
        assert words in " ".join(findings.text.split())


def test_a_table_that_is_gone_needs_a_look_first():
    first, *others = troubled().tables
    gone = replace(first, step=step(), readable=False)
    assert standing(gone) == Standing("bad", "unreadable")
    worst, *_ = findings(replace(troubled(), tables=(gone, *others)))
    assert (worst.state, worst.table, worst.text) == (
        "bad",
        first.key,
        "is gone, or cannot be read: `medallion status` says why.",
    )


def test_a_calm_product_says_that_nothing_needs_a_look():
    table = replace(empty().tables[0], step=troubled().tables[0].step)
    page = Page(render(Report("shop", NOW, (table,), troubled().runs[1:2])))
    assert "Nothing: no table failed or is late" in page.seen


def test_tables_say_their_numbers(trouble):
    (row,) = [one for one in trouble.all("tr") if one.text.split()[:2] == ["silver.orders", "1,240"]]
    assert " ".join(row.text.split()) == "silver.orders 1,240 1,000 80.6 % 40 3.23 % 200 16.1 %"
    (total,) = [
        one.text for one in trouble.all("div", class_="tile") if "records in" in one.text.split("\n")[1]
    ]
    assert "1,300" in total


def test_a_product_that_has_not_run_says_so_in_every_section():
    page = Page(render(empty()))
    assert page.seen.count("Nothing has run yet") == 7
    assert "silver.orders is made of bronze.orders." in page.seen
    assert not page.all("ul", class_="findings")


def test_plots_have_a_title_a_description_and_their_numbers(trouble):
    (plot,) = trouble.all("svg", class_="plot")
    assert plot.attributes["role"] == "img"
    assert "gold.sales_daily by day, 2025-01-01 to 2025-02-28" in plot.text
    assert "orders, sum per day: from 100 to 106, last 102." in plot.text
    (numbers,) = trouble.all("details", class_="numbers")
    assert numbers.text.count("2025-") == 59


def test_bars_name_the_groups_they_are_chosen_from(trouble):
    (bars,) = trouble.all("table", class_="bars-table")
    assert "by country: the greatest 4 of about 14" in bars.text
    assert "12.50" in bars.text and "no value" in bars.text


def test_what_is_there_at_all_is_wide_enough_to_be_seen():
    assert parts(Counts(1_000_000, 999_999, 1, 0)) == [("valid", 0.0, 99.01), ("quarantined", 99.01, 0.99)]
    assert parts(Counts()) == []
