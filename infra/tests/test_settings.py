"""The settings are honoured or refused, with the line to change."""

import tomllib

import pytest

from medallion_platform.settings import DEFAULT, SettingsError, load


def refused(**changes):
    with pytest.raises(SettingsError) as told:
        load(environ={}, **changes)
    return str(told.value)


def test_the_file_in_the_repository_is_valid_and_holds_no_account_of_its_owner():
    assert load(environ={}).account("engineering") == "000000000001"
    assert "accounts" not in tomllib.loads(DEFAULT.read_text())


GIVEN = {
    "MEDALLION_ENGINEERING_ACCOUNT": "123456789012",
    "MEDALLION_SERVING_ACCOUNT": "210987654321",
    "MEDALLION_CONSUMERS_ACCOUNT": "321098765432",
    "MEDALLION_DATABRICKS_ACCOUNT": "8a7b6c5d-0000-4000-8000-123456789abc",
}


def test_accounts_come_from_the_environment():
    settings = load(environ=GIVEN)
    assert settings.bucket("refined") == "medallion-refined-210987654321-eu-west-1"
    assert settings.databricks_account == GIVEN["MEDALLION_DATABRICKS_ACCOUNT"]


@pytest.mark.parametrize("missing", GIVEN)
def test_no_role_is_made_that_trusts_a_stand_in_for_an_account_that_was_not_given(missing):
    given = {name: id_ for name, id_ in GIVEN.items() if name != missing}
    with pytest.raises(SettingsError, match=f"{missing} is missing"):
        load(environ=given)
    with pytest.raises(SettingsError, match="MEDALLION_MANAGEMENT_ACCOUNT is missing"):
        load(environ=GIVEN, parts={"organization": True})
    without = {name: id_ for name, id_ in GIVEN.items() if "DATABRICKS" not in name}
    assert (
        load(environ=without, parts={"databricks": False, "emr": True}).accounts["serving"] == "210987654321"
    )


@pytest.mark.parametrize(
    ("variable", "id_"),
    [
        ("MEDALLION_SERVING_ACCOUNT", ""),
        ("MEDALLION_SERVING_ACCOUNT", "2109-8765-4321"),
        ("MEDALLION_DATABRICKS_ACCOUNT", "*"),
    ],
)
def test_ids_that_are_none_are_refused(variable, id_):
    with pytest.raises(SettingsError, match=f"{variable} is "):
        load(environ={**GIVEN, variable: id_})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"prefix": "My_Lake"}, "prefix is 'My_Lake'."),
        ({"prefix": "lake-"}, "prefix is 'lake-'."),
        ({"prefix": "a-lakehouse-of-ours"}, "prefix is 'a-lakehouse-of-ours', 3 too long: the bucket"),
        ({"region": "eu-wst-1"}, "region is 'eu-wst-1'"),
        ({"region": "us-gov-west-1"}, "region is 'us-gov-west-1'"),
        ({"region": "us-east-1"}, "databricks.workspace_service is com.amazonaws.vpce.eu-west-1."),
        (
            {"replica": {"region": "eu-west-1"}},
            "replica.region is eu-west-1, the region that it is to replace.",
        ),
        (
            {"networks": {"serving": "10.10.0.0/16"}},
            "networks.engineering (10.10.0.0/16) and networks.serving",
        ),
        ({"networks": {"edge": "10.40.0.0/24"}}, "networks.edge is 10.40.0.0/24: subnets are cut from"),
        ({"networks": {"edge": "10.40.1.0/16"}}, "networks.edge is '10.40.1.0/16', no block of IPv4"),
        (
            {"on_premises": {"network": "10.0.0.0/8"}},
            "networks.engineering (10.10.0.0/16) and on_premises.network",
        ),
        ({"on_premises": {"gateway_address": "vpn"}}, "on_premises.gateway_address is 'vpn'"),
        ({"retention": {"landing_lock_days": 29}}, "retention.landing_lock_days is 29: what is kept so long"),
        ({"retention": {"landing_lock_days": 0}}, "retention.landing_lock_days is 0: at least a day"),
        ({"retention": {"versions_days": 40}}, "retention.versions_days is 40: what is kept so long"),
        (
            {"retention": {"erasure_deadline_days": 14, "landing_lock_days": 7}},
            "retention.erasure_deadline_days is 14",
        ),
        ({"retention": {"logs_days": 366}}, "retention.logs_days is 366. CloudWatch knows: 1, 3,"),
        ({"orchestration": {"longest_minutes": 2000}}, "orchestration.longest_minutes is 2000."),
        ({"orchestration": {"job_id": 0}}, "orchestration.job_id is 0"),
        ({"orchestration": {"workspace_host": "https://x.example.com/"}}, "orchestration.workspace_host is"),
        ({"emr": {"most_quarantined": 5.0}}, "emr.most_quarantined is 5.0"),
        ({"emr": {"product": "a', 'b"}}, "emr.product is"),
        ({"emr": {"vcpu": 0}}, "emr.vcpu is 0"),
        ({"databricks": {"aws_account": "*"}}, "databricks.aws_account is '*'"),
        ({"databricks": {"serverless_paths": ["*"]}}, "databricks.serverless_paths needs paths"),
        ({"databricks": {"serverless_paths": []}}, "databricks.serverless_paths needs paths"),
        (
            {"databricks": {"control_plane_addresses": ["0.0.0.0/0"]}},
            "databricks.control_plane_addresses has",
        ),
        (
            {"databricks": {"system_buckets": [1]}},
            "databricks.system_buckets is [1]: a list of texts is needed.",
        ),
        ({"parts": "all"}, "parts is 'all': a table is needed."),
    ],
)
def test_what_aws_would_refuse_or_would_open_more_than_is_meant_is_refused_with_its_line(changes, told):
    assert refused(**changes).startswith(told)


def test_unknown_missing_and_mistyped_lines_are_refused():
    assert refused(parts={"emrr": True}).startswith("parts.emrr is not known. Known are: databricks,")
    assert refused(parts={"emr": "yes"}) == "parts.emr is 'yes': a bool is needed."
    assert refused(parts={"connection": "vpn"}) == (
        "parts.connection is 'vpn'. It can be: transit_gateway, peering, none."
    )
