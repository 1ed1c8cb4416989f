"""Redshift: how the warehouse stands, what its SQL says, and how the script talks to it.

That the marts are Spark's gold is in tests/products/test_datamarts.py.
"""

import json

import boto3
import pytest
from botocore.stub import Stubber
from lake import Lake
from test_analytics import CONTRACT, shop

from datamarts import Warehouse, WarehouseError, bring_up, main
from medallion_platform.analytics import datamarts
from medallion_platform.analytics.contracts import lake
from medallion_platform.settings import SettingsError, load

SETTINGS = load(environ={})


def test_the_warehouse_is_private_encrypted_logged_and_has_nobodys_password(platform):
    namespace = platform.one("AWS::RedshiftServerless::Namespace").properties
    assert namespace["ManageAdminPassword"] is True and "AdminUserPassword" not in namespace
    assert namespace["KmsKeyId"].startswith("mrk-") and namespace["AdminPasswordSecretKmsKeyId"]
    assert set(namespace["LogExports"]) == {"connectionlog", "useractivitylog", "userlog"}
    workgroup = platform.one("AWS::RedshiftServerless::Workgroup").properties
    assert workgroup["PubliclyAccessible"] is False and workgroup["EnhancedVpcRouting"] is True
    assert {"ParameterKey": "require_ssl", "ParameterValue": "true"} in workgroup["ConfigParameters"]
    assert workgroup["MaxCapacity"] == SETTINGS.analytics.redshift_most_rpu


def test_it_stands_in_three_zones_of_document_2s_vpc_without_a_way_to_the_internet(platform):
    workgroup = platform.one("AWS::RedshiftServerless::Workgroup").properties
    assert len(workgroup["SubnetIds"]) == 3, "Redshift Serverless takes no fewer"
    subnets = [
        each.properties
        for each in platform.resources("AWS::EC2::Subnet", stack="-edge")
        if each.properties["Tags"][0]["Value"].startswith("medallion-edge-warehouse")
    ]
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 3
    for route in platform.resources("AWS::EC2::Route", stack="-edge"):
        assert "warehouse" not in route.properties["RouteTableId"]


def test_spectrum_reads_the_files_that_deltas_manifest_lists(platform):
    tables = {
        each.properties["TableInput"]["Name"]: each.properties["TableInput"]["StorageDescriptor"]
        for each in platform.resources("AWS::Glue::Table", stack="-analytics")
    }
    marts = {t.name: t for t in lake("flights") if t.layer == "gold" and t.kind == "table"}
    assert set(tables) == set(marts)
    for name, stored in tables.items():
        assert stored["Location"] == (
            f"s3://{SETTINGS.bucket('refined')}/gold/{name}/_symlink_format_manifest/"
        )
        assert stored["InputFormat"].endswith(".SymlinkTextInputFormat")
        assert [column["Name"] for column in stored["Columns"]] == [f.name for f in marts[name].fields]
    types = {c["Name"]: c["Type"] for c in tables["passenger_load_by_route_monthly"]["Columns"]}
    assert types["revenue_usd"] == "decimal(18,2)" and types["load_factor"] == "double"


def test_redshift_alone_sees_these_entries(platform):
    grants = Lake.of(platform).grants
    found = {by for by, what, _ in grants if what.get("Table", {}).get("DatabaseName") == "gold_spectrum"}
    assert found == {SETTINGS.role("serving-redshift")}


def test_a_persona_comes_with_the_databases_role_of_its_name(platform):
    for role in platform.resources("AWS::IAM::Role", stack="-analytics"):
        tags = {tag["Key"]: tag["Value"] for tag in role.properties["Tags"]}
        name = role.properties["RoleName"].removeprefix("medallion-serving-")
        if name.startswith("flights-"):
            assert tags["RedshiftDbRoles"] == name.replace("-", "_")
        else:
            assert "RedshiftDbRoles" not in tags


# the SQL


