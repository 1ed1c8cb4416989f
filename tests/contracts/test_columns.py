"""Types, options, names and origins of columns."""

# ruff: noqa: E501 (tables of contracts and the answers to them)

from __future__ import annotations

import re

import pytest

KEY = "- {name: id, logicalType: integer, primaryKey: true}\n"


def column(folder, text):
    folder.silver(KEY + f"- {{name: a, {text}}}")
    return folder.table().columns[1]


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("logicalType: string", "STRING"),
        ("logicalType: string, physicalType: string", "STRING"),
        ("logicalType: string, physicalType: VARCHAR(10)", "STRING"),
        ("logicalType: integer", "BIGINT"),
        ("logicalType: integer, physicalType: BIGINT", "BIGINT"),
        ("logicalType: integer, physicalType: long", "BIGINT"),
        ("logicalType: integer, physicalType: INT", "INT"),
        ("logicalType: integer, physicalType: INTEGER", "INT"),
        ("logicalType: integer, physicalType: SMALLINT", "SMALLINT"),
        ("logicalType: integer, physicalType: TINYINT", "TINYINT"),
        ("logicalType: integer, physicalType: 'DECIMAL(20, 0)'", "DECIMAL(20,0)"),
        ("logicalType: integer, physicalType: DECIMAL(9)", "DECIMAL(9,0)"),
        ("logicalType: number", "DOUBLE"),
        ("logicalType: number, physicalType: FLOAT", "FLOAT"),
        ("logicalType: number, physicalType: 'numeric(10,2)'", "DECIMAL(10,2)"),
        ("logicalType: boolean", "BOOLEAN"),
        ("logicalType: date", "DATE"),
        ("logicalType: timestamp", "TIMESTAMP"),
        ("logicalType: timestamp, physicalType: TIMESTAMP_NTZ", "TIMESTAMP_NTZ"),
        ("logicalType: time", "STRING"),
        ("logicalType: array, items: {logicalType: string}", "ARRAY<STRING>"),
        ("logicalType: array, physicalType: 'array<string>', items: {logicalType: string}", "ARRAY<STRING>"),
        ("logicalType: array, items: {logicalType: array, items: {logicalType: integer, physicalType: INT}}",
         "ARRAY<ARRAY<INT>>"),
        ("logicalType: object, properties: [{name: x, logicalType: integer}, {name: 'y-z', logicalType: date}]",
         "STRUCT<`x`: BIGINT, `y-z`: DATE>"),
        ("logicalType: object, physicalType: 'struct<x: bigint>', properties: [{name: x, logicalType: integer}]",
         "STRUCT<`x`: BIGINT>"),
        ("logicalType: array, items: {logicalType: object, properties: [{name: x, logicalType: number}]}",
         "ARRAY<STRUCT<`x`: DOUBLE>>"),
        ("logicalType: object, physicalType: VARIANT", "VARIANT"),
        ("logicalType: object, physicalType: 'map<string,int>'", "MAP<STRING, INT>"),
        ("logicalType: object, physicalType: 'MAP<STRING, DECIMAL(4,1)>'", "MAP<STRING, DECIMAL(4,1)>"),
    ],
)  # fmt: skip
def test_odcs_types_become_spark_types(folder, text, type_):
    assert column(folder, text).type == type_


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("logicalType: string, physicalType: TEXT", "`TEXT` does not fit `logicalType: string`. "
         "Fitting: STRING or VARCHAR(n)."),
        ("logicalType: string, physicalType: VARCHAR(0)", "`VARCHAR(0)` does not fit `logicalType: string`. "
         "Fitting: STRING or VARCHAR(n)."),
        ("logicalType: integer, physicalType: DOUBLE", "`DOUBLE` does not fit `logicalType: integer`. "
         "Fitting: TINYINT, SMALLINT, INT, BIGINT or DECIMAL(p,0)."),
        ("logicalType: integer, physicalType: 'DECIMAL(10,2)'", "`DECIMAL(10,2)` does not fit "
         "`logicalType: integer`. Fitting: TINYINT, SMALLINT, INT, BIGINT or DECIMAL(p,0)."),
        ("logicalType: number, physicalType: 'DECIMAL(39,2)'", "`DECIMAL(39,2)` does not fit "
         "`logicalType: number`. Fitting: FLOAT, DOUBLE or DECIMAL(p,s)."),
        ("logicalType: number, physicalType: 'DECIMAL(3,4)'", "`DECIMAL(3,4)` does not fit "
         "`logicalType: number`. Fitting: FLOAT, DOUBLE or DECIMAL(p,s)."),
        ("logicalType: boolean, physicalType: BIT",
         "`BIT` does not fit `logicalType: boolean`. Fitting: BOOLEAN."),
        ("logicalType: date, physicalType: TIMESTAMP",
         "`TIMESTAMP` does not fit `logicalType: date`. Fitting: DATE."),
        ("logicalType: timestamp, physicalType: DATETIME",
         "`DATETIME` does not fit `logicalType: timestamp`. Fitting: TIMESTAMP or TIMESTAMP_NTZ."),
        ("logicalType: time, physicalType: TIME", "`TIME` does not fit `logicalType: time`. Fitting: STRING."),
        ("logicalType: object, physicalType: 'MAP<INT, STRING>'", "`MAP<INT, STRING>` does not fit "
         "`logicalType: object`. A map is MAP<STRING, type> with a scalar type."),
        ("logicalType: object, physicalType: JSON", "an object needs `properties`. "
         "Or `physicalType: VARIANT`, or `physicalType: MAP<STRING, STRING>`."),
        ("logicalType: object", "an object needs `properties`. "
         "Or `physicalType: VARIANT`, or `physicalType: MAP<STRING, STRING>`."),
        ("logicalType: object, physicalType: VARIANT, properties: [{name: x, logicalType: date}]",
         "cannot be checked within a VARIANT. Drop `physicalType` for a STRUCT of these properties, "
         "or drop `properties`."),
        ("logicalType: array", "an array needs `items`. Say what it holds, such as "
         "`items: {logicalType: string}`."),
        ("logicalType: array, physicalType: 'ARRAY<INT>', items: {logicalType: string}",
         "`ARRAY<INT>` is not what the contract describes. Drop it, or write ARRAY<STRING>."),
        ("logicalType: object, properties: [{name: x, logicalType: date}, {name: X, logicalType: date}]",
         "`X` is here twice. Spark does not tell names apart by case."),
        ("logicalType: string, partitioned: true", "partitions are not supported. "
         "Cluster the table: custom property `clusterBy` on the schema object."),
        ("logicalType: string, partitionKeyPosition: 1", "partitions are not supported. "
         "Cluster the table: custom property `clusterBy` on the schema object."),
        ("logicalType: object, physicalType: VARIANT, unique: true", "a VARIANT cannot be a key. "
         "Compute a scalar column for it."),
        ("logicalType: array, items: {logicalType: string}, primaryKey: true", "a ARRAY cannot be a key. "
         "Compute a scalar column for it."),
    ],
)  # fmt: skip
def test_types_that_cannot_be_honoured_name_what_can(folder, text, said):
    folder.silver(KEY + f"- {{name: a, {text}}}")
    assert [problem.split(": ", 1)[1] for problem in folder.said()] == [said]


