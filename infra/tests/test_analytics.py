"""What people without Databricks see and may do: catalog, Lake Formation, Athena, QuickSight, DataZone."""

import json
from dataclasses import replace

import pytest
from lake import Lake
from simulator import Policies, Request
from templates import Templates

from medallion_pipelines.errors import GovernanceError
from medallion_platform.analytics import contracts
from medallion_platform.analytics.conditions import row_filter, values
from medallion_platform.settings import SettingsError, load

SETTINGS = load(environ={})
SERVING = SETTINGS.account("serving")
FLIGHTS = {(table.layer, table.name): table for table in contracts.lake("flights")}


def persona(name):
    return SETTINGS.role(f"serving-{name.replace('_', '-')}")


@pytest.fixture(scope="module")
def seen(platform: Templates):
    lake = Lake.of(platform)

    def told(name, layer, table):
        columns = [field.name for field in FLIGHTS[layer, table].fields]
        return lake.seen(persona(name), layer, table, columns)

    return told


# the catalog


def test_crawlers_make_native_delta_tables_of_the_contracts_tables_and_of_no_view(platform):
    for layer, zone in (("silver", "trusted"), ("gold", "refined")):
        crawler = platform.one("AWS::Glue::Crawler", DatabaseName=layer).properties
        [target] = crawler["Targets"]["DeltaTargets"]
        assert target["CreateNativeDeltaTable"] is True and target["WriteManifest"] is False
        assert set(target["DeltaTables"]) == {
            f"s3://{SETTINGS.bucket(zone)}/{layer}/{table.name}/"
            for table in FLIGHTS.values()
            if table.layer == layer and table.kind == "table"
        }
        assert crawler["SchemaChangePolicy"]["DeleteBehavior"] == "LOG", "permissions hang on tables"
    assert f"s3://{SETTINGS.bucket('refined')}/gold/fact_flight/" in target["DeltaTables"]
    trigger = platform.one("AWS::Glue::Trigger").properties
    assert {action["CrawlerName"] for action in trigger["Actions"]} == {"medallion-silver", "medallion-gold"}
    assert trigger["Type"] == "SCHEDULED" and trigger["Schedule"] == SETTINGS.analytics.crawl


def test_databases_are_where_the_layers_tables_are_and_there_once_in_an_account(
    platform, tmp_path, monkeypatch
):
    def databases(templates):
        return sorted(
            (each.stack.account, each.properties["DatabaseInput"]["Name"])
            for each in templates.resources("AWS::Glue::Database")
        )

    assert [(account, name) for account, name in databases(platform) if account == SERVING] == [
        (SERVING, "gold"),
        (SERVING, "gold_spectrum"),
        (SERVING, "silver"),
    ]
    # one account for both: the jobs of EMR have made them
    monkeypatch.setattr(
        "medallion_platform.settings._STAND_INS",
        {"engineering": "1" * 12, "serving": "1" * 12, "consumers": "3" * 12, "management": "9" * 12},
    )
    made = databases(Templates.of(tmp_path, parts={"emr": True, "catalog": True}))
    assert len(made) == len(set(made)) and ("1" * 12, "gold") in made


# who sees what: the contracts say it, Lake Formation does it


def test_an_analyst_sees_all_of_the_marts_and_of_passengers_what_tells_of_nobody(seen):
    assert set(seen("flights_analyst", "gold", "fact_flight")) == {
        field.name for field in FLIGHTS["gold", "fact_flight"].fields
    }
    assert seen("flights_analyst", "silver", "passengers") == {
        "passenger_id": True,
        "loyalty_tier": True,
        "committed_at": True,
    }


def test_customer_care_sees_names_and_no_passports_and_no_other_table(seen):
    assert set(seen("flights_customer_care", "silver", "passengers")) == {
        "passenger_id", "name", "email", "loyalty_tier", "committed_at",
    }  # fmt: skip
    assert not any(
        seen("flights_customer_care", *table) for table in FLIGHTS if table != ("silver", "passengers")
    )