def test_marts_are_granted_as_the_contracts_say():
    said = datamarts.marts("flights")
    granted = [each for each in said if each.startswith("GRANT SELECT")]
    for table in lake("flights"):
        for role in ("flights_analyst", "flights_operations", "flights_customer_care"):
            expected = table.layer == "gold" and role in {reader.role for reader in table.readers}
            statement = f'GRANT SELECT ON "datamart_next"."{table.name}" TO ROLE "{role}"'
            assert (statement in granted) is expected, (table.name, role)
    assert not any("customer_care" in each for each in said), "it reads no mart"


def test_hidden_columns_are_not_granted_and_rows_are_shown_by_a_view_of_the_roles_own(tmp_path):
    product = gold_shop(tmp_path)
    said = datamarts.marts(product)
    shown = '"id", "shop", "amount", "ordered_on"'
    own = '"datamart_next"."sales__shop_clerk"'
    where = """(("shop" = 'north') AND ("amount" > 10))"""
    assert f'CREATE VIEW {own} AS SELECT {shown} FROM "datamart_next"."sales" WHERE {where}' in said
    assert f'GRANT SELECT ON {own} TO ROLE "shop_clerk"' in said
    assert not any('"sales" TO ROLE "shop_clerk"' in each for each in said)
    assert 'GRANT SELECT ON "datamart_next"."sales" TO ROLE "shop_care"' in said
    fewer = datamarts.marts(gold_shop(tmp_path / "other", clearance="[secret]"))
    assert f'GRANT SELECT ({shown}) ON "datamart_next"."sales" TO ROLE "shop_care"' in fewer


def gold_shop(folder, clearance="[pii]"):
    folder.mkdir(exist_ok=True)
    product = shop(folder / "shop")
    text = CONTRACT.replace("ROWS", "shop = 'north' AND amount > 10").replace("value: silver", "value: gold")
    text = text.replace("{property: source, value: {path: orders/*.json, format: json}}",
                        "{property: inputs, value: [{table: silver.orders}]}")  # fmt: skip
    text = text.replace("id: shop-silver-orders", "id: shop-gold-sales").replace(
        "name: orders", "name: sales"
    )
    (product / "sales.odcs.yaml").write_text(text.replace("value: [pii]", f"value: {clearance}"))
    (product / "sales.sql").write_text("SELECT * FROM {orders}")
    return str(product)


def test_a_view_that_redshift_could_not_run_is_refused(tmp_path):
    product = tmp_path / "shop"
    gold_shop(tmp_path)
    rows = "{property: rows, value: \"shop = 'north' AND amount > 10\"}"
    for path in product.glob("*.yaml"):
        path.write_text(path.read_text().replace(rows, "{property: clearance, value: [pii]}"))
    text = (product / "sales.odcs.yaml").read_text().replace("physicalType: table", "physicalType: view")
    text = (
        text.replace(", primaryKey: true", "").replace("name: sales", "name: seen").replace("-sales", "-seen")
    )
    (product / "seen.odcs.yaml").write_text(text)
    (product / "seen.sql").write_text("SELECT * FROM {orders}")
    with pytest.raises(SettingsError, match=r"gold\.seen: redshift .* has no silver\.orders"):
        datamarts.marts(str(product))
    text = text.replace("table: silver.orders", "table: gold.sales")
    (product / "seen.odcs.yaml").write_text(text)
    (product / "seen.sql").write_text(
        "SELECT id, shop, SUM(amount) FILTER (WHERE amount > 0) AS amount, customer, ordered_on "
        "FROM {sales} GROUP BY ALL"
    )
    lake.cache_clear()
    with pytest.raises(SettingsError, match=r"gold\.seen: Redshift has no counterpart of"):
        datamarts.marts(str(product))


def test_readers_have_the_old_marts_until_all_new_ones_are_there():
    ran = []

    def execute(statement):
        ran.append(statement)
        return [("flights_analyst",)] if statement.startswith("SELECT role_name") else []

    bring_up(execute, ran.append, "flights", datamarts.schemas(SETTINGS))
    assert ran.pop() == datamarts.swap(), "together, and last"
    assert not any('"datamart".' in each for each in ran), "what readers have is touched by the swap alone"
    made = [each for each in ran if each.startswith("CREATE ROLE")]
    assert 'CREATE ROLE "flights_public"' in made and 'CREATE ROLE "flights_analyst"' not in made
    for place, cut in enumerate(ran):  # killed before any of these, readers lose nothing
        assert not cut.startswith(('DROP SCHEMA IF EXISTS "datamart" ', "ALTER SCHEMA")), place