OPTIONS = [
    ("logicalType: integer", "minimum: 1", "minimum", "`a` >= 1", "must be at least 1"),
    ("logicalType: integer", "maximum: 2400", "maximum", "`a` <= 2400", "must be at most 2400"),
    ("logicalType: integer", "exclusiveMinimum: -1", "exclusive_minimum", "`a` > -1", "must be more than -1"),
    ("logicalType: integer", "exclusiveMaximum: 5", "exclusive_maximum", "`a` < 5", "must be less than 5"),
    ("logicalType: integer", "multipleOf: 5", "multiple_of", "`a` % 5 = 0", "must be a multiple of 5"),
    ("logicalType: integer", "format: i8", "format", "`a` BETWEEN -128 AND 127",
     "must be between -128 and 127 (i8)"),
    ("logicalType: integer", "format: u32", "format", "`a` BETWEEN 0 AND 4294967295",
     "must be between 0 and 4294967295 (u32)"),
    ("logicalType: integer, physicalType: 'DECIMAL(20,0)'", "format: u64", "format",
     "`a` BETWEEN 0 AND 18446744073709551615", "must be between 0 and 18446744073709551615 (u64)"),
    ("logicalType: number", "minimum: 0.1", "minimum", "`a` >= 0.1", "must be at least 0.1"),
    ("logicalType: number", "maximum: 1.0e+21", "maximum", "`a` <= 1000000000000000000000",
     "must be at most 1000000000000000000000"),
    ("logicalType: number", "maximum: 1e300", "maximum", "`a` <= 1e+300D", "must be at most 1e+300D"),
    ("logicalType: number", "minimum: 1e-7", "minimum", "`a` >= 0.0000001", "must be at least 0.0000001"),
    ("logicalType: number", "multipleOf: 0.01", "multiple_of",
     "coalesce(try_cast(CAST(`a` AS STRING) AS DECIMAL(38,15)) % 0.01 = 0, `a` IS NULL)",
     "must be a multiple of 0.01"),
    ("logicalType: number, physicalType: 'DECIMAL(9,2)'", "multipleOf: 0.05", "multiple_of", "`a` % 0.05 = 0",
     "must be a multiple of 0.05"),
    ("logicalType: string", "minLength: 2", "min_length", "char_length(`a`) >= 2",
     "must be at least 2 characters long"),
    ("logicalType: string", "maxLength: 3", "max_length", "char_length(`a`) <= 3",
     "must be at most 3 characters long"),
    ("logicalType: string", "pattern: '^[A-Z]{2}$'", "pattern", "`a` RLIKE '^[A-Z]{2}$'",
     "must match ^[A-Z]{2}$"),
    ("logicalType: date", "minimum: '2013-01-01'", "minimum", "`a` >= DATE'2013-01-01'",
     "must not be before 2013-01-01"),
    ("logicalType: date", "exclusiveMaximum: 2014-01-01", "exclusive_maximum", "`a` < DATE'2014-01-01'",
     "must be before 2014-01-01"),
    ("logicalType: timestamp", "maximum: 2013-12-31T23:59:59Z", "maximum",
     "`a` <= TIMESTAMP'2013-12-31 23:59:59+00:00'", "must not be after 2013-12-31T23:59:59Z"),
    ("logicalType: timestamp", "exclusiveMinimum: 2013-12-31T23:59:59", "exclusive_minimum",
     "`a` > TIMESTAMP'2013-12-31 23:59:59+00:00'", "must be after 2013-12-31T23:59:59"),
    ("logicalType: timestamp, physicalType: TIMESTAMP_NTZ", "minimum: 2013-12-31", "minimum",
     "`a` >= TIMESTAMP_NTZ'2013-12-31 00:00:00'", "must not be before 2013-12-31"),
    ("logicalType: array, items: {logicalType: string}", "minItems: 1", "min_items", "array_size(`a`) >= 1",
     "must have at least 1 items"),
    ("logicalType: array, items: {logicalType: string}", "maxItems: 9", "max_items", "array_size(`a`) <= 9",
     "must have at most 9 items"),
    ("logicalType: array, items: {logicalType: string}", "uniqueItems: true", "unique_items",
     "array_size(array_distinct(`a`)) = array_size(`a`)", "must not repeat an item"),
    ("logicalType: object, properties: [{name: x, logicalType: date}]", "required: [x]", "required",
     "`a` IS NULL OR `a`.`x` IS NOT NULL", "must have `x`"),
    ("logicalType: object, physicalType: 'MAP<STRING, INT>'", "required: [it's]".replace("it's", '"it\'s"'),
     "required", "map_contains_key(`a`, 'it\\'s')", "must have `it's`"),
    ("logicalType: object, physicalType: 'MAP<STRING, INT>'", "minProperties: 1", "min_properties",
     "`a` IS NULL OR size(`a`) >= 1", "must have at least 1 entries"),
    ("logicalType: object, physicalType: 'MAP<STRING, INT>'", "maxProperties: 2", "max_properties",
     "`a` IS NULL OR size(`a`) <= 2", "must have at most 2 entries"),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "option", "name", "condition", "message"), OPTIONS)
