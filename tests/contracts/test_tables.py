"""What a contract says of the table as a whole: source, order, limits, promises, servers."""

# ruff: noqa: E501 (tables of contracts and the answers to them)

from __future__ import annotations

import pytest

from medallion_pipelines.contracts.model import Check, Freshness, Role, Server

KEY = "- {name: id, logicalType: integer, primaryKey: true}\n- {name: at, logicalType: timestamp}\n"
FLIGHTS = '      - {property: source, value: {path: "flights/*.json", format: json}}\n'


def with_source(folder, source):
    folder.silver(KEY)
    path = folder.path / "flights.odcs.yaml"
    path.write_text(path.read_text().replace(FLIGHTS, f"      - {{property: source, value: {source}}}\n"))


def test_a_source_has_format_and_options(folder):
    with_source(folder, "{path: a/*.csv, format: csv, multiLine: true, options: {header: true, delimiter: ';', "
                        "quote: '\"', escape: '\\', nullValue: NA, encoding: utf-8, "
                        "ignoreLeadingWhiteSpace: true, ignoreTrailingWhiteSpace: 'false', "
                        "dateFormat: dd.MM.yyyy, timestampFormat: yyyy}}")  # fmt: skip
    source = folder.table().source
    assert (source.path, source.format, source.multi_line) == ("a/*.csv", "csv", True)
    assert source.options == {
        "header": "true", "sep": ";", "quote": '"', "escape": "\\", "nullValue": "NA",
        "ignoreLeadingWhiteSpace": "true", "ignoreTrailingWhiteSpace": "false", "dateFormat": "dd.MM.yyyy",
        "timestampFormat": "yyyy",
    }  # fmt: skip


