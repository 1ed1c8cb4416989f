"""Platform files: what is wrong with one is said with its line, before any account is spoken to."""

from pathlib import Path

import pytest
import yaml
from tests.platform.conftest import SMALL

from medallion_pipelines.errors import ContractError
from medallion_pipelines.platform import load_platform
from medallion_pipelines.platform.plan import Key, Ref
from medallion_pipelines.platform.state import KINDS


def problems(tmp_path: Path, text: str, **variables: str) -> list[str]:
    file = tmp_path / "platform.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(ContractError) as refused:
        load_platform(file, variables)
    return [str(problem).removeprefix(f"{file}:") for problem in refused.value.problems]


def test_the_example_declares_three_workspaces_two_metastores_and_what_contracts_ask_of_both(example):
    names = {
        kind: [r.key.name for r in example.resources if r.key.kind == kind]
        for kind in ("workspace", "metastore")
    }
    assert names == {
        "workspace": ["ingest", "analytics", "recovery"],
        "metastore": ["flights-eu", "flights-us"],
    }
    catalogs = {r.key for r in example.resources if r.key.kind == "catalog"}
    assert {
        Key("catalog", "flights_prod", "flights-eu"),
        Key("catalog", "flights_prod", "flights-us"),
    } <= catalogs
    assert example.seats == {"flights-eu": "ingest", "flights-us": "recovery"}


def test_every_object_refers_to_kinds_that_are_made_before_it(small, example):
    order = {kind.name: position for position, kind in enumerate(KINDS)}

    for declared in (small, example):
        keys = {resource.key for resource in declared.resources}
        assert len(keys) == len(declared.resources)
        for resource in declared.resources:
            values = [
                each
                for value in resource.values.values()
                for each in (value if isinstance(value, tuple) else (value,))
            ]
            needed = [*resource.after, *(each.key for each in values if isinstance(each, Ref))]
            assert set(needed) <= keys
            assert all(order[key.kind] < order[resource.key.kind] for key in needed if key.kind != "group")


def test_the_small_file_has_every_kind(small):
    assert {resource.key.kind for resource in small.resources} == {kind.name for kind in KINDS}


def test_catalogs_come_from_contracts_where_the_file_does_not_declare_them(tmp_path):
    text = SMALL.read_text("utf-8").replace(
        "    catalogs: {flights:",
        "    contracts: [{product: flights, environment: staging}]\n    catalogs: {flights:",
    )
    roles = ("engineer", "analyst", "operations", "network_planning", "customer_care", "public")
    for role in roles:
        text = text.replace("groups:\n", f"groups:\n  flights_{role}:\n", 1)
    file = tmp_path / "platform.yaml"
    file.write_text(text, "utf-8")

    keys = [resource.key for resource in load_platform(file).resources if resource.key.kind == "catalog"]

    assert keys == [Key("catalog", "flights", "eu"), Key("catalog", "flights_staging", "eu")]