def test_who_is_shown_a_view_sees_that_view_and_none_of_its_tables(seen):
    for name, view in (
        ("flights_operations", "operations"),
        ("flights_network_planning", "network_planning"),
        ("flights_public", "public_on_time"),
    ):
        for layer, table in FLIGHTS:
            expected = {field.name for field in FLIGHTS[layer, table].fields} if table == view else set()
            assert set(seen(name, layer, table)) == expected, (name, table)


def test_engineers_see_everything(seen):
    for layer, table in FLIGHTS:
        assert seen("flights_engineer", layer, table) == {
            field.name: True for field in FLIGHTS[layer, table].fields
        }


def test_a_column_that_no_contract_speaks_of_yet_is_as_guarded_as_the_most_guarded_one(platform):
    lake = Lake.of(platform)
    assert lake.seen(persona("flights_analyst"), "silver", "passengers", ["new"]).keys() == {
        "passenger_id", "loyalty_tier", "committed_at",
    }  # fmt: skip
    assert lake.tags["silver", "passengers"]["classification"] == "confidential restricted"
    assert lake.seen(persona("flights_engineer"), "silver", "passengers", ["new"]) == {"new": True}


def test_nothing_is_for_everybody(platform):
    settings = platform.one("AWS::LakeFormation::DataLakeSettings").properties
    assert settings["CreateDatabaseDefaultPermissions"] == []
    assert settings["CreateTableDefaultPermissions"] == []
    assert settings["AllowExternalDataFiltering"] is False
    told = json.dumps(
        [each.properties for each in platform.resources("AWS::LakeFormation::PrincipalPermissions")]
    )
    assert "IAM_ALLOWED_PRINCIPALS" not in told and "ALLIAMPrincipals" not in told


def test_only_the_role_of_views_may_hand_on_what_it_has(platform):
    for each in platform.resources("AWS::LakeFormation::PrincipalPermissions"):
        by = each.properties["Principal"]["DataLakePrincipalIdentifier"]
        assert bool(each.properties["PermissionsWithGrantOption"]) == (by == persona("views")), each.id


def test_views_read_in_the_name_of_their_own_role(platform):
    views = {
        each.properties["TableInput"]["Name"]: each.properties["TableInput"]
        for each in platform.resources("AWS::Glue::Table", stack="-permissions")
    }
    assert set(views) == {"network_planning", "operations", "public_on_time"}
    for name, view in views.items():
        defined = view["ViewDefinition"]
        assert defined["Definer"] == persona("views") and defined["IsProtected"] is True
        assert {each.rsplit("/", 2)[1] for each in defined["SubObjects"]} == {"gold"}, name
        assert len(defined["SubObjects"]) <= 10, "Lake Formation takes no more"
        [athena] = defined["Representations"]
        assert athena["ViewOriginalText"].startswith("SELECT CAST(") and "{" not in athena["ViewOriginalText"]
    assert [column["Type"] for column in views["public_on_time"]["StorageDescriptor"]["Columns"]] == [
        "string", "bigint", "bigint", "bigint", "bigint", "double", "double", "double",
    ]  # fmt: skip


CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: shop-silver-orders
name: orders
version: 1.0.0
status: active
domain: Sales
team: {name: shop-data}
roles:
  - {role: shop_owner, access: write}
  - {role: shop_clerk, access: read, customProperties: [{property: rows, value: "ROWS"}]}
  - {role: shop_care, access: read, customProperties: [{property: clearance, value: [pii]}]}
