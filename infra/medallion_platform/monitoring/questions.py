"""What is asked of Databricks' audit logs: named queries of Athena, of the last seven days."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """What is told of which actions."""

    meaning: str
    columns: str
    actions: str

    def sql(self, table: str) -> str:
        return (
            f"SELECT {_WHEN} AS happened, useridentity.email AS who, sourceipaddress AS address, "
            f"workspaceid AS workspace, {self.columns}\n"
            f'FROM {table}\nWHERE "date" >= {_SINCE}\n  AND {self.actions}\nORDER BY happened DESC'
        )


# Without functions that Athena alone has, so that tests can ask another engine.
_WHEN = "TIMESTAMP '1970-01-01 00:00:00' + CAST(\"timestamp\" / 1000 AS bigint) * INTERVAL '1' SECOND"
_SINCE = "CAST(CAST(current_date - INTERVAL '7' DAY AS date) AS varchar)"

QUESTIONS = {
    "who-read-what": Question(
        "Who was given access to the files of which table, for reading or writing",
        "coalesce(requestparams.table_full_name, requestparams.full_name_arg) AS what, "
        "requestparams.operation AS operation, response.statuscode AS status",
        "servicename = 'unityCatalog' AND actionname = 'generateTemporaryTableCredential'",
    ),
    "failed-logins": Question(
        "Who tried to come in and was not let in",
        "actionname AS how, coalesce(requestparams.user, useridentity.email) AS tried, "
        "response.errormessage AS error",
        "servicename = 'accounts' AND (actionname = 'login' OR actionname LIKE '%Login')"
        " AND response.statuscode <> 200",
    ),
    "permission-changes": Question(
        "Who granted or took away what: in Unity Catalog, in groups, on objects of workspaces",
        "actionname AS action, "
        "coalesce(requestparams.securable_full_name, requestparams.targetgroupname) AS what, "
        "coalesce(requestparams.changes, requestparams.targetusername) AS change",
        "(actionname IN ('updatePermissions', 'updateSharePermissions', 'addPrincipalToGroup', "
        "'removePrincipalFromGroup', 'setAdmin', 'removeAdmin') OR actionname LIKE 'change%Acl%')",
    ),
    "tokens-made": Question(
        "Who made a token, or a secret of a service principal, by which one comes in later",
        "actionname AS action, response.statuscode AS status",
        "(actionname = 'generateDbToken' OR (servicename = 'servicePrincipalCredentials'"
        " AND actionname = 'create'))",
    ),
}