def test_an_option_becomes_a_rule(folder, type_, option, name, condition, message):
    column(folder, f"{type_}, logicalTypeOptions: {{{option}}}")
    [rule] = folder.table().rules
    assert (rule.name, rule.condition, rule.message) == (f"a_{name}", condition, message)
    assert (rule.column, rule.severity) == ("a", "error")


@pytest.mark.parametrize(
    "text",
    [
        "logicalType: integer, logicalTypeOptions: {format: i64}",
        "logicalType: integer, physicalType: INT, logicalTypeOptions: {format: i32}",
        "logicalType: number, logicalTypeOptions: {format: f64}",
        "logicalType: number, logicalTypeOptions: {format: f32}",
        "logicalType: string, logicalTypeOptions: {format: password}",
        "logicalType: timestamp, logicalTypeOptions: {timezone: true}",
        "logicalType: timestamp, logicalTypeOptions: {timezone: false, defaultTimezone: Etc/UTC}",
        "logicalType: array, items: {logicalType: string}, logicalTypeOptions: {uniqueItems: false}",
    ],
)
def test_an_option_that_the_type_meets_anyway_needs_no_rule(folder, text):
    column(folder, text)
    assert folder.table().rules == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("logicalType: integer, logicalTypeOptions: {format: u64}",
         "`u64` does not fit into BIGINT. Set `physicalType: DECIMAL(20,0)`."),
        ("logicalType: integer, logicalTypeOptions: {format: i128}",
         "`i128` does not fit into BIGINT. Spark has no such type."),
        ("logicalType: integer, physicalType: TINYINT, logicalTypeOptions: {format: u8}",
         "`u8` does not fit into TINYINT. Set `physicalType: DECIMAL(3,0)`."),
        ("logicalType: integer, logicalTypeOptions: {minimum: 5, maximum: 1}",
         "is more than `maximum`, so nothing would be accepted. Swap them."),
        ("logicalType: string, logicalTypeOptions: {minLength: 5, maxLength: 1}",
         "is more than `maxLength`, so nothing would be accepted. Swap them."),
        ("logicalType: string, logicalTypeOptions: {format: emial}",
         "the format `emial` is not checked here. Did you mean `email`? Or use `pattern`."),
        ("logicalType: string, logicalTypeOptions: {format: binary}",
         "the format `binary` is not checked here. Known: `email`, `uuid`, `uri`, `hostname`, `ipv4`, `ipv6`, "
         "`password`. Or use `pattern`."),
        ("logicalType: string, logicalTypeOptions: {pattern: '[a-'}",
         "is not a regular expression: unterminated character set at position 0. "
         "Put a backslash before special characters."),
        ("logicalType: string, logicalTypeOptions: {pattern: 'a)'}",
         "is not a regular expression: unbalanced parenthesis at position 1. "
         "Put a backslash before special characters."),
        ("logicalType: string, logicalTypeOptions: {pattern: '*a'}",
         "is not a regular expression: nothing to repeat at position 0. "
         "Put a backslash before special characters."),
        ("logicalType: date, logicalTypeOptions: {minimum: yesterday}",
         "`yesterday` is not a date. Write it as 2024-12-31."),
        ("logicalType: timestamp, logicalTypeOptions: {minimum: '12'}",
         "`12` is not a timestamp. Write it as 2024-12-31T23:59:59."),
        ("logicalType: timestamp, physicalType: TIMESTAMP_NTZ, logicalTypeOptions: {maximum: 2024-01-01T00:00:00Z}",
         "`2024-01-01T00:00:00Z` is not a timestamp. Write it as 2024-12-31T23:59:59."),
        ("logicalType: time, logicalTypeOptions: {minimum: '25:00'}",
         "`25:00` is not a time. Write it as 23:59:59."),
        ("logicalType: time, logicalTypeOptions: {format: h:mm a}",
         "the format `h:mm a` is not supported for a time. One of HH:mm, HH:mm:ss; without it, seconds are optional."),
        ("logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Europe/Paris}",
         "`Europe/Paris` is not honoured: a time without a zone is read as UTC. "
         "Convert it: `transformLogic: to_utc_timestamp(<field>, '<zone>')`."),
        ("logicalType: timestamp, physicalType: TIMESTAMP_NTZ, logicalTypeOptions: {timezone: true}",
         "a TIMESTAMP_NTZ holds no time zone. "
         "Use `logicalType: timestamp` with `physicalType: TIMESTAMP`."),
        ("logicalType: date, logicalTypeOptions: {format: YYYY-MM-dd}",
         "`YYYY-MM-dd` is not a date pattern that Spark reads. "
         "Write, say, `yyyy-MM-dd HH:mm:ss`; quote letters as in 'T'."),
        ("logicalType: timestamp, logicalTypeOptions: {format: \"yyyy-MM-dd'T\"}",
         "`yyyy-MM-dd'T` is not a date pattern that Spark reads. "
         "Write, say, `yyyy-MM-dd HH:mm:ss`; quote letters as in 'T'."),
        ("logicalType: object, properties: [{name: x, logicalType: date}], logicalTypeOptions: {minProperties: 1}",
         "is honoured for MAP only. A struct has the properties that are listed."),
        ("logicalType: object, properties: [{name: xy, logicalType: date}], logicalTypeOptions: {required: [xyz]}",
         "`xyz` is not one of its properties. Did you mean `xy`?"),
        ("logicalType: array, items: {logicalType: object, physicalType: VARIANT}, "
         "logicalTypeOptions: {uniqueItems: true}", "Spark cannot compare a MAP or a VARIANT. Drop it."),
        ("logicalType: boolean, logicalTypeOptions: {minimum: 1}",
         "`minimum` is not an option of `logicalType: boolean`. It takes none."),
        ("logicalType: object, properties: [{name: x, logicalType: date, logicalTypeOptions: {format: yyyy}}]",
         "is honoured on columns only, not within objects and arrays. "
         "Declare it a string, or compute a column with `transformLogic`."),
    ],
)  # fmt: skip
def test_options_that_cannot_be_honoured_are_refused(folder, text, said):
    folder.silver(KEY + f"- {{name: a, {text}}}")
    assert [problem.split(": ", 1)[1] for problem in folder.said()] == [said]