def test_contracts_that_do_not_fit_the_file_are_refused(tmp_path):
    text = """\
groups:
  {flights_engineer: , flights_analyst: , flights_operations: , flights_network_planning: , flights_public: }
metastores:
  eu:
    region: eu-west-1
    governed_from: one
    contracts:
      - {product: flights, environment: prd}
      - {product: flihgts, environment: prod}
"""
    found = problems(tmp_path, text)

    assert found == [
        "6: metastores.eu.governed_from: `one` is not declared in `workspaces`",
        "8: metastores.eu.contracts[0]: `flights_customer_care`, a role of flights's contracts, is no group. "
        "Declare it in `groups`.",
        "8: metastores.eu.contracts[0].environment: no contract of flights has a catalog in `prd`. "
        "Did you mean `prod`?",
        "9: metastores.eu.contracts[1].product: There is no product flihgts: it is neither a folder nor one "
        "of those that ship with the package (flights)",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("networks: {eu: {vpc_id: a}}", "1: networks.eu.security_group_ids: `security_group_ids` is missing"),
        ("network: {}",
         "1: network: `network` is not a key of a platform file here. Did you mean `networks`?"),
        ("groups: {a/b: }",
         "1: groups.a/b: `a/b` is not of the form wanted here. "
         "Use letters, digits, spaces, `.`, `_` and `-`."),
        ("vpc_endpoints: {a: {aws_vpc_endpoint_id: b, region: Ireland}}",
         "1: vpc_endpoints.a.region: `Ireland` is not of the form wanted here. "
         "Write an AWS region, such as eu-west-1."),
        ("customer_managed_keys:\n  a: {key_arn: k, use_cases: [STORAGES]}", "2: "
         "customer_managed_keys.a.use_cases[0]: `STORAGES` is not allowed. Did you mean `STORAGE`?"),
        ("log_delivery:\n  a: {log_type: AUDIT_LOGS, credentials: b, storage_configuration: c}",
         "2: log_delivery.a.credentials: `b` is not declared in `credentials`"),
        ("metastores: {eu: {region: eu-west-1, governed_from: a, catalogs: {Flights: }}}",
         "1: metastores.eu.catalogs.Flights: `Flights` is not of the form wanted here. "
         "Unity Catalog keeps names in lower case: use a-z, digits, `_` and `-`."),
        ("- a", "1: is a list, not a mapping"),
    ],
)  # fmt: skip
def test_a_problem_names_line_field_and_what_to_write(tmp_path, text, problem):
    assert problems(tmp_path, text)[0] == problem


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("password", "hunter2"), ("GoogleServiceAccountKeyJson", "'{private_key: hunter2}'"),
        ("access_key", "hunter2"), ("passphrase", "hunter2"),
        ("url", "'jdbc:postgresql://reader:hunter2@db.example.com/b'"),
    ],
)  # fmt: skip
def test_a_secret_is_not_written_down_but_named(tmp_path, option, value):
    text = SMALL.read_text("utf-8").replace(
        "host: db.example.com,", f"host: db.example.com, {option}: {value},"
    )

    (found,) = problems(tmp_path, text)

    assert f"options.{option}: `{option}` is not written down here. Name a secret of Unity " in found
    assert "hunter2" not in found


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("private_access_settings: eu\n    network_c", "private_access_settings: us\n    network_c",
         "workspaces.one.private_access_settings: `us` is not declared in `private_access_settings`. "
         "Known: `eu`."),
        ("  eu:\n    region: eu-west-1", "  eu:\n    region: us-east-1",
         "workspaces.one.metastore: `eu` is in us-east-1. The workspace is in eu-west-1."),
        ("workspaces: {one: READ_WRITE}", "workspaces: {one: READ_WRITE, two: READ_WRITE}",
         "metastores.eu.catalogs.flights.workspaces.two: `two` is not declared in `workspaces`. "
         "Known: `one`."),
        ("permissions: {engineers: USER}", "permissions: {engineer: USER}",
         "workspaces.one.permissions.engineer: `engineer` is not declared in `groups`. "
         "Did you mean `engineers`?"),
        ("service_principals: [loader]\n", "service_principals: [loader]\nremoved: {networks: [one]}\n",
         "removed.networks[0]: network `one` is declared, too. Keep one of both."),
    ],
)  # fmt: skip
def test_objects_that_do_not_fit_each_other_are_refused(tmp_path, before, after, problem):
    text = SMALL.read_text("utf-8")
    assert before in text

    assert [found.split(": ", 1)[1] for found in problems(tmp_path, text.replace(before, after, 1))] == [
        problem
    ]


def test_an_isolated_catalog_is_seen_from_where_it_is_governed(tmp_path):
    content = yaml.safe_load(SMALL.read_text("utf-8"))
    content["workspaces"]["two"] = {
        key: content["workspaces"]["one"][key]
        for key in ("region", "credentials", "storage_configuration", "metastore")
    }
    content["metastores"]["eu"]["catalogs"]["flights"]["workspaces"] = {"two": "READ_WRITE"}

    (found,) = problems(tmp_path, yaml.safe_dump(content))

    assert found.endswith("flights.workspaces: `one`, which eu is governed from, would not see it. Add it.")


def test_two_workspaces_cannot_have_one_network(tmp_path):
    content = yaml.safe_load(SMALL.read_text("utf-8"))
    content["workspaces"]["two"] = {
        key: content["workspaces"]["one"][key]
        for key in ("region", "credentials", "storage_configuration", "network", "metastore")
    }

    (found,) = problems(tmp_path, yaml.safe_dump(content))

    assert found.endswith(
        "workspaces.two.network: `one` is the network of `one`. Give each workspace its own."
    )


def test_variables_come_from_options_environment_and_defaults_in_this_order(tmp_path, monkeypatch):
    file = tmp_path / "platform.yaml"
    file.write_text(
        "variables: {a: {default: one}, b: {default: two}, c: {default: 3}}\n"
        'storage_configurations: {x: {bucket: "${var.a}-${var.b}-${var.c}"}}\n'
    )
    monkeypatch.setenv("MEDALLION_VAR_A", "environment")
    monkeypatch.setenv("MEDALLION_VAR_B", "environment")

    (resource,) = load_platform(file, {"a": "option"}).resources

    assert resource.values == {"root_bucket_info.bucket_name": "option-environment-3"}


def test_a_variable_without_value_or_declaration_is_refused(tmp_path):
    text = (
        "variables: {a: {description: The bucket}}\n"
        'storage_configurations:\n  x: {bucket: "${var.a}${var.ab}"}\n'
    )

    assert problems(tmp_path, text, other="1") == [
        "1: variables: there is no variable `other`. Known: `a`.",
        "3: storage_configurations.x.bucket: the variable `a` has no value. Give --var a=... or set "
        "MEDALLION_VAR_A: The bucket",
        "3: storage_configurations.x.bucket: there is no variable `ab`. Known: `a`.",
    ]
