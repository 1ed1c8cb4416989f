"""The lineage picture: all edges of the contracts, and nodes that do not lie on one another."""

from __future__ import annotations

import itertools
import re

import pytest
from tests.report.example import NOW, empty, troubled

from medallion_pipelines.report.layers import arrange
from medallion_pipelines.report.lineage import HEIGHT, WIDTH, draw
from medallion_pipelines.report.model import Report, TableReport


def edges(report, kind):
    return {(edge.start, edge.end) for edge in draw(report).edges if edge.kind == kind}


def node(report, key):
    return next(one for one in draw(report).nodes if one.key == key)


def test_every_table_hangs_on_what_it_is_made_of():
    assert edges(empty(), "flow") == {
        ("source.bronze.orders", "bronze.orders"),
        ("bronze.orders", "silver.orders"),
        ("silver.orders", "gold.sales"),
    }


def test_foreign_keys_are_edges_of_their_own():
    assert edges(troubled(), "key") == {("silver.orders", "silver.customers")}


def test_layers_go_from_left_to_right():
    picture = draw(troubled())
    x = {one.key: one.x for one in picture.nodes}
    assert all(x[start] < x[end] for start, end in edges(troubled(), "flow"))
    assert [heading.text for heading in picture.headings] == ["Sources", "Bronze", "Silver", "Gold"]
    assert picture.headings[-1].width > WIDTH  # over both columns of gold


@pytest.mark.parametrize("report", [troubled(), empty()])
def test_nodes_keep_apart_and_within_the_picture(report):
    picture = draw(report)
    for one, other in itertools.combinations(picture.nodes, 2):
        assert abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT, (one.key, other.key)
    for one in picture.nodes:
        assert 0 <= one.x <= picture.width - WIDTH and 0 <= one.y <= picture.height - HEIGHT


def test_an_edge_over_several_columns_passes_between_the_nodes():
    picture = draw(troubled())
    (long,) = [e for e in picture.edges if (e.start, e.end) == ("silver.customers", "gold.board")]
    passed = next(one for one in picture.nodes if one.key == "gold.sales_daily")
    (level,) = {float(y) for x, y in re.findall(r" ([\d.]+) ([\d.]+)H", long.path)}
    between = [n for n in picture.nodes if n.x == passed.x]
    assert all(not n.y <= level <= n.y + HEIGHT for n in between)


def test_states_are_words_as_well_as_colours():
    states = {one.key: (one.standing.state, one.standing.word) for one in draw(troubled()).nodes}
    assert states["silver.orders"] == ("bad", "failed")
    assert states["silver.customers"] == ("warn", "stale")
    assert states["gold.sales_daily"] == ("warn", "skipped")
    assert states["bronze.orders"] == ("warn", "files left out")
    assert states["gold.customers_by_country_and_segment"] == ("never", "never run")
    assert states["gold.board"] == ("good", "up to date")


def test_long_names_are_broken_at_a_word():
    table = TableReport("silver.airport_departure_statistics_by_month_and_carrier", "silver")
    (one,) = draw(Report("p", NOW, (table,))).nodes
    assert one.lines == ("airport_departure_", "statistics_by_mont…")
    assert node(troubled(), "source.bronze.customers").lines == ("customers/*.csv",)


def test_an_edge_to_a_table_of_another_product_is_left_out():
    table = TableReport("gold.sales", "gold", made_of=("silver.elsewhere",))
    assert draw(Report("p", NOW, (table,))).edges == ()


def test_an_order_without_crossings_is_found():
    column = {"a": 0, "b": 0, "c": 0, "x": 1, "y": 1, "z": 1}
    places = arrange(column, [("a", "z"), ("b", "y"), ("c", "x")], lambda key: (10, 5))
    assert [places[k].middle for k in "abc"] == [places[k].middle for k in "zyx"]