@pytest.mark.parametrize(
    "pattern",
    [
        r"\p{L}+",
        r"^(?<year>\d{4})",
        r"[a-z&&[^aeiou]]",
        r"\Qa(b\E",
        r"a*+b",
        r"\h+\z",
        r"(?i)x",
        "^*",
        r"\x{1F600}",
    ],
)
def test_patterns_that_only_java_knows_are_accepted(folder, pattern):
    column(folder, f"logicalType: string, logicalTypeOptions: {{pattern: '{pattern}'}}")
    assert len(folder.table().rules) == 1


FORMATS = {
    "email": (["a@b.c", "a.b+c@example.com"], ["a", "a@", "@b", "a b@c", "a@b..c", "a@b\n"]),
    "uuid": (["123e4567-e89b-12d3-a456-426614174000"], ["123e4567e89b12d3a456426614174000", "x"]),
    "uri": (["https://example.com/a?b=c#d", "urn:isbn:1"], ["example.com", "http://a b", "://x"]),
    "hostname": (["example.com", "a", "xn--1.de"], ["-a", "a-", "a..b", "a_b", "a." * 127 + "ab"]),
    "ipv4": (["0.0.0.0", "255.255.255.255"], ["256.1.1.1", "1.1.1", "01.1.1.1", "1.1.1.1\n"]),
    "ipv6": (["::", "::1", "1::", "2001:db8::ff00:42:8329", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4",
              "1:2:3:4:5:6:1.2.3.4", "1::1.2.3.4"],
             [":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::"]),
}  # fmt: skip


