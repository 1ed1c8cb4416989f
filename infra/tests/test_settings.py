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


def test_accounts_come_from_the_environment():
    settings = load(environ={"MEDALLION_SERVING_ACCOUNT": "210987654321"})
    assert settings.bucket("refined") == "medallion-refined-210987654321-eu-west-1"


def test_a_lock_that_outlives_the_erasure_deadline_is_refused():
    told = refused(retention={"landing_lock_days": 30})
    assert "landing_lock_days is 30" in told and "erasure_deadline_days (30)" in told


def test_networks_that_overlap_are_refused():
    assert refused(networks={"serving": "10.10.128.0/17"}) == (
        "networks.engineering (10.10.0.0/16) and networks.serving (10.10.128.0/17) overlap."
    )


def test_unknown_missing_and_mistyped_lines_are_refused():
    assert refused(parts={"emrr": True}).startswith("parts.emrr is not known. Known are: databricks,")
    assert refused(parts={"emr": "yes"}) == "parts.emr is 'yes': a bool is needed."
    assert refused(parts={"connection": "vpn"}) == (
        "parts.connection is 'vpn'. It can be: transit_gateway, peering, none."
    )
