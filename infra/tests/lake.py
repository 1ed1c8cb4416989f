"""What Lake Formation lets a principal see, by the tags, filters and grants of the templates: a helper of
tests, no more. What it does not know is an error, never a guess."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from templates import Templates

Tags = dict[str, str]


@dataclass
class Lake:
    """Tags by what they are on: (database,), (database, table) or (database, table, column)."""

    tags: dict[tuple[str, ...], Tags] = field(default_factory=dict)
    filters: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    grants: list[tuple[str, dict[str, Any], list[str]]] = field(default_factory=list)

    @classmethod
    def of(cls, templates: Templates) -> Lake:
        made = cls()
        known = {
            each.properties["TagKey"]: set(each.properties["TagValues"])
            for each in templates.resources("AWS::LakeFormation::Tag")
        }
        for one in templates.resources("AWS::LakeFormation::TagAssociation"):
            pairs = {pair["TagKey"]: pair["TagValues"] for pair in one.properties["LFTags"]}
            for key, values in pairs.items():
                assert len(values) == 1 and set(values) <= known[key], f"{key} cannot be {values}"
            for place in _places(one.properties["Resource"]):
                made.tags.setdefault(place, {}).update({key: values[0] for key, values in pairs.items()})
        for one in templates.resources("AWS::LakeFormation::DataCellsFilter"):
            found = one.properties
            made.filters[found["DatabaseName"], found["TableName"], found["Name"]] = found
        for one in templates.resources("AWS::LakeFormation::PrincipalPermissions"):
            by = one.properties["Principal"]["DataLakePrincipalIdentifier"]
            made.grants.append((by, one.properties["Resource"], one.properties["Permissions"]))
        return made

    def seen(self, by: str, database: str, table: str, columns: list[str]) -> dict[str, Any]:
        """The columns that a principal may select, each with the rows it sees: `True`, or a condition."""
        found: dict[str, Any] = {}
        for principal, resource, permissions in self.grants:
            if principal != by or "SELECT" not in permissions:
                continue
            [(kind, what)] = resource.items()
            if kind == "LFTagPolicy" and what["ResourceType"] == "TABLE":
                for column in columns:
                    if self._fits(what["Expression"], (database, table, column)):
                        found[column] = True
            elif kind == "DataCellsFilter":
                if (what["DatabaseName"], what["TableName"]) == (database, table):
                    filtered = self.filters[database, table, what["Name"]]
                    rows = filtered["RowFilter"].get("FilterExpression", True)
                    for column in filtered["ColumnNames"]:
                        found.setdefault(column, rows)
            elif kind == "Table":
                if what["DatabaseName"] == database and ("TableWildcard" in what or what["Name"] == table):
                    found |= dict.fromkeys(columns, True)
            else:
                raise NotImplementedError(kind)
        return found

    def _fits(self, expression: list[dict[str, Any]], place: tuple[str, ...]) -> bool:
        tags: Tags = {}
        for depth in range(1, len(place) + 1):  # what is nearer wins
            tags |= self.tags.get(place[:depth], {})
        return all(tags.get(each["TagKey"]) in each["TagValues"] for each in expression)


def _places(resource: dict[str, Any]) -> list[tuple[str, ...]]:
    [(kind, what)] = resource.items()
    if kind == "Database":
        return [(what["Name"],)]
    if kind == "Table":
        return [(what["DatabaseName"], what["Name"])]
    if kind == "TableWithColumns":
        return [(what["DatabaseName"], what["Name"], column) for column in what["ColumnNames"]]
    raise NotImplementedError(kind)