def test_a_source_may_be_streams_of_kinesis(folder):
    with_source(folder, "{stream: 'a, b', format: json, options: {region: eu-west-1, maxRecordsPerBatch: 1000, "
                        "failOnDataLoss: false, serviceCredential: reader, dateFormat: dd.MM.yyyy, "
                        "initialPosition: {at_timestamp: '2026-01-31'}}}")  # fmt: skip
    source = folder.table().source
    assert (source.path, source.format, source.multi_line) == ("kinesis://a, b", "json", False)
    assert source.options == {"dateFormat": "dd.MM.yyyy"}
    assert source.stream == {
        "streamName": "a, b", "region": "eu-west-1", "maxRecordsPerBatch": "1000", "failOnDataLoss": "false",
        "serviceCredential": "reader", "initialPosition": '{"at_timestamp": "2026-01-31"}',
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("flights/*.json", ": must be a mapping. Such as `{path: flights/*.json, format: json}`."),
        ("{format: json}", ".path: `path` is missing. A glob below the landing zone, such as `flights/*.json`; or name a `stream` of Kinesis."),
        ("{path: 'kinesis://a', format: json}", ".path: `kinesis://a` is no place of files. Write `stream: a`."),
        ("{stream: a, path: x, format: json}", ".path: stands beside `stream`. Records come from files or from streams."),
        ("{stream: a, format: csv}", ".format: `csv` is not read from streams. Write `json`."),
        ("{stream: a b, format: json}", ".stream: The option `streamName` of the kinesis source cannot be 'a b': 'a b' is no name of a stream; several are separated by commas"),
        ("{stream: a, format: json, options: {initialPosition: oldest}}", ".options.initialPosition: The option `initialPosition` of the kinesis source cannot be 'oldest': it must be trim_horizon, latest, {\"at_timestamp\": \"2026-01-31T12:00:00Z\"} (another spelling with \"format\") or {\"after_sequence_number\": {\"STREAM/SHARD\": \"NUMBER\"}}"),
        ("{stream: a, format: json, options: {regoin: x}}", ".options.regoin: `regoin` is not a supported option of json. Did you mean `region`?"),
        ("{path: a, format: json, options: {region: x}}", ".options.region: `region` is not a supported option of json. Known: `dateFormat`, `timestampFormat`, `encoding`."),
        ("{path: x}", ".format: `format` is missing. One of json, csv, parquet."),
        ("{path: x, format: xml}", ".format: `xml` is not supported. One of json, csv, parquet."),
        ("{path: x, format: json, multiline: true}",
         ".multiline: `multiline` is not a key of `source`. Did you mean `multiLine`?"),
        ("{path: x, format: json, multiLine: maybe}", ".multiLine: must be true or false"),
        ("{path: x, format: parquet, multiLine: true}", ".multiLine: has no meaning for parquet. Drop it."),
        ("{path: x, format: csv, options: {seperator: ';'}}",
         ".options.seperator: `seperator` is not a supported option of csv. Known: `sep`, `quote`, `escape`, "
         "`header`, `nullValue`, `ignoreLeadingWhiteSpace`, `ignoreTrailingWhiteSpace`, `dateFormat`, "
         "`timestampFormat`, `encoding`."),
        ("{path: x, format: csv, options: {mode: DROPMALFORMED}}",
         ".options.mode: `mode` is not a supported option of csv. Known: `sep`, `quote`, `escape`, "
         "`header`, `nullValue`, `ignoreLeadingWhiteSpace`, `ignoreTrailingWhiteSpace`, `dateFormat`, "
         "`timestampFormat`, `encoding`."),
        ("{path: x, format: csv, options: {encoding: latin1}}",
         ".options.encoding: `latin1` is not supported. Convert the files to UTF-8."),
        ("{path: x, format: csv, options: {header: perhaps}}", ".options.header: must be true or false"),
        ("{path: x, format: csv, options: {sep: 9}}", ".options.sep: must be text. Put it in quotes."),
        ("{path: x, format: csv, options: {sep: a, delimiter: b}}",
         ".options.delimiter: `sep` is here twice. `delimiter` and `sep` are the same."),
        ("{path: x, format: parquet, options: {sep: a}}",
         ".options.sep: `sep` is not a supported option of parquet. It takes none."),
        ("{path: x, format: json, options: [a]}",
         ".options: must be a mapping. Such as `{header: true, sep: ';'}`."),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_read_is_refused(folder, source, said):
    with_source(folder, source)
    assert folder.said() == [f"schema[0].customProperties[1].value{said}"]


def test_tables_are_ordered_clustered_and_limited(folder):
    folder.silver(
        KEY,
        custom="""
        - {property: sequenceBy, value: [at, id]}
        - {property: clusterBy, value: [id]}
        - {property: quarantineLimit, value: {mustBeLessThan: 5, unit: percent}}
        """,
    )
    table = folder.table()
    assert (table.sequence_by, table.cluster_by) == (("at", "id"), ("id",))
    assert table.quarantine_limit == Check(
        "quarantine_limit", "{value} < 5", "records quarantined must be less than 5 percent", metric="quarantined",
        unit="percent",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("custom", "said"),
    [
        ("sequenceBy, value: at", "value: must be a list of columns. Such as `value: [carrier, flight_date]`."),
        ("sequenceBy, value: [att]", "value[0]: there is no column `att`. Did you mean `at`?"),
        ("sequenceBy, value: [at, at]", "value[1]: `at` is here twice"),
        ("sequenceBy, value: [bag]", "value[0]: a VARIANT cannot be put in order. Name a scalar column."),
        ("clusterBy, value: [yes_no]", "value: Delta cannot cluster by `yes_no`, a BOOLEAN. Leave it out."),
        ("clusterBy, value: [id, at, c, d, e]",
         "value: Delta clusters by at most 4 columns. Name those that most queries filter by."),
        ("quarantineLimit, value: 5", "value: needs exactly one operator. "
         "Such as `value: {mustBeLessThan: 5, unit: percent}`."),
        ("quarantineLimit, value: {mustBeLess: 5, mustBeLessThan: 5}",
         "value.mustBeLess: `mustBeLess` is not a key of `quarantineLimit`. Did you mean `mustBeLessThan`?"),
        ("quarantineLimit, value: {mustBeLessThan: 5, unit: pct}",
         "value.unit: `pct` is not supported. Write `rows` or `percent`."),
        ("quarantineLimit, value: {mustBeLessThan: 0}", "value: would stop a run that quarantines nothing. "
         "Such as `value: {mustBeLessThan: 5, unit: percent}`."),
        ("quarantineLimit, value: {mustBeGreaterThan: 1}", "value: would stop a run that quarantines nothing. "
         "Such as `value: {mustBeLessThan: 5, unit: percent}`."),
        ("quarantineLimit, value: {mustBeLessThan: some}",
         "value.mustBeLessThan: must be a number. For a yes or no, let the query count and compare with 0."),
        ("squenceBy, value: [at]", "property: `squenceBy` means nothing here. Did you mean `sequenceBy`?"),
        ("cluster_by, value: [at]", "property: `cluster_by` means nothing here. Did you mean `clusterBy`?"),
        ("renamedFrom, value: x", "property: `renamedFrom` does not belong here. It is a property of a column."),
        ("inputs, value: [{table: silver.x}]",
         "value: is for gold tables only. A silver table has a `source`."),
        ("layer, value: silver", ": `layer` is here twice. Remove one of them."),
    ],
)  # fmt: skip
def test_custom_properties_that_cannot_be_honoured_are_refused(folder, custom, said):
    folder.silver(
        KEY
        + "- {name: bag, logicalType: object, physicalType: VARIANT}\n- {name: yes_no, logicalType: boolean}\n"
        "- {name: c, logicalType: string}\n- {name: d, logicalType: string}\n- {name: e, logicalType: string}",
        custom=f"- {{property: {custom}}}",
    )
    where = "schema[0].customProperties[2]" + ("" if said.startswith(":") else ".")
    assert folder.said()[0] == where + said


def test_an_order_needs_a_key(folder):
    folder.silver("- {name: at, logicalType: timestamp}", custom="- {property: sequenceBy, value: [at]}")
    assert folder.said() == [
        "schema[0].customProperties[2].value: is for silver tables with a primary key. "
        "It picks the newest of the rows of one key."
    ]


@pytest.mark.parametrize(
    ("place", "text", "said"),
    [
        ("root", "customProperties: [{property: layer, value: silver}]",
         "customProperties[0].property: `layer` does not belong here. It is a property of the schema object."),
        ("root", "customProperties: [{property: ownr, value: a}]",
         "customProperties[0].property: `ownr` means nothing here. Did you mean `owner`?"),
        ("root", "customProperties: [{property: owner, value: 5}]",
         "customProperties[0].value: must name the owner"),
        ("root", "slaDefaultElement: flights.at",
         "slaDefaultElement: is deprecated in ODCS v3.1. Give the SLA property an `element`."),
        ("table", "physicalType: topic",
         "schema[0].physicalType: `topic` is not supported. Write `table` or `view`."),
        ("table", "physicalName: flights_v2",
         "schema[0].physicalName: `flights_v2` is not `flights`, its `name`. Drop `physicalName`."),
        ("table", "physicalType: view",
         "schema[0].physicalType: a silver table cannot be a view. Make it a gold view over the silver table."),
    ],
)  # fmt: skip
def test_other_things_of_the_whole_that_cannot_be_honoured(folder, place, text, said):
    folder.silver(KEY, **{place: text})
    assert said in folder.said()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("_x", "`_x` starts with `_`. Such names are kept for the pipeline's own tables."),
        (
            "a-b",
            "`a-b` cannot name a table. Use letters, digits and `_`, starting with a letter, at most 128.",
        ),
    ],
)
def test_names_that_no_table_can_have_are_refused(folder, name, said):
    folder.silver(KEY)
    path = folder.path / "flights.odcs.yaml"
    path.write_text(path.read_text().replace("- name: flights", f"- name: {name}"))
    assert folder.said() == [f"schema[0].name: {said}"]


