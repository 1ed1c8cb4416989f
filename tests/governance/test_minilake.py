"""Catalogs, schemas, volumes, grants and the record against minilake, a workspace that others wrote.

It has no tags, masks, keys and shares: those are in tests/governance/test_workspace.py.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.governance.scene import contracts, shop, wanted

from medallion_pipelines.governance.diff import plan
from medallion_pipelines.governance.model import Key
from medallion_pipelines.governance.places import Places
from medallion_pipelines.governance.reader import Reader
from medallion_pipelines.governance.workspace import Warehouse
from medallion_pipelines.governance.writer import execute

PROGRAM = os.environ.get("MINILAKE") or shutil.which("minilake")
HAS = ("object", "record", "grant")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    sdk = pytest.importorskip("databricks.sdk", reason="databricks-sdk is not installed (extra `databricks`)")
    command = [PROGRAM] if PROGRAM else [sys.executable, "-m", "minilake"] if find_spec("minilake") else None
    if command is None:
        pytest.skip("minilake is not installed: pip install minilake, or name its program in MINILAKE")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("minilake")
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "MINILAKE_DATA_DIR": str(folder / "data"),
    }  # fmt: skip
    with Path(folder, "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/api/2.1/unity-catalog/catalogs", timeout=1)
                break
            except OSError:
                assert server.poll() is None, Path(folder, "log").read_text()
                time.sleep(0.1)
        yield sdk.WorkspaceClient(host=address, token="token")
    finally:
        server.terminate()
        server.wait()


def actual(client, desired):
    reader = Reader(client, desired)
    found = reader.objects()
    return found | reader.grants(found)


def changes(client, desired):
    found = plan(desired, actual(client, desired)).changes
    return [change for change in found if change.key.kind in HAS]


@pytest.fixture
def desired(tmp_path):
    given = contracts()
    for contract in given:
        contract["roles"] = [role for role in contract["roles"] if role["role"] != "Partner"]
    return wanted(shop(tmp_path, *given), Places(volumes={"bronze.landing": None}))


def test_what_it_has_is_made_as_the_contracts_say(client, desired):
    execute(client, Warehouse(client, "none"), desired, changes(client, desired))

    # tables come from the first run; then they are governed
    from databricks.sdk.service.catalog import ColumnInfo, ColumnTypeName, DataSourceFormat, TableType

    for table in desired.tables:
        catalog, schema, name = table.split(".")
        columns = [
            ColumnInfo(name=one.rpartition(".")[2], type_text="STRING", type_name=ColumnTypeName.STRING)
            for one in sorted(desired.columns)
            if one.rpartition(".")[0] == table
        ] or [ColumnInfo(name="record", type_text="STRING", type_name=ColumnTypeName.STRING)]
        client.tables.create(
            name, catalog, schema, TableType.MANAGED, DataSourceFormat.DELTA, "", columns=columns
        )
    assert {change.key.kind for change in changes(client, desired)} == {"grant"}
    execute(client, Warehouse(client, "none"), desired, changes(client, desired))

    assert changes(client, desired) == []
    there = actual(client, desired)
    assert {key for key in there if key.kind == "grant"} == {
        key for key in desired.state if key.kind == "grant"
    }
    assert there[Key("object", "volume", "shop_prod.bronze.landing")] == ""
    assert Key("object", "column", "shop_prod.silver.people.email") in there


def test_a_grant_by_hand_is_taken_back_and_others_stay(client, desired):
    from databricks.sdk.service.catalog import PermissionsChange, Privilege

    for principal in ("analyst", "bob"):
        given = PermissionsChange(principal=principal, add=[Privilege.MODIFY])
        client.grants.update("table", "shop_prod.silver.people", changes=[given])

    found = changes(client, desired)

    assert [(change.key.item, change.after) for change in found] == [(("analyst", "MODIFY"), None)]
    execute(client, Warehouse(client, "none"), desired, found)
    given = {
        a.principal: a.privileges
        for a in client.grants.get("table", "shop_prod.silver.people").privilege_assignments
    }
    assert given["analyst"] == [Privilege.SELECT] and given["bob"] == [Privilege.MODIFY]