schema:
  - name: orders
    physicalType: table
    customProperties:
      - {property: layer, value: silver}
      - {property: source, value: {path: orders/*.json, format: json}}
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: shop, logicalType: string, classification: public}
      - {name: amount, logicalType: integer, classification: internal}
      - {name: customer, logicalType: string, tags: [pii]}
      - {name: ordered_on, logicalType: date}
"""


def shop(folder, rows="shop = 'north' AND amount > 10"):
    folder.mkdir(exist_ok=True)
    (folder / "orders.odcs.yaml").write_text(CONTRACT.replace("ROWS", rows))
    return folder


def test_rows_and_tags_of_a_contract_become_a_filter(tmp_path):
    product = str(shop(tmp_path / "shop"))
    made = Templates.of(
        tmp_path / "out", parts={"catalog": True, "athena": True}, analytics={"product": product}
    )
    lake = Lake.of(made)
    columns = ["id", "shop", "amount", "customer", "ordered_on"]
    condition = """(("shop" = 'north') AND ("amount" > 10))"""
    assert lake.seen(persona("shop_clerk"), "silver", "orders", columns) == dict.fromkeys(
        ["id", "shop", "amount", "ordered_on"], condition
    )
    assert lake.seen(persona("shop_care"), "silver", "orders", columns) == dict.fromkeys(columns, True)
    assert lake.seen(persona("shop_owner"), "silver", "orders", columns) == dict.fromkeys(columns, True)
    assert lake.tags["silver", "orders"] == {
        "classification": "pii", "domain": "sales", "shop_owner": "reads", "shop_care": "reads",
    }  # fmt: skip
    assert lake.tags["silver", "orders", "shop"] == {"classification": "public"}


@pytest.mark.parametrize(
    "rows", ["shop = customer", "upper(shop) = 'NORTH'", "ordered_on > DATE '2025-01-01'", "amount + 1 > 2",
     "shop LIKE 'a%'", "amount = 1.5", "shop <> 'a\\\\_b'"],
)  # fmt: skip
def test_rows_that_lake_formation_cannot_filter_by_are_refused(tmp_path, rows):
    [table] = contracts.lake(str(shop(tmp_path / "shop", rows)))
    reader = next(reader for reader in table.readers if reader.rows)
    with pytest.raises(SettingsError, match=r"silver\.orders: the rows of the role shop_clerk"):
        row_filter(table, reader.role, reader.rows)


def test_conditions_are_said_in_the_words_of_each_service(tmp_path):
    [table] = contracts.lake(str(shop(tmp_path / "shop")))
    for given, expected in {
        "shop IN ('a', 'b') OR NOT amount <= 3": """(("shop" IN ('a', 'b')) OR (NOT ("amount" <= 3)))""",
        "`Shop` = 'n' AND (amount BETWEEN 1 AND 2)": """(("shop" = 'n') AND ("amount" BETWEEN 1 AND 2))""",
        "shop IS NOT NULL": """(NOT ("shop" IS NULL))""",
    }.items():
        assert row_filter(table, "r", given) == expected
    assert values(table, "r", "SHOP IN ('a', 'b') AND (id = '3')") == {"shop": ["a", "b"], "id": ["3"]}


@pytest.mark.parametrize(
    "rows",
    [
        "shop = 'a' OR id = 'b'", "amount = 3", "shop = 'a,b'", "shop = 'a' AND shop = 'b'", "shop <> 'a'",
        "NOT shop = 'a'", "shop IS NULL",
        # what QuickSight would take for every value, or for others
        "shop = ''", "shop IN ('a', '')", "shop = ' a'", "shop = '\"a\"'",
    ],
)  # fmt: skip
def test_rows_that_quicksight_would_read_as_others_are_refused(tmp_path, rows):
    [table] = contracts.lake(str(shop(tmp_path / "shop")))
    with pytest.raises(SettingsError, match="cannot be a rule of QuickSight"):
        values(table, "r", rows)


def test_contracts_that_show_too_much_are_not_shown_at_all(tmp_path):
    product = shop(tmp_path / "shop")
    text = (product / "orders.odcs.yaml").read_text().replace("id: shop-silver", "id: shop-gold")
    text = text.replace("name: orders", "name: seen").replace("physicalType: table", "physicalType: view")
    text = text.replace("value: silver", "value: gold").replace(", primaryKey: true", "")
    text = text.replace("{property: source, value: {path: orders/*.json, format: json}}",
                        "{property: inputs, value: [{table: silver.orders}]}")  # fmt: skip
    text = text.replace(
        ", customProperties: [{property: rows, value: \"shop = 'north' AND amount > 10\"}]", ""
    )
    text = text.replace("customer, logicalType: string, tags: [pii]", "customer, logicalType: string")
    (product / "seen.odcs.yaml").write_text(text)
    (product / "seen.sql").write_text("SELECT * FROM {orders}")
    with pytest.raises(GovernanceError, match=r"`customer` is made of silver\.orders\.customer"):
        contracts.lake(str(product))


def test_a_view_over_a_table_with_rows_is_refused_for_whom_it_would_show_more(tmp_path):
    product = shop(tmp_path / "shop")
    text = (product / "orders.odcs.yaml").read_text().replace("id: shop-silver", "id: shop-gold")
    text = text.replace("name: orders", "name: seen").replace("physicalType: table", "physicalType: view")
    text = text.replace("value: silver", "value: gold").replace(", primaryKey: true", "")
    text = text.replace("{property: source, value: {path: orders/*.json, format: json}}",
                        "{property: inputs, value: [{table: silver.orders}]}")  # fmt: skip
    rows = "{property: rows, value: \"shop = 'north' AND amount > 10\"}"
    text = text.replace(rows, "{property: clearance, value: [pii]}")
    (product / "seen.odcs.yaml").write_text(text)
    (product / "seen.sql").write_text("SELECT * FROM {orders}")
    with pytest.raises(SettingsError, match=r"gold\.seen: the view would show shop_clerk all rows of silver"):
        contracts.lake(str(product))
    contracts.lake.cache_clear()
    (product / "seen.odcs.yaml").write_text(text.replace("role: shop_clerk", "role: visitor"))
    with pytest.raises(SettingsError, match="would show visitor all rows"):
        contracts.lake(str(product))
    contracts.lake.cache_clear()
    (product / "orders.odcs.yaml").write_text(
        (product / "orders.odcs.yaml").read_text().replace(rows, "{property: clearance, value: [pii]}")
    )
    assert len(contracts.lake(str(product))) == 2


@pytest.mark.parametrize(
    "name",
    ["layer", "Domain", "views", "api-logs", "a:b", "a*", "a b", "1st", "x" * 33, "SHOP_CARE", "shop-care"],
)
def test_roles_that_a_service_would_take_for_another_are_refused(tmp_path, name):
    """By a tag `layer`, say, somebody would have all tables of a layer."""
    product = shop(tmp_path / "shop")
    text = (product / "orders.odcs.yaml").read_text()
    (product / "orders.odcs.yaml").write_text(text.replace("role: shop_owner", f'role: "{name}"'))
    with pytest.raises(SettingsError, match=r"analytics\.product: the role"):
        contracts.lake(str(product))


def test_names_of_columns_are_those_of_glue_and_who_sees_none_is_no_reader(tmp_path):
    product = shop(tmp_path / "shop", "SHOP = 'north'")
    text = (product / "orders.odcs.yaml").read_text().replace("name: amount", "name: Amount")
    text = text.replace("domain: Sales", "domain: Sales\ntags: [pii]").replace("[pii]}]}", "[pii, secret]}]}")
    text = text.replace("classification: public", "classification: secret").replace(
        "classification: internal", "classification: secret"
    )
    (product / "orders.odcs.yaml").write_text(text)
    [table] = contracts.lake(str(product))
    assert [field.name for field in table.fields] == ["id", "shop", "amount", "customer", "ordered_on"]
    assert [reader.role for reader in table.readers] == ["shop_owner", "shop_care"]


# what roles may do


GLUE = f"arn:aws:glue:eu-west-1:{SERVING}"
ATHENA = f"arn:aws:athena:eu-west-1:{SERVING}:workgroup/medallion-"
RESULTS = f"arn:aws:s3:::medallion-athena-serving-{SERVING}-eu-west-1"
INSIDE = {"aws:VpceAccount": SERVING}
LAKE = "lakeformation.amazonaws.com"
OF_LAKE = {"aws:SourceArn": f"arn:aws:lakeformation:eu-west-1:{SERVING}:catalog"}


def at(zone, key):
    return f"arn:aws:s3:::{SETTINGS.bucket(zone)}/{key}"


def person(permission_set):
    name = f"AWSReservedSSO_{permission_set}_0123456789abcdef"
    return f"arn:aws:iam::{SERVING}:role/aws-reserved/sso.amazonaws.com/eu-west-1/{name}"


LAMBDA = f"arn:aws:lambda:eu-west-1:{SERVING}:function"
WAREHOUSE = f"arn:aws:redshift-serverless:eu-west-1:{SERVING}:workgroup/1-2-3"
QUICKSIGHT = persona("quicksight")
ANALYST, CRAWLER, VENDED = (persona(name) for name in ("flights_analyst", "crawler", "lake_formation"))
MUST_ALLOW = {
    "an analyst becomes one": Request(person("flights_analyst"), "sts:AssumeRole", ANALYST),
    "an analyst queries": Request(ANALYST, "athena:StartQueryExecution", f"{ATHENA}flights_analyst"),
    "an analyst looks into the catalog": Request(ANALYST, "glue:GetTable", f"{GLUE}:table/gold/fact_flight"),
    "an analyst asks Lake Formation for data": Request(ANALYST, "lakeformation:GetDataAccess", "*"),
    "an analyst fetches what came of it": Request(
        ANALYST, "s3:GetObject", f"{RESULTS}/flights_analyst/1.csv"
    ),
    "Lake Formation takes on its role": Request(LAKE, "sts:AssumeRole", VENDED, OF_LAKE),
    "Lake Formation reads gold": Request(VENDED, "s3:GetObject", at("refined", "gold/t/1.parquet")),
    "Lake Formation reads silver, in the first account": Request(
        VENDED, "s3:GetObject", at("trusted", "silver/t/1.parquet")
    ),
    "Glue takes on the crawler's role": Request(
        "glue.amazonaws.com", "sts:AssumeRole", CRAWLER, {"aws:SourceAccount": SERVING}
    ),
    "the crawler reads a log": Request(CRAWLER, "s3:GetObject", at("refined", "gold/t/_delta_log/0.json")),
    "an engineer reads the database": Request(
        persona("flights_engineer"), "lambda:InvokeFunction", f"{LAMBDA}:medallion-database-connector"
    ),
    "the connector puts down what is too much": Request(
        persona("database_connector"), "s3:PutObject", f"{RESULTS}/_spilled/1"
    ),
    "an analyst comes to the warehouse": Request(
        ANALYST, "redshift-serverless:GetCredentials", WAREHOUSE, {"aws:ResourceTag/platform": "medallion"}
    ),
    "Redshift takes on its role": Request("redshift.amazonaws.com", "sts:AssumeRole", persona("redshift")),
    "Redshift asks Lake Formation for gold": Request(persona("redshift"), "lakeformation:GetDataAccess", "*"),
    "QuickSight queries": Request(QUICKSIGHT, "athena:StartQueryExecution", f"{ATHENA}quicksight"),
    "QuickSight takes on its role": Request(
        "quicksight.amazonaws.com", "sts:AssumeRole", QUICKSIGHT, {"aws:SourceAccount": SERVING}
    ),
    "the crawler makes a table": Request(CRAWLER, "glue:CreateTable", f"{GLUE}:table/gold/new"),
}
MUST_DENY = {
    "another's permission set makes no analyst": Request(person("flights_public"), "sts:AssumeRole", ANALYST),
    "a permission set whose name goes on makes no analyst": Request(
        person("flights_analyst_trainee"), "sts:AssumeRole", ANALYST
    ),
    "nor does one whose name ends so": Request(
        person("xAWSReservedSSO_flights_analyst"), "sts:AssumeRole", ANALYST
    ),
    "a stranger becomes an analyst": Request("arn:aws:iam::999999999999:role/x", "sts:AssumeRole", ANALYST),
    "an analyst queries as an engineer": Request(
        ANALYST, "athena:StartQueryExecution", f"{ATHENA}flights_engineer"
    ),
    "an analyst fetches an engineer's results": Request(
        ANALYST, "s3:GetObject", f"{RESULTS}/flights_engineer/1.csv"
    ),
    "an analyst reads the files themselves": Request(
        ANALYST, "s3:GetObject", at("refined", "gold/t/1.parquet"), INSIDE
    ),
    "an analyst changes a table": Request(ANALYST, "glue:UpdateTable", f"{GLUE}:table/gold/fact_flight"),
    "an analyst grants": Request(ANALYST, "lakeformation:GrantPermissions", "*"),
    "an analyst changes a workgroup": Request(ANALYST, "athena:UpdateWorkGroup", f"{ATHENA}flights_analyst"),
    "Lake Formation of another account": Request(
        LAKE,
        "sts:AssumeRole",
        VENDED,
        {"aws:SourceArn": "arn:aws:lakeformation:eu-west-1:999999999999:catalog"},
    ),
    "Lake Formation writes gold": Request(VENDED, "s3:PutObject", at("refined", "gold/t/1.parquet")),
    "Lake Formation reads raw": Request(VENDED, "s3:GetObject", at("raw", "bronze/t/1.parquet")),
    "the crawler writes beside a table": Request(
        CRAWLER, "s3:PutObject", at("refined", "gold/t/_symlink_format_manifest/manifest")
    ),
    "the crawler deletes a table": Request(CRAWLER, "glue:DeleteTable", f"{GLUE}:table/gold/fact_flight"),
    "an analyst reads the database": Request(
        ANALYST, "lambda:InvokeFunction", f"{LAMBDA}:medallion-database-connector"
    ),
    "QuickSight of another account": Request(
        "quicksight.amazonaws.com", "sts:AssumeRole", QUICKSIGHT, {"aws:SourceAccount": "999999999999"}
    ),
    "QuickSight fetches an engineer's results": Request(
        QUICKSIGHT, "s3:GetObject", f"{RESULTS}/flights_engineer/1.csv"
    ),
    "QuickSight looks into silver": Request(QUICKSIGHT, "glue:GetTable", f"{GLUE}:table/silver/passengers"),
    "Redshift reads files by itself": Request(
        persona("redshift"), "s3:GetObject", at("refined", "gold/t/1.parquet"), INSIDE
    ),
    "Redshift looks into silver": Request(
        persona("redshift"), "glue:GetTable", f"{GLUE}:table/silver/passengers"
    ),
    "the connector reads results": Request(
        persona("database_connector"), "s3:GetObject", f"{RESULTS}/flights_engineer/1.csv"
    ),
    "a workgroup of somebody else": Request(
        ANALYST, "redshift-serverless:GetCredentials", WAREHOUSE, {"aws:ResourceTag/platform": "theirs"}
    ),
    "the role of views reads the files themselves": Request(
        persona("views"), "s3:GetObject", at("refined", "gold/t/1.parquet"), INSIDE
    ),
}


def here(request):
    return replace(request, context={"aws:RequestedRegion": "eu-west-1", **request.context})


@pytest.mark.parametrize("case", MUST_ALLOW)
def test_it_is_allowed(policies: Policies, case):
    assert policies.allows(here(MUST_ALLOW[case]))


@pytest.mark.parametrize("case", MUST_DENY)
def test_it_is_denied(policies: Policies, case):
    assert not policies.allows(here(MUST_DENY[case]))


@pytest.mark.parametrize("who", [VENDED, CRAWLER])
def test_who_reads_files_may_use_their_zones_keys_through_s3_and_no_others(platform, policies, who):
    for account, zone, allowed in (
        ("serving", "refined", True),
        ("engineering", "trusted", True),
        ("engineering", "raw", False),
        ("engineering", "landing", False),
    ):
        alias = f"alias/medallion-{account}-{zone}"
        by_s3 = {"kms:ViaService": "s3.eu-west-1.amazonaws.com", "kms:ResourceAliases": [alias]}
        key = policies.key(platform, alias)
        assert policies.allows(here(Request(who, "kms:Decrypt", key, by_s3))) is allowed, zone
        directly = {**by_s3, "kms:ViaService": "athena.eu-west-1.amazonaws.com"}
        assert not policies.allows(here(Request(who, "kms:Decrypt", key, directly)))


# Athena


def test_a_workgroup_is_a_personas_own_with_encrypted_results_and_a_limit_that_nobody_can_change(platform):
    found = {
        each.properties["Name"]: each.properties
        for each in platform.resources("AWS::Athena::WorkGroup", stack="-analytics")
    }
    personas = contracts.roles(tuple(FLIGHTS.values()))
    assert set(found) == {f"medallion-{name}" for name in (*personas, "quicksight")}
    places = set()
    for name, workgroup in found.items():
        given = workgroup["WorkGroupConfiguration"]
        assert given["EnforceWorkGroupConfiguration"] is True
        assert given["BytesScannedCutoffPerQuery"] == SETTINGS.analytics.athena_gb * 10**9
        assert given["EngineVersion"]["SelectedEngineVersion"] == "Athena engine version 3", "Delta needs it"
        results = given["ResultConfiguration"]
        assert results["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"
        assert results["ExpectedBucketOwner"] == SERVING
        assert results["OutputLocation"] == f"s3://{RESULTS[13:]}/{name.removeprefix('medallion-')}/"
        places.add(results["OutputLocation"])
    assert len(places) == len(found)


def test_results_of_queries_go_after_a_week_and_only_by_tls(platform):
    bucket = platform.one("AWS::S3::Bucket", BucketName=RESULTS[13:]).properties
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert rules["expire"]["ExpirationInDays"] == 7
    [encrypted] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encrypted["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def test_each_persona_has_a_query_for_each_mart_that_it_reads_and_for_no_other(platform):
    found: dict[str, set[str]] = {}
    for each in platform.resources("AWS::Athena::NamedQuery"):
        found.setdefault(each.properties["WorkGroup"], set()).add(each.properties["Name"])
    assert found["medallion-flights_operations"] == {"gold.operations"}
    assert found["medallion-flights_public"] == {"gold.public_on_time"}
    assert "medallion-flights_customer_care" not in found, "it reads no mart"
    assert found["medallion-flights_engineer"] == {
        f"gold.{name}" for layer, name in FLIGHTS if layer == "gold"
    }


# Athena on the database


def test_the_connector_stands_where_the_database_can_be_reached_and_has_no_password(platform):
    function = platform.one("AWS::Lambda::Function", FunctionName="medallion-database-connector").properties
    assert all(".lakehousenetworkrefined" in each for each in function["VpcConfig"]["SubnetIds"])
    [group] = function["VpcConfig"]["SecurityGroupIds"]
    assert ".lakehouseworkspace" in group, "which the database admits: test_network.py"
    said = function["Environment"]["Variables"]
    assert said["default"] == (
        "postgres://jdbc:postgresql://<DatabaseEndpoint>/<DatabaseName>?sslmode=verify-full&${<DatabaseReader>}"
    )
    assert said["spill_bucket"] == RESULTS[13:] and said["disable_spill_encryption"] == "false"
    catalog = platform.one("AWS::Athena::DataCatalog").properties
    assert catalog["Type"] == "LAMBDA"
    assert catalog["Parameters"] == {"function": f"{LAMBDA}:medallion-database-connector"}


# QuickSight


def test_a_data_set_shows_its_rows_to_the_roles_of_its_contract_and_to_nobody_else(platform):
    sets = {each.properties["DataSetId"]: each for each in platform.resources("AWS::QuickSight::DataSet")}
    marts = {table.name: table for table in FLIGHTS.values() if table.layer == "gold"}
    assert set(sets) == {f"medallion-{name}{end}" for name in marts for end in ("", "-rules")}
    for name, table in marts.items():
        found = sets[f"medallion-{name}"].properties
        rules = sets[f"medallion-{name}-rules"]
        given = found["RowLevelPermissionDataSet"]
        assert given["Arn"] == f"{rules.stack.name}.{rules.logical_id}.Arn"
        assert given["PermissionPolicy"] == "GRANT_ACCESS" and given["Status"] == "ENABLED"
        query = rules.properties["PhysicalTableMap"]["rules"]["CustomSql"]["SqlQuery"]
        for role in contracts.roles(tuple(FLIGHTS.values())):
            assert (f"('{role}'," in query) is (role in {r.role for r in table.readers}), (name, role)
        assert found["ImportMode"] == "DIRECT_QUERY"
        assert "ColumnLevelPermissionRules" not in found, "no mart has a guarded column"


def test_rows_and_columns_of_a_contract_become_rules_of_quicksight(tmp_path):
    product = shop(tmp_path / "shop", "shop IN ('north', 'south')")
    text = CONTRACT.replace("ROWS", "shop IN ('north', 'south')").replace("value: silver", "value: gold")
    text = text.replace("{property: source, value: {path: orders/*.json, format: json}}",
                        "{property: inputs, value: [{table: silver.orders}]}")  # fmt: skip
    text = text.replace("id: shop-silver-orders", "id: shop-gold-sales").replace(
        "name: orders", "name: sales"
    )
    (product / "sales.odcs.yaml").write_text(text)
    (product / "sales.sql").write_text("SELECT id, shop, amount, customer, ordered_on FROM {orders}")
    made = Templates.of(
        tmp_path / "out",
        parts={"catalog": True, "athena": True, "quicksight": True},
        analytics={"product": str(product)},
    )
    sets = {
        each.properties["DataSetId"]: each.properties for each in made.resources("AWS::QuickSight::DataSet")
    }
    sql = sets["medallion-sales-rules"]["PhysicalTableMap"]["rules"]["CustomSql"]["SqlQuery"]
    assert sql == (
        "SELECT * FROM (VALUES ('shop_owner', CAST(NULL AS VARCHAR)), ('shop_clerk', 'north,south'), "
        '(\'shop_care\', CAST(NULL AS VARCHAR))) AS rules ("GroupName", "shop")'
    )
    group = f"arn:aws:quicksight:eu-west-1:{SERVING}:group/default"
    assert sets["medallion-sales"]["ColumnLevelPermissionRules"] == [
        {"ColumnNames": ["customer"], "Principals": [f"{group}/shop_owner", f"{group}/shop_care"]}
    ]
    [board] = [
        each.properties
        for each in made.resources("AWS::QuickSight::Dashboard")
        if each.properties["Name"] == "shop_clerk"
    ]
    assert '"customer"' not in json.dumps(board), "what it does not see is not on its dashboard"


def test_each_persona_has_a_dashboard_of_the_marts_that_it_reads_and_nobody_else_opens_it(platform):
    boards = {
        each.properties["Name"]: each.properties for each in platform.resources("AWS::QuickSight::Dashboard")
    }
    assert set(boards) == set(contracts.roles(tuple(t for t in FLIGHTS.values() if t.layer == "gold")))
    for name, board in boards.items():
        marts = {
            t.name for t in FLIGHTS.values() if t.layer == "gold" and name in {r.role for r in t.readers}
        }
        assert {sheet["Name"] for sheet in board["Definition"]["Sheets"]} == marts
        assert len(marts) <= 20, "QuickSight has no more sheets"
        [permission] = board["Permissions"]
        assert permission["Principal"].endswith(f":group/default/{name}")
        assert not any("Update" in action or "Delete" in action for action in permission["Actions"])
        for sheet in board["Definition"]["Sheets"]:
            columns = {field.name for field in FLIGHTS["gold", sheet["Name"]].fields}
            assert sheet["Visuals"], sheet["Name"]
            for column in _columns(sheet["Visuals"]):
                assert column["ColumnName"] in columns and column["DataSetIdentifier"] == sheet["Name"]


def _columns(value):
    if isinstance(value, dict):
        if "ColumnName" in value:
            yield value
        for each in value.values():
            yield from _columns(each)
    elif isinstance(value, list):
        for each in value:
            yield from _columns(each)


# DataZone


def test_a_domain_has_a_project_per_domain_of_the_contracts_and_makes_roles_below_the_boundary_only(platform):
    domain = platform.one("AWS::DataZone::Domain")
    assert domain.properties["KmsKeyIdentifier"].startswith("arn:aws:kms:")
    assert {p.properties["Name"] for p in platform.resources("AWS::DataZone::Project")} == {
        table.domain for table in FLIGHTS.values()
    }
    lake = platform.one("AWS::DataZone::EnvironmentBlueprintConfiguration").properties
    assert lake["EnvironmentBlueprintIdentifier"] == "DefaultDataLake"
    assert lake["EnvironmentRolePermissionBoundary"].endswith(":policy/medallion-serving-boundary")
    assert lake["EnabledRegions"] == [SETTINGS.region]
