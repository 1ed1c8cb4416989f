"""`medallion new` and what comes of it."""

import importlib.util
import subprocess
import sys

import pytest

from medallion_pipelines import cli as command
from medallion_pipelines.cli import places
from medallion_pipelines.contracts import check_product
from medallion_pipelines.errors import MedallionError, SetupError
from medallion_pipelines.scaffold import NAME, create, sanitised
from medallion_pipelines.tables import Field, Shape

COMMAND = [sys.executable, "-c", "from medallion_pipelines.cli import main; main()"]


def test_a_new_product_is_whole_and_its_contracts_are_valid(tmp_path):
    folder = create("Shop", tmp_path)

    assert sorted(str(path.relative_to(tmp_path)) for path in folder.rglob("*") if path.is_file()) == [
        "shop/README.md",
        "shop/gold/shop_customers.odcs.yaml",
        "shop/gold/shop_customers.sql",
        "shop/landing/orders/2025-01-01.json",
        "shop/landing/orders/2025-01-02.json",
        "shop/silver/shop_orders.odcs.yaml",
        "shop/tests/conftest.py",
        "shop/tests/test_shop.py",
    ]
    assert not [path for path in folder.rglob("*") if path.is_file() and NAME in path.read_text()]
    product, problems = check_product(folder)
    assert problems == []
    assert sorted(product.tables) == ["gold.shop_customers", "silver.shop_orders"]


@pytest.mark.parametrize(
    ("given", "made"),
    [("Sales 2025!", "sales_2025"), ("3rd-party", "rd_party"), ("Überweisung", "uberweisung"), ("a", "a")],
)
def test_names_are_made_fit_for_tables(given, made):
    assert sanitised(given) == made


@pytest.mark.parametrize("given", ["", "!!!", "2025", "../.."])
def test_names_without_a_letter_are_refused(given):
    with pytest.raises(MedallionError, match="it needs a letter"):
        sanitised(given)


def test_a_folder_that_is_there_stays_as_it_is(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "mine").write_text("mine")

    with pytest.raises(MedallionError, match=r"shop is there already, and stays as it is"):
        create("shop", tmp_path)

    assert [path.name for path in tmp_path.rglob("*")] == ["shop", "mine"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(SetupError, match=r"file/shop cannot be written \(.*\)\. Choose another --directory"):
        create("shop", tmp_path / "file")


@pytest.mark.slow
@pytest.mark.engine
def test_the_tests_of_a_new_product_pass(tmp_path, request):
    folder = create("shop", tmp_path)
    spec = importlib.util.spec_from_file_location("test_shop", folder / "tests" / "test_shop.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    spark, lakehouse = request.getfixturevalue("spark"), request.getfixturevalue("lakehouse")

    module.test_revenue_counts_the_newest_version_of_each_order(spark, lakehouse)


def test_pytest_finds_the_tests_of_a_new_product(tmp_path):
    create("shop", tmp_path)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "shop"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert done.stdout.splitlines()[:2] == [
        "shop/tests/test_shop.py::test_revenue_counts_the_newest_version_of_each_order",
        "shop/tests/test_shop.py::test_an_order_without_a_price_is_quarantined",
    ]


@pytest.mark.slow
def test_a_new_product_runs_as_it_is_and_leaves_nothing_but_its_tables(tmp_path):
    def medallion(*words):
        return subprocess.run([*COMMAND, *words], capture_output=True, text=True, cwd=tmp_path)

    medallion("new", "shop")
    ran = medallion("run", "shop", "--landing", "shop/landing")

    assert ran.returncode == 0, ran.stderr
    assert "\x1b" not in ran.stdout + ran.stderr
    assert [line.split()[:7] for line in ran.stdout.splitlines()[1:]] == [
        ["bronze.shop_orders", "succeeded", "5", "5", "0", "0", "5"],
        ["silver.shop_orders", "succeeded", "5", "3", "1", "1", "3"],
        ["gold.shop_customers", "succeeded", "2", "2", "0", "0", "2"],
    ]
    assert "WARN" not in ran.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [".medallion", "shop"]


def test_sql_asks_the_lakehouse(spark, lakehouse, monkeypatch, capsys):
    lakehouse.tables.create("gold.revenue", Shape([Field("day", "DATE"), Field("amount", "DECIMAL(9,2)")]))
    name = f"{lakehouse.settings.gold}.revenue"
    spark.sql(f"INSERT INTO {name} VALUES (DATE'2026-01-31', 1.50), (NULL, NULL)")
    monkeypatch.setattr(places, "lakehouse", lambda **given: lakehouse)
    monkeypatch.setattr(
        sys, "argv", ["medallion", "sql", "--format", "csv", f"SELECT * FROM {name} ORDER BY 1"]
    )
    monkeypatch.setenv("TZ", "UTC")

    with pytest.raises(SystemExit) as ended:
        command.main()

    assert ended.value.code == 0
    assert capsys.readouterr().out.splitlines() == ["day,amount", ",", "2026-01-31,1.50"]