def regex(rule):
    """The Java pattern of a rule, as Python writes it."""
    literal = re.search(r"RLIKE '(.*)'", rule.condition)[1]
    return literal.replace("\\\\", "\\").replace("\\'", "'").replace(r"\z", r"\Z")


@pytest.mark.parametrize("name", FORMATS)
def test_string_formats_tell_good_from_bad(folder, name):
    column(folder, f"logicalType: string, logicalTypeOptions: {{format: {name}}}")
    [rule] = folder.table().rules
    good, bad = FORMATS[name]
    assert [text for text in good if not re.search(regex(rule), text)] == []
    assert [text for text in bad if re.search(regex(rule), text)] == []
    assert rule.message == f"must be a valid {name}"


@pytest.mark.parametrize(
    ("options", "good", "bad"),
    [
        (
            "{}",
            ["00:00", "23:59", "10:00:59", "10:00:00.5"],
            ["24:00", "1:00", "10:60", "10:00:60", "10", "10:00\n"],
        ),
        ("{format: HH:mm}", ["10:00"], ["10:00:00"]),
        ("{format: HH:mm:ss}", ["10:00:00"], ["10:00", "10:00:00.1"]),
    ],
)
def test_a_time_is_text_of_hours_and_minutes(folder, options, good, bad):
    column(folder, f"logicalType: time, logicalTypeOptions: {options}")
    [rule] = folder.table().rules
    assert rule.name == "a_time"
    assert [text for text in good if not re.search(regex(rule), text)] == []
    assert [text for text in bad if re.search(regex(rule), text)] == []