def test_one_contract_is_one_table(folder):
    folder.silver(KEY)
    path = folder.path / "flights.odcs.yaml"
    text = path.read_text()
    path.write_text(text + "  - name: other\n")
    assert folder.problems() == [
        "flights.odcs.yaml:6: schema: must hold exactly one object. Write a contract for each table."
    ]
    path.write_text(text.split("schema:")[0])
    assert folder.said() == [
        "schema: `schema` is missing: it holds the one table. Write a contract for each table."
    ]


def test_two_contracts_of_one_table_or_id_are_a_problem(folder):
    folder.silver(KEY, name="flights")
    folder.silver(KEY, name="FLIGHTS")
    path = folder.path / "FLIGHTS.odcs.yaml"
    path.write_text(path.read_text().replace("id: FLIGHTS", "id: flights"))
    assert folder.problems() == [
        "flights.odcs.yaml:3: id: `flights` is also the id of product/FLIGHTS.odcs.yaml. "
        "Give each contract its own id.",
        "flights.odcs.yaml:7: schema[0].name: `silver.flights` is also the table of product/FLIGHTS.odcs.yaml. "
        "Rename one of them.",
    ]


def test_what_is_missing_is_named(folder):
    folder.write("x.odcs.yaml", "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: '1'\nstatus: draft\n"
                                "schema:\n  - name: x\n")  # fmt: skip
    assert sorted(folder.problems()) == [
        "x.odcs.yaml:7: schema[0]: the custom property `layer` is missing. "
        "Add `customProperties: [{property: layer, value: silver}]` (or gold).",
        "x.odcs.yaml:7: schema[0]: the table has no columns. List them under `properties`.",
    ]
    folder.silver("- {name: a, logicalType: string}", name="x")
    path = folder.path / "x.odcs.yaml"
    text = path.read_text()
    path.write_text(text.replace('      - {property: source, value: {path: "x/*.json", format: json}}\n', ""))
    assert folder.said() == [
        "schema[0]: the custom property `source` is missing. "
        "Say where records come from: `{path: flights/*.json, format: json}`."
    ]
    path.write_text(text.replace("value: silver", "value: bronze"))
    assert folder.said() == [
        "schema[0].customProperties[0].value: `bronze` is not a layer. Bronze tables need no contract."
    ]


