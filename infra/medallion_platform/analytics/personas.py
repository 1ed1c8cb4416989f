"""The people of the contracts' roles: a role of IAM for each, which reads what Lake Formation lets it."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from medallion_platform.analytics.contracts import lake, roles
from medallion_platform.analytics.places import DATABASES, FEDERATED, SPILLED, results, workgroup
from medallion_platform.identity.roles import make_role
from medallion_platform.ingestion.streams import platform_key
from medallion_platform.policies import Statement, allow, people
from medallion_platform.settings import Settings


def role_name(persona: str) -> str:
    """The role of IAM that is a contract's role: `serving-flights-analyst`."""
    return f"serving-{persona.replace('_', '-')}"


class Personas(Construct):
    """A role per role of the contracts. People get it by a permission set of the contract's name."""

    def __init__(self, scope: Construct, id_: str, settings: Settings) -> None:
        super().__init__(scope, id_)
        self.roles = {
            persona: self._role(settings, persona) for persona in roles(lake(settings.analytics.product))
        }

    def _role(self, settings: Settings, persona: str) -> iam.CfnRole:
        role = make_role(
            self,
            settings,
            role_name(persona),
            trust=[_people(settings, persona)],
            statements=_needs(settings, persona),
            description=f"{persona} of the contracts",
        )
        # Redshift gives who comes by this role the database's role of that name
        role.tags.set_tag("RedshiftDbRoles", persona)
        return role


def _people(settings: Settings, persona: str) -> Statement:
    own = settings.account("serving")
    return allow(
        "People",
        ["sts:AssumeRole"],
        None,
        to={"AWS": f"arn:aws:iam::{own}:root"},
        when={"ArnLike": {"aws:PrincipalArn": people(own, persona)}},
    )


def _needs(settings: Settings, persona: str) -> list[Statement]:
    own, region = settings.account("serving"), settings.region
    found = query_needs(settings, persona, DATABASES)
    if settings.parts.federation and persona in settings.analytics.database_readers:
        found += [
            allow(
                "DatabaseCatalog",
                ["athena:GetDataCatalog"],
                f"arn:aws:athena:{region}:{own}:datacatalog/{FEDERATED}",
            ),
            allow(
                "DatabaseConnector",
                ["lambda:InvokeFunction"],
                f"arn:aws:lambda:{region}:{own}:function:{settings.prefix}-database-connector",
            ),
            allow("DatabaseRows", ["s3:GetObject"], f"arn:aws:s3:::{results(settings)}/{SPILLED}/*"),
        ]
    if settings.parts.redshift:
        found.append(
            allow(
                "Warehouse",
                ["redshift-serverless:GetCredentials", "redshift-serverless:GetWorkgroup"],
                f"arn:aws:redshift-serverless:{region}:{own}:workgroup/*",
                when={"StringEquals": {"aws:ResourceTag/platform": settings.prefix}},
            )
        )
    return found


def query_needs(settings: Settings, who: str, databases: list[str]) -> list[Statement]:
    """What a role needs to ask for data; which it is given, Lake Formation decides."""
    own, region = settings.account("serving"), settings.region
    glued = f"arn:aws:glue:{region}:{own}"
    named = [
        f"{glued}:{kind}/{name}{below}"
        for kind, below in (("database", ""), ("table", "/*"))
        for name in databases
    ]
    found = [
        allow(
            "Catalog",
            [
                "glue:GetDatabase",
                "glue:GetDatabases",
                "glue:GetPartitions",
                "glue:GetTable",
                "glue:GetTables",
            ],
            [f"{glued}:catalog", *named],
        ),
        allow("Data", ["lakeformation:GetDataAccess"], "*"),
    ]
    return [*found, *(_athena(settings, who) if settings.parts.athena else [])]


def _athena(settings: Settings, persona: str) -> list[Statement]:
    """Its own workgroup, so that nobody finds results of somebody who sees more."""
    own, region = settings.account("serving"), settings.region
    bucket = f"arn:aws:s3:::{results(settings)}"
    return [
        allow(
            "Queries",
            [
                "athena:BatchGetNamedQuery", "athena:BatchGetQueryExecution", "athena:GetNamedQuery",
                "athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetWorkGroup",
                "athena:ListNamedQueries", "athena:ListQueryExecutions", "athena:StartQueryExecution",
                "athena:StopQueryExecution",
            ],
            f"arn:aws:athena:{region}:{own}:workgroup/{workgroup(settings, persona)}",
        ),
        allow("ResultsBucket", ["s3:GetBucketLocation"], bucket),
        allow(
            "ResultsList", ["s3:ListBucket"], bucket, when={"StringLike": {"s3:prefix": f"{persona}/*"}}
        ),
        allow(
            "Results",
            ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            f"{bucket}/{persona}/*",
        ),
        platform_key(
            settings,
            own,
            ["kms:Decrypt", "kms:GenerateDataKey"],
            f"s3.{region}.amazonaws.com",
            account="serving",
        ),
    ]  # fmt: skip