def test_times_of_different_length_are_compared_as_times(folder):
    column(folder, "logicalType: time, logicalTypeOptions: {minimum: '06:00', exclusiveMaximum: '22:30:00'}")
    _, least, most = folder.table().rules
    comparable = "try_cast(concat('1970-01-01 ', `a`, if(char_length(`a`) = 5, ':00', '')) AS TIMESTAMP_NTZ)"
    assert least.condition == f"{comparable} >= TIMESTAMP_NTZ'1970-01-01 06:00:00'"
    assert most.condition == f"{comparable} < TIMESTAMP_NTZ'1970-01-01 22:30:00'"


def test_a_varchar_is_text_of_limited_length(folder):
    column(folder, "logicalType: string, physicalType: VARCHAR(2)")
    assert [rule.condition for rule in folder.table().rules] == ["char_length(`a`) <= 2"]
    column(folder, "logicalType: string, physicalType: VARCHAR(9), logicalTypeOptions: {maxLength: 4}")
    assert [rule.condition for rule in folder.table().rules] == ["char_length(`a`) <= 4"]


def test_rules_reach_into_objects_and_arrays(folder):
    folder.silver(
        KEY
        + """
- name: a
  logicalType: object
  properties:
    - {name: zip, logicalType: string, required: true, logicalTypeOptions: {maxLength: 5}}
    - name: lines
      logicalType: array
      items:
        logicalType: object
        required: true
        properties:
          - {name: "p-q", logicalType: integer, required: true, logicalTypeOptions: {minimum: 1}}
          - {name: tags, logicalType: array, items: {logicalType: string, logicalTypeOptions: {minLength: 1}}}
"""
    )
    assert [(rule.name, rule.column, rule.condition) for rule in folder.table().rules] == [
        ("a.zip_required", "a", "`a` IS NULL OR `a`.`zip` IS NOT NULL"),
        ("a.zip_max_length", "a", "char_length(`a`.`zip`) <= 5"),
        ("a.lines.items_required", "a", "forall(`a`.`lines`, x1 -> x1 IS NOT NULL)"),
        ("a.lines.items.p-q_required", "a", "forall(`a`.`lines`, x1 -> x1 IS NULL OR x1.`p-q` IS NOT NULL)"),
        ("a.lines.items.p-q_minimum", "a", "forall(`a`.`lines`, x1 -> x1.`p-q` >= 1)"),
        ("a.lines.items.tags.items_min_length", "a",
         "forall(`a`.`lines`, x1 -> forall(x1.`tags`, x2 -> char_length(x2) >= 1))"),
    ]  # fmt: skip
    assert folder.table().rules[1].message == "`a.zip` must be at most 5 characters long"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("unique", "true"), ("primaryKey", "true"), ("partitioned", "true"), ("physicalName", "other"),
        ("transformLogic", "upper(x)"), ("quality", "[{metric: nullValues, mustBe: 0}]"),
        ("relationships", "[{to: flights.id}]"),
    ],
)  # fmt: skip
def test_what_only_columns_can_have_is_refused_within_objects(folder, key, value):
    folder.silver(
        KEY
        + f"- {{name: a, logicalType: object, properties: [{{name: x, logicalType: date, {key}: {value}}}]}}"
    )
    assert folder.said() == [
        f"schema[0].properties[1].properties[0].{key}: is supported on columns only, not within objects and arrays. "
        "Compute a column of its own with `transformLogic`."
    ]