@pytest.mark.parametrize(
    ("text", "freshness"),
    [
        ("property: freshness, value: 24, unit: h", Freshness(86400)),
        ("property: latency, value: 4, unit: d, element: flights.at", Freshness(345600, "at")),
        ("property: ly, value: 1.5, unit: minutes, element: at", Freshness(90, "at")),
        ("property: Freshness, value: 2, unit: m, element: flights", Freshness(120)),
        ("property: freshness, value: 30, unit: s", Freshness(30)),
        ("property: freshness, value: 1, unit: week", Freshness(604800)),
    ],
)
def test_freshness_is_an_age(folder, text, freshness):
    folder.silver(KEY, root=f"slaProperties: [{{{text}}}]")
    assert folder.table().freshness == freshness


@pytest.mark.parametrize(
    ("text", "days"),
    [("30, unit: d", 30), ("3, unit: y", 1095), ("2, unit: weeks", 14), ("6, unit: months", 180)],
)
def test_retention_is_days(folder, text, days):
    folder.silver(KEY, root=f"slaProperties: [{{property: retention, value: {text}}}]")
    assert folder.table().retention_days == days


@pytest.mark.parametrize("name", ["frequency", "generalAvailability", "endOfSupport", "endOfLife", "availability",
                                  "timeOfAvailability", "throughput", "errorRate", "tr", "ourOwn"])  # fmt: skip
