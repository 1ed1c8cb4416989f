"""The function as Lambda runs it: from its zip, with boto3, asked by API Gateway and by AppSync."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from tests.apis.athena import LocalAthena, served

from medallion_pipelines.api_function import handler as module
from medallion_pipelines.api_function.errors import RefusedError
from medallion_pipelines.api_function.pages import Pages
from medallion_pipelines.apis.function import HANDLER, package
from medallion_pipelines.apis.published import Published

CONTEXT = SimpleNamespace(aws_request_id="r-1")


@pytest.fixture
def ask(
    shop: Published, athena: LocalAthena, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """The packaged handler, whose Athena is a server on this machine."""
    package(shop, tmp_path / "function.zip")
    with zipfile.ZipFile(tmp_path / "function.zip") as archive:
        tables = archive.read("medallion_pipelines/api_function/tables.json")
    with served(athena) as url:
        for name, value in {
            "AWS_ENDPOINT_URL_ATHENA": url, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": "eu-west-1", "WORKGROUP": "apis", "DATABASE": "gold",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        (tmp_path / "tables.json").write_bytes(tables)
        monkeypatch.setattr(module, "__file__", str(tmp_path / "handler.py"))
        module._pages.cache_clear()
        yield lambda event: module.handler(event, CONTEXT)
        module._pages.cache_clear()


def rest(
    table: str | None = "sales", groups: str | None = "care", headers: Any = None, **query: Any
) -> dict[str, Any]:
    """What API Gateway sends of `GET /gold/sales?...`."""
    claims = {"sub": "u-1"} if groups is None else {"sub": "u-1", "cognito:groups": groups}
    values = {
        name.replace("__", "."): value if isinstance(value, list) else [value]
        for name, value in query.items()
    }
    return {
        "resource": "/gold/{table}" if table else "/gold",
        "httpMethod": "GET",
        "pathParameters": {"table": table} if table else None,
        "multiValueQueryStringParameters": values or None,
        "headers": headers,
        "requestContext": {"authorizer": {"claims": claims}},
    }


def graphql(field: str, parent: str = "Query", groups: Any = ("care",), **arguments: Any) -> dict[str, Any]:
    """What AppSync sends of a field."""
    identity = {"sub": "u-1", "claims": {}, "groups": None if groups is None else list(groups)}
    return {
        "arguments": arguments,
        "identity": identity,
        "info": {"fieldName": field, "parentTypeName": parent, "selectionSetList": []},
    }


def body(answer: Any) -> Any:
    return json.loads(answer["body"])


def test_the_zip_runs_where_nothing_but_boto3_is(
    shop: Published, athena: LocalAthena, tmp_path: Path
) -> None:
    package(shop, tmp_path / "function.zip")
    with zipfile.ZipFile(tmp_path / "function.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    code = (
        "import importlib, json, sys, types\n"
        "module, _, name = sys.argv[1].rpartition('.')\n"
        "answer = getattr(importlib.import_module(module), name)(json.load(sys.stdin), "
        "types.SimpleNamespace(aws_request_id='r'))\n"
        "ours = {m.partition('.')[0] for m in sys.modules} - sys.stdlib_module_names\n"
        "print(json.dumps([answer, sorted(ours)]))"
    )
    with served(athena) as url:
        environment = {
            "AWS_ENDPOINT_URL_ATHENA": url, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": "eu-west-1", "WORKGROUP": "apis", "DATABASE": "gold",
            "PYTHONPATH": f"{tmp_path / 'unpacked'}:{Path(boto3.__file__).parents[1]}",
        }  # fmt: skip
        run = subprocess.run(
            [sys.executable, "-S", "-c", code, HANDLER], input=json.dumps(rest(limit="3")), env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert run.returncode == 0, run.stderr
    answer, loaded = json.loads(run.stdout)
    assert answer["statusCode"] == 200
    assert len(body(answer)["rows"]) == 3
    lambdas = {
        "medallion_pipelines",
        "boto3",
        "botocore",
        "s3transfer",
        "jmespath",
        "dateutil",
        "urllib3",
        "six",
        "certifi",
    }
    assert "boto3" in loaded
    assert {name for name in loaded if not name.startswith("_")} <= lambdas


def test_the_zip_is_the_same_each_time(shop: Published, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        package(shop, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


# REST


def test_pages_follow_each_other_by_rest(ask: Callable[..., Any], athena: LocalAthena) -> None:
    found, after = [], {}
    for _ in range(3):
        answer = body(ask(rest(limit="10", day__from="2026-01-02", **after)))
        found += answer["rows"]
        if answer["next"] is None:
            break
        after = {"after": answer["next"]}
    assert len(found) == len({row["number"] for row in found}) == 17
    assert {asked["WorkGroup"] for asked in athena.asked} == {"apis"}


def test_who_may_read_what_is_said_in_a_list(ask: Callable[..., Any]) -> None:
    assert body(ask(rest(None, "care"))) == {"tables": ["sales"]}
    assert body(ask(rest(None, "visitor"))) == {"tables": []}
    assert ask(rest(None, "care", limit="1"))["statusCode"] == 400


def test_groups_of_the_token_are_the_roles(ask: Callable[..., Any]) -> None:
    assert {row["email"] for row in body(ask(rest(groups="visitor,analyst")))["rows"]} == {"***"}
    assert {row["email"] for row in body(ask(rest(groups="[visitor analyst]")))["rows"]} == {"***"}
    assert {row["region"] for row in body(ask(rest(groups="north")))["rows"]} == {"north's"}
    for nobody in (None, "", "[]", "visitor", "anal", "analyst-care"):
        assert ask(rest(groups=nobody))["statusCode"] == 403


def test_an_answer_may_be_kept_by_its_caller_alone(ask: Callable[..., Any]) -> None:
    first = ask(rest(limit="3"))
    assert first["headers"]["Cache-Control"] == "private, max-age=60"
    assert first["headers"]["Vary"] == "Authorization"
    again = ask(rest(limit="3", headers={"If-None-Match": first["headers"]["ETag"]}))
    assert (again["statusCode"], again["body"]) == (304, "")
    assert ask(rest(limit="4", headers={"if-none-match": first["headers"]["ETag"]}))["statusCode"] == 200


@pytest.mark.parametrize(
    ("event", "status", "title"),
    [
        (rest(limit="0"), 400, "Bad Request"),
        (rest(limit=["1", "2"]), 400, "Bad Request"),
        (rest(email="x"), 400, "Bad Request"),
        (rest(region__like="x"), 400, "Bad Request"),
        (rest(after="e30"), 400, "Bad Request"),
        (rest(groups="visitor"), 403, "Forbidden"),
        (rest("no_table"), 404, "Not Found"),
    ],
)
def test_what_is_refused_is_told_as_a_problem(
    ask: Callable[..., Any], event: Any, status: int, title: str
) -> None:
    answer = ask(event)
    assert answer["statusCode"] == status
    assert answer["headers"] == {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
    assert {**body(answer), "detail": ""} == {
        "type": "about:blank", "title": title, "status": status, "detail": "", "request": "r-1",
    }  # fmt: skip


def test_what_goes_wrong_inside_is_not_told(ask: Callable[..., Any], athena: LocalAthena) -> None:
    athena._duck.execute("DROP TABLE gold.sales")
    answer = ask(rest())
    assert answer["statusCode"] == 500
    assert body(answer)["detail"] == "It could not be answered."
    with pytest.raises(RefusedError) as told:
        ask(graphql("sales"))
    assert str(told.value) == "It could not be answered (request r-1)."
    assert told.value.__cause__ is None and told.value.__suppress_context__


def test_athena_s_throttling_is_passed_on(ask: Callable[..., Any], athena: LocalAthena) -> None:
    athena.busy = True
    answer = ask(rest())
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "5")


# GraphQL


def test_graphql_reads_the_same_rows(ask: Callable[..., Any]) -> None:
    where = {"region": {"eq": "north's"}, "day": {"from": "2026-01-02", "to": None}, "number": None}
    answer = ask(graphql("sales", where=where, limit=2))
    assert answer == body(ask(rest(region="north's", day__from="2026-01-02", limit="2")))
    further = ask(graphql("sales", where=where, limit=2, after=answer["next"]))
    assert further["rows"] and not [row for row in further["rows"] if row in answer["rows"]]


def test_graphql_refuses_as_rest_does(ask: Callable[..., Any]) -> None:
    for event, said in (
        (graphql("sales", groups=None), "None of your roles"),
        (graphql("sales", limit=0), "limit is a whole number"),
        (graphql("sales", limit=True), "limit is a whole number"),
        (graphql("sales", after="x"), "after is no token"),
        (graphql("other"), "no such table"),
    ):
        with pytest.raises(RefusedError, match=said):
            ask(event)


def test_only_who_may_read_a_table_is_told_of_it(ask: Callable[..., Any]) -> None:
    assert ask(graphql("onPublished", "Subscription", table="sales")) is None
    for groups, table in (("visitor", "sales"), ("care", "others")):
        with pytest.raises(RefusedError):
            ask(graphql("onPublished", "Subscription", groups=[groups], table=table))


def commit(key: str, **identity: Any) -> dict[str, Any]:
    event = graphql("published", "Mutation", key=key, at="2026-01-01T00:00:00Z")
    return {**event, "identity": identity}


PLATFORM = {"userArn": "arn:aws:sts::1:assumed-role/medallion-serving-api-events/x", "accountId": "1"}


def test_a_commit_of_a_gold_table_is_told(ask: Callable[..., Any]) -> None:
    told = ask(commit("gold/sales/_delta_log/00000000000000000012.json", **PLATFORM))
    assert told == {"table": "sales", "version": 12, "at": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    "key",
    [
        "gold/other/_delta_log/00000000000000000012.json",
        "gold/sales/_delta_log/_staged_commits/00000000000000000012.5.json",
        "gold/sales/part-0.parquet",
        "gold/sales/_delta_log/12.json",
        "",
    ],
)
def test_nothing_else_is_told(ask: Callable[..., Any], key: str) -> None:
    with pytest.raises(RefusedError, match="no commit"):
        ask(commit(key, **PLATFORM))


def test_people_cannot_say_that_a_table_was_published(ask: Callable[..., Any]) -> None:
    with pytest.raises(RefusedError, match="Only the platform"):
        ask(commit("gold/sales/_delta_log/00000000000000000012.json", sub="u-1", groups=["engineer"]))


def test_the_log_has_no_values_of_callers(pages: Pages, caplog: pytest.LogCaptureFixture) -> None:
    module.rest(pages, rest(region="secret's", after="secret"), "r-1")
    module.rest(pages, rest(region="secret's"), "r-1")
    assert "secret" not in caplog.text