HOSTILE = [
    "it's",
    "\\",
    "\\'",
    "'; DROP TABLE x --",
    "${env:HOME}",
    "$${x}",
    "`",
    '"',
    "a\nb",
    "\t",
    "é🦆",
    "{value}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_inside_its_literal(folder, text):
    import json

    folder.silver(
        f"- {{name: a, logicalType: string, quality: [{{metric: invalidValues, mustBe: 0, "
        f"arguments: {{validValues: [{json.dumps(text, ensure_ascii=False)}]}}}}]}}"
    )
    [rule] = folder.table().rules
    literal = re.fullmatch(r"`a` IN \('(.*)'\)", rule.condition)[1]
    assert "${" not in literal
    assert "'" not in literal.replace("\\\\", "").replace("\\'", "")
    assert literal.isprintable()
    unescaped = re.sub(r"\\u([0-9a-f]{4})|\\(.)", lambda m: chr(int(m[1], 16)) if m[1] else m[2], literal)
    assert unescaped == text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("_a", "`_a` starts with `_`. Such names are kept for the pipeline's own columns; set `physicalName`."),
        ("a b", "`a b` cannot name a column: it contains ' '. "
         "Keep `name` as the field in the source and set `physicalName` for the column."),
        ("a.b", "`a.b` cannot name a column: it contains '.'. "
         "Keep `name` as the field in the source and set `physicalName` for the column."),
        ("a`b", "`a`b` cannot name a column: it contains '`'. "
         "Keep `name` as the field in the source and set `physicalName` for the column."),
        ("a=b", "`a=b` cannot name a column: it contains '='. "
         "Keep `name` as the field in the source and set `physicalName` for the column."),
        ("x" * 256, "a column name is at most 255 characters long"),
        ("ID", "`ID` and `id` differ only by case. Spark does not tell names apart by case; set `physicalName`."),
        ("id", "the column `id` is here twice. Spark does not tell names apart by case; set `physicalName`."),
    ],
)  # fmt: skip
def test_names_that_a_table_cannot_hold_are_refused(folder, name, said):
    folder.silver(KEY + f"- {{name: {name!r}, logicalType: string}}")
    assert folder.said() == [f"schema[0].properties[1].name: {said}"]


def test_a_column_may_be_named_otherwise_than_its_field(folder):
    got = column(folder, "physicalName: b, logicalType: string, "
                         "customProperties: [{property: renamedFrom, value: [old, older]}]")  # fmt: skip
    assert (got.name, got.fields) == ("b", ("a", "old", "older"))
    got = column(folder, "logicalType: string, customProperties: [{property: renamedFrom, value: old}]")
    assert (got.name, got.fields) == ("a", ("a", "old"))


def test_a_deprecated_column_says_what_to_use(folder):
    assert column(folder, "logicalType: string, customProperties: [{property: deprecated, value: use b}]"
                  ).deprecated == "use b"  # fmt: skip
    folder.silver("- {name: a, logicalType: string, customProperties: [{property: deprecated, value: true}]}")
    assert folder.said() == [
        "schema[0].properties[0].customProperties[0].value: must say what to use instead. "
        "Such as `value: use carrier_code instead`."
    ]


def test_a_source_format_is_kept_for_dates(folder):
    assert (
        column(folder, "logicalType: date, logicalTypeOptions: {format: dd/MM/yyyy}").format == "dd/MM/yyyy"
    )
    text = "logicalType: timestamp, logicalTypeOptions: {format: \"yyyy-MM-dd'T'HH:mm[:ss]XXX\"}"
    assert column(folder, text).format == "yyyy-MM-dd'T'HH:mm[:ss]XXX"


@pytest.mark.parametrize(
    ("properties", "key"),
    [
        ("- {name: a, logicalType: string, primaryKey: true}\n- {name: b, logicalType: date, primaryKey: true}",
         ("a", "b")),
        ("- {name: a, logicalType: string, primaryKey: true, primaryKeyPosition: 2}\n"
         "- {name: b, logicalType: date, primaryKey: true, primaryKeyPosition: 1}", ("b", "a")),
        ("- {name: a, logicalType: string, primaryKey: false, primaryKeyPosition: -1}", ()),
    ],
)  # fmt: skip
def test_the_primary_key_follows_its_positions(folder, properties, key):
    folder.silver(properties)
    table = folder.table()
    assert table.primary_key == key
    assert [each.name for each in table.columns if each.required] == sorted(key)


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ("primaryKey: true, primaryKeyPosition: 1", "primaryKey: true, primaryKeyPosition: 1",
         "[1].primaryKeyPosition: must be 1, 2, 3, ... each once. Number the columns of the key."),
        ("primaryKey: true, primaryKeyPosition: 0", "primaryKey: true, primaryKeyPosition: 1",
         "[0].primaryKeyPosition: must be 1, 2, 3, ... each once. Number the columns of the key."),
        ("primaryKey: true", "primaryKey: true, primaryKeyPosition: 1",
         "[0].primaryKeyPosition: is missing. Number all columns of the key, or none."),
        ("primaryKeyPosition: 1", "primaryKey: true",
         "[0].primaryKeyPosition: is given, but the property is no primary key. Add `primaryKey: true`."),
    ],
)  # fmt: skip
def test_positions_of_a_key_must_agree(folder, a, b, said):
    folder.silver(f"- {{name: a, logicalType: date, {a}}}\n- {{name: b, logicalType: date, {b}}}")
    assert folder.said()[0] == f"schema[0].properties{said}"


