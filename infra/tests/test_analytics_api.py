"""Lake Formation and QuickSight as their APIs have them: moto knows these, and not their types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator
from moto import mock_aws
from templates import Templates

from medallion_platform.settings import load

SETTINGS = load(environ={})
ANALYST = f"arn:aws:iam::{SETTINGS.account('serving')}:role/medallion-serving-flights-analyst"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", SETTINGS.account("serving"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield


def found(platform: Templates, type_: str) -> list[dict[str, Any]]:
    return [dict(each.properties) for each in platform.resources(f"AWS::{type_}")]


def without(said: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in names}


def test_lake_formation_takes_tags_grants_and_filters_and_has_them_afterwards(platform: Templates, aws: None):
    lake = boto3.client("lakeformation", SETTINGS.region)
    [settings] = found(platform, "LakeFormation::DataLakeSettings")
    admins = {"DataLakeAdmins": settings["Admins"]}
    lake.put_data_lake_settings(DataLakeSettings={**without(settings, "Admins"), **admins})
    for place in found(platform, "LakeFormation::Resource"):
        lake.register_resource(**place)
    tags = found(platform, "LakeFormation::Tag")
    for tag in tags:
        lake.create_lf_tag(**tag)
    for association in found(platform, "LakeFormation::TagAssociation"):
        lake.add_lf_tags_to_resource(**association)
    grants = found(platform, "LakeFormation::PrincipalPermissions")
    for grant in grants:
        lake.grant_permissions(**without(grant, "Catalog"))

    kept = {tag["TagKey"]: sorted(tag["TagValues"]) for tag in lake.list_lf_tags()["LFTags"]}
    assert kept == {tag["TagKey"]: sorted(tag["TagValues"]) for tag in tags}
    analyst = {"DataLakePrincipalIdentifier": ANALYST}
    everybody = lake.list_permissions()["PrincipalResourcePermissions"]
    listed = [grant for grant in everybody if grant["Principal"] == analyst]
    asked = [grant for grant in grants if grant["Principal"] == analyst]
    assert asked and len(listed) == len(asked)
    assert not [each for each in listed if {"ALL", "DROP", "INSERT", "DELETE"} & set(each["Permissions"])]
    places = {each["ResourceArn"] for each in lake.list_resources()["ResourceInfoList"]}
    assert {place.rsplit("/", 1)[1] for place in places} == {"silver", "gold"}


def test_the_filters_of_cells_are_as_the_api_has_them(platform: Templates):
    client = boto3.client("lakeformation", SETTINGS.region, aws_access_key_id="x", aws_secret_access_key="x")
    filters = found(platform, "LakeFormation::DataCellsFilter")
    shape = client.meta.service_model.operation_model("CreateDataCellsFilter").input_shape
    assert filters
    for each in filters:
        report = ParamValidator().validate({"TableData": each}, shape)
        assert not report.has_errors(), report.generate_report()


def test_quicksight_takes_sources_sets_and_dashboards(platform: Templates, aws: None):
    boards = boto3.client("quicksight", SETTINGS.region)
    for source in found(platform, "QuickSight::DataSource"):
        boards.create_data_source(**source)
    for each in found(platform, "QuickSight::DataSet"):
        boards.create_data_set(**each)
    dashboards = found(platform, "QuickSight::Dashboard")
    for dashboard in dashboards:
        boards.create_dashboard(**dashboard)
    own = SETTINGS.account("serving")
    listed = boards.list_dashboards(AwsAccountId=own)["DashboardSummaryList"]
    assert {each["DashboardId"] for each in listed} == {each["DashboardId"] for each in dashboards}