def test_the_database_is_read_in_place_by_a_schema_of_its_own():
    federated = datamarts.Federated("db.example", "app", "public", "arn:aws:secretsmanager:x")
    assert datamarts.schemas(SETTINGS, federated)[-1] == (
        "CREATE EXTERNAL SCHEMA IF NOT EXISTS \"operational\" FROM POSTGRES DATABASE 'app' SCHEMA 'public' "
        "URI 'db.example' PORT 5432 IAM_ROLE 'arn:aws:iam::000000000002:role/medallion-serving-redshift' "
        "SECRET_ARN 'arn:aws:secretsmanager:x'"
    )


# the script


@pytest.fixture
def data_api():
    client = boto3.client(
        "redshift-data", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stub:
        yield client, stub
        stub.assert_no_pending_responses()


ID = "00000000-0000-0000-0000-000000000001"
SESSION = "00000000-0000-0000-0000-00000000000a"


def test_statements_run_one_after_the_other_in_one_session(data_api):
    client, stub = data_api
    first = {"WorkgroupName": "medallion", "Database": "lakehouse", "SessionKeepAliveSeconds": 60}
    then = {"SessionId": SESSION, "SessionKeepAliveSeconds": 60}
    for sql, where in (("SELECT 1", first), ("SELECT 2", then)):
        stub.add_response("execute_statement", {"Id": ID, "SessionId": SESSION}, {"Sql": sql, **where})
        stub.add_response("describe_statement", {"Id": ID, "Status": "STARTED"}, {"Id": ID})
        stub.add_response(
            "describe_statement", {"Id": ID, "Status": "FINISHED", "HasResultSet": True}, {"Id": ID}
        )
        page = {"Records": [[{"stringValue": "a"}]], "NextToken": "n"}
        stub.add_response("get_statement_result", page, {"Id": ID})
        page = {"Records": [[{"stringValue": "b"}]]}
        stub.add_response("get_statement_result", page, {"Id": ID, "NextToken": "n"})
    warehouse = Warehouse(client, "medallion", "lakehouse", pause=0)
    assert warehouse.execute("SELECT 1") == warehouse.execute("SELECT 2") == [("a",), ("b",)]


def test_what_is_run_together_is_one_transaction_of_the_session(data_api):
    client, stub = data_api
    said = datamarts.swap()
    first = {"WorkgroupName": "medallion", "Database": "lakehouse", "SessionKeepAliveSeconds": 60}
    begun = {"Id": ID, "SessionId": SESSION}
    stub.add_response("batch_execute_statement", begun, {"Sqls": said, **first})
    stub.add_response("describe_statement", {"Id": ID, "Status": "FINISHED"}, {"Id": ID})
    stub.add_response("batch_execute_statement", begun)
    stub.add_response("describe_statement", {"Id": ID, "Status": "FAILED", "Error": "no"}, {"Id": ID})
    warehouse = Warehouse(client, "medallion", "lakehouse", pause=0)
    warehouse.together(said)
    with pytest.raises(WarehouseError, match=r"failed: no\nDROP SCHEMA"):
        warehouse.together(said)


def test_a_statement_that_fails_ends_it_with_what_redshift_said(data_api):
    client, stub = data_api
    stub.add_response("execute_statement", {"Id": ID, "SessionId": SESSION})
    stub.add_response("describe_statement", {"Id": ID, "Status": "FAILED", "Error": "no such table"})
    with pytest.raises(WarehouseError, match="failed: no such table\nSELECT 1"):
        Warehouse(client, "medallion", "lakehouse", pause=0).execute("SELECT 1")


def test_without_being_told_to_run_the_script_shows_its_sql(capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith('CREATE EXTERNAL SCHEMA IF NOT EXISTS "lake" FROM DATA CATALOG')
    assert shown[-1] == "COMMIT;" and all(line.endswith(";") for line in shown)
    assert "password" not in json.dumps(shown).lower()


def test_half_of_what_the_database_needs_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--federated-host", "db"])
    assert "belong together" in capsys.readouterr().err