@pytest.mark.parametrize(
    ("logic", "fields", "expression"),
    [
        ("upper(a)", (), "upper(a)"),
        ("raw", ("raw",), "`raw`"),
        ("concat(first, ' ', last)", ("first", "last"), "concat(first, ' ', last)"),
        ("interval 1 day", (), "interval 1 day"),
        ("timestampdiff(MINUTE, a, b)", ("b",), "timestampdiff(MINUTE, a, b)"),
        ("extract(YEAR FROM b)", ("b",), "extract(YEAR FROM b)"),
        ("date_add(DAY, 1, b)", ("b",), "date_add(DAY, 1, b)"),
        ("transform(b, x -> x + 1)", ("b",), "transform(b, x -> x + 1)"),
        ("_metadata.file_name", (), "_metadata.file_name"),
        ("to_date(_metadata.ingested_at)", (), "to_date(_metadata.ingested_at)"),
        ("to_utc_timestamp(at, 'Europe/Paris')", ("at",), "to_utc_timestamp(at, 'Europe/Paris')"),
        ("current_date", (), "current_date"),
    ],
)
def test_a_column_may_be_computed_from_the_record(folder, logic, fields, expression):
    folder.silver(
        f'- {{name: a, logicalType: string}}\n- {{name: c, logicalType: string, transformLogic: "{logic}"}}'
    )
    computed = folder.table().columns[1]
    assert (computed.expression, sorted(computed.fields)) == (expression, sorted(fields))


def test_a_column_may_be_computed_from_the_field_of_its_own_name(folder):
    folder.silver("- {name: a, logicalType: string, transformLogic: upper(a)}")
    assert folder.table().columns[0].fields == ("a",)


@pytest.mark.parametrize(
    ("logic", "said"),
    [
        ("sum(a)", "holds an aggregate, `SUM(a)`. Use quality of `type: sql` for many rows."),
        ("(select 1)", "holds a subquery. An expression sees one row; compare tables with `relationships`."),
        ("select 1", "holds a subquery. An expression sees one row; compare tables with `relationships`."),
        ("row_number() over (order by a)", "holds a window function, `ROW_NUMBER() OVER (ORDER BY a)`. "
         "An expression sees one row."),
        ("explode(a)", "`EXPLODE(a)` makes many rows of one. An expression yields one value."),
        ("a b", "must be one SQL expression. No alias, no statement."),
        ("a; b", "must be one SQL expression. Remove the `;`."),
        ("drop table a", "must be one SQL expression. No alias, no statement."),
        ("a -- why", "holds a comment. Move it into `description`."),
        ("upper(", "is not valid SQL"),
        ("_metadata.file_nam", "`_metadata` has no `file_nam`. Did you mean `file_name`?"),
        ("upper(_metadata.x)", "`_metadata` has no `x`. Known: `file_path`, `file_name`, "
         "`file_modification_time`, `file_size`, `ingested_at`."),
        ("'${env:HOME}'", "`${` would be replaced by Spark before the SQL is read. Write the value itself."),
        ("upper(z)", "the field `z` is the column `zed` here. Write `zed`."),
        ("OPTIMIZE a", "is not valid SQL here"),
        ("a = :p", "`:p` stands for nothing. Write the value itself."),
    ],
)  # fmt: skip
def test_expressions_that_cannot_be_computed_per_row_are_refused(folder, logic, said, capfd):
    folder.silver(
        "- {name: a, logicalType: string}\n- {name: z, physicalName: zed, logicalType: string}\n"
        f'- {{name: c, logicalType: string, transformLogic: "{logic}"}}'
    )
    [problem] = folder.said()
    assert problem.startswith(f"schema[0].properties[2].transformLogic: {said}")
    assert capfd.readouterr().err == ""


def test_a_computed_column_has_no_source_names_or_format(folder):
    folder.silver(
        "- {name: a, logicalType: date, transformLogic: b, logicalTypeOptions: {format: yyyy}, "
        "customProperties: [{property: renamedFrom, value: c}]}"
    )
    assert folder.said() == [
        "schema[0].properties[0].customProperties[0].value: has no meaning beside `transformLogic`. "
        "Name the old field in the expression.",
        "schema[0].properties[0].logicalTypeOptions.format: has no meaning beside `transformLogic`. "
        "Parse it in the expression: to_timestamp(field, format).",
    ]