def test_other_promises_are_descriptive(folder, name):
    folder.silver(KEY, root=f"slaProperties: [{{property: {name}, value: 1, unit: d}}]")
    assert (folder.table().freshness, folder.table().retention_days) == (None, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("property: freshness, value: soon, unit: h", ".value: must be a number above 0. Write s, m, h, d or w."),
        ("property: freshness, value: 0, unit: h", ".value: must be a number above 0. Write s, m, h, d or w."),
        ("property: freshness, value: 5", ".unit: `unit` is missing. Write s, m, h, d or w."),
        ("property: freshness, value: 5, unit: y", ".unit: the unit `y` does not fit. Write s, m, h, d or w."),
        ("property: freshness, value: 5, unit: h, element: flights.att",
         ".element: there is no property `att`. Did you mean `at`?"),
        ("property: freshness, value: 5, unit: h, element: flights.id",
         ".element: is neither a date nor a timestamp. Name the column that says how new a row is."),
        ("property: freshness, value: 5, unit: h, element: planes.at",
         ".element: `planes` is not the table of this contract. Write `flights.at`."),
        ("property: freshness, value: 5, unit: h, element: 'flights.at, flights.id'",
         ".element: several elements are not supported. Name the one that counts."),
        ("property: freshness, value: 5, valueExt: 6, unit: h",
         ".valueExt: is not supported. Give one `value` with a `unit`."),
        ("property: freshnes, value: 5, unit: h", ".property: `freshnes` is no SLA property. Did you mean `freshness`?"),
        ("property: retention, value: 5, unit: m",
         ".unit: the unit `m` does not fit. Write d, w, months or y."),
        ("property: retention, value: 5, unit: d, element: flights.at",
         ".element: retention counts from when a row was written, not by a column. "
         "Write `element: flights` or drop it."),
        ("property: retention, value: 0.5, unit: d", ".value: must come to a whole number. Use a smaller unit."),
    ],
)  # fmt: skip
def test_promises_that_cannot_be_kept_are_refused(folder, text, said):
    folder.silver(KEY, root=f"slaProperties: [{{{text}}}]")
    assert folder.said()[0] == f"slaProperties[0]{said}"


def test_a_promise_is_made_once(folder):
    folder.silver(KEY, root="slaProperties: [{property: freshness, value: 1, unit: d}, "
                            "{property: latency, value: 1, unit: d}]")  # fmt: skip
    assert folder.said() == [
        "slaProperties[1]: there is a freshness already. Freshness and latency are the same; keep one."
    ]


def test_roles_and_servers_are_kept(folder):
    folder.silver(
        KEY,
        root="""
        roles:
          - {role: analyst, access: read, description: Reads., firstLevelApprovers: x}
        servers:
          - {server: main, type: databricks, environment: prod, catalog: c, schema: s, host: h}
          - {server: laptop, type: local, path: ./data, format: delta}
        """,
    )
    assert folder.table().roles == (Role("analyst", "read", "Reads."),)
    assert folder.table().servers == (Server("prod", "c", "s"), Server("laptop"))


@pytest.mark.parametrize(
    ("servers", "said"),
    [
        ("[{server: a, type: databricks, catalog: c, schema: s}, {server: a, type: local, path: x, format: y}]",
         "[1]: there is a server for `a` already. Give each its own `environment`."),
        ("[{server: a, type: snowflake, account: a, database: d, schema: s}]",
         "[0].type: a table cannot reside on `snowflake`. "
         "Write `databricks` or `local`; a feed belongs into the custom property `source`."),
        ("[{server: a, type: databricks, catalog: c}]", "[0].schema: `schema` is missing"),
        ("[{server: a, type: databricks, catalog: c, schema: s, warehouse: w}]",
         "[0].warehouse: does not fit `type: databricks`"),
        ("[{server: a, type: databricks, catalog: '${CATALOG}', schema: s}]",
         "[0].catalog: variables are not supported. Name it, one server per environment."),
        ("[{server: a, type: databricks, catalog: c, schema: s, roles: [{role: r}]}]",
         "[0].roles: roles of a server are not supported. Put them into the contract's `roles`."),
    ],
)  # fmt: skip
def test_servers_that_cannot_be_used_are_refused(folder, servers, said):
    folder.silver(KEY, root=f"servers: {servers}")
    assert folder.said() == [f"servers{said}"]


def test_a_silver_table_has_no_transform_beside_it(folder):
    folder.silver(KEY)
    folder.write("flights.sql", "SELECT 1")
    assert folder.problems() == [
        "flights.odcs.yaml:1: flights.sql would be ignored: silver has no transform. Use `transformLogic`."
    ]
