"""A run as OpenLineage events: START, then COMPLETE or FAIL, of the run and of each of its steps."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attr
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.generated import column_lineage_dataset as lineage_facet
from openlineage.client.generated import parent_run, schema_dataset
from openlineage.client.generated.base import RunFacet
from openlineage.client.generated.dataset_version_dataset import DatasetVersionDatasetFacet
from openlineage.client.generated.error_message_run import ErrorMessageRunFacet
from openlineage.client.generated.output_statistics_output_dataset import OutputStatisticsOutputDatasetFacet

from medallion_pipelines.lineage.columns import ColumnLineage, column_lineage
from medallion_pipelines.lineage.outbox import Outbox

if TYPE_CHECKING:
    from medallion_pipelines.contracts.model import Product, Table
    from medallion_pipelines.results import StepResult
    from medallion_pipelines.settings import Settings

_PRODUCER = f"https://pypi.org/project/medallion-pipelines/{version('medallion-pipelines')}"
# Off unless asked for: the client would send the remote URL of the git repository around it, and such URLs
# can hold a token.
_DEFAULTS = {"facets": {"source_code_location": {"disabled": True}}}


@attr.define
class UndeclaredLineageRunFacet(RunFacet):
    """The columns of the step's table whose origins nobody declared, and why they are not known."""

    columns: dict[str, str]


def client() -> OpenLineageClient | None:
    """What the environment or an `openlineage.yml` configures; None where that is nothing."""
    made = OpenLineageClient(config={key: dict(value) for key, value in _DEFAULTS.items()})
    asked = made.config.transport or os.environ.get("OPENLINEAGE_URL")
    return made if asked and made.transport.kind != "noop" else None


class Events:
    """Emits the events of one run. What a transport raised is raised by `end`."""

    def __init__(self, sender: OpenLineageClient, product: Product, settings: Settings, run_id: str) -> None:
        self._outbox = Outbox(sender)
        self._product = product
        self._settings = settings
        self._run_id = uuid.UUID(run_id)
        self._namespace = os.environ.get("OPENLINEAGE_NAMESPACE", "medallion")
        self._emit(RunState.START, Run(str(self._run_id)), product.name)

    def start(self, key: str) -> None:
        """A step begins."""
        self._step(RunState.START, key, None)

    def finish(self, result: StepResult) -> None:
        """A step has ended; one that never began is not told of."""
        if result.status != "skipped":
            state = RunState.FAIL if result.status == "failed" else RunState.COMPLETE
            self._step(state, result.table, result)

    def end(self, succeeded: bool) -> None:
        """The run has ended."""
        state = RunState.COMPLETE if succeeded else RunState.FAIL
        self._emit(state, Run(str(self._run_id)), self._product.name)
        self._outbox.close()

    def _step(self, state: RunState, key: str, result: StepResult | None) -> None:
        layer, name = key.split(".", 1)
        table = self._product.tables[f"silver.{name}" if layer == "bronze" else key]
        made_of = ColumnLineage() if layer == "bronze" else self._lineage[key]
        facets: dict[str, Any] = {"parent": self._parent}
        if made_of.undeclared:
            facets["medallion_undeclaredLineage"] = UndeclaredLineageRunFacet(dict(made_of.undeclared))
        if state == RunState.FAIL:  # the text itself can hold values of records, and stays in `ops`
            where = f"{key} failed. ops.table_metrics has the error, of run {self._run_id.hex}."
            facets["errorMessage"] = ErrorMessageRunFacet(where, "PYTHON")
        run = Run(str(uuid.uuid5(self._run_id, key)), facets)
        output = self._output(key, table, made_of, result)
        self._emit(state, run, f"{self._product.name}.{key}", self._inputs(key, table), [output])

    def _emit(
        self,
        state: RunState,
        run: Run,
        job: str,
        inputs: list[InputDataset] | None = None,
        outputs: list[OutputDataset] | None = None,
    ) -> None:
        moment = datetime.now(UTC).isoformat()
        named = Job(self._namespace, job)
        event = RunEvent(
            eventTime=moment,
            producer=_PRODUCER,
            run=run,
            job=named,
            eventType=state,
            inputs=inputs or [],
            outputs=outputs or [],
        )
        self._outbox.put(event)

    @cached_property
    def _parent(self) -> parent_run.ParentRunFacet:
        run = parent_run.Run(str(self._run_id))
        return parent_run.ParentRunFacet(run, parent_run.Job(self._namespace, self._product.name))

    @cached_property
    def _lineage(self) -> Mapping[str, ColumnLineage]:
        tables = self._product.tables
        return {key: column_lineage(tables, table) for key, table in tables.items()}

    def _inputs(self, key: str, table: Table) -> list[InputDataset]:
        if key.startswith("bronze."):
            assert table.source is not None
            return [InputDataset(*feed(table.source.path, self._settings))]
        if table.layer == "silver":
            return [InputDataset(*dataset(f"bronze.{table.name}", self._settings))]
        return [InputDataset(*dataset(f"{each.layer}.{each.table}", self._settings)) for each in table.inputs]

    def _output(
        self, key: str, table: Table, made_of: ColumnLineage, result: StepResult | None
    ) -> OutputDataset:
        facets: dict[str, Any] = {}
        counted: dict[str, Any] = {}
        if not key.startswith("bronze."):
            described = [
                schema_dataset.SchemaDatasetFacetFields(column.name, column.type, column.description)
                for column in table.columns
            ]
            facets["schema"] = schema_dataset.SchemaDatasetFacet(fields=described)
            facets["columnLineage"] = self._columns(made_of)
        if result is not None and result.version is not None:
            facets["version"] = DatasetVersionDatasetFacet(str(result.version))
        if result is not None and result.status != "failed":
            counted["outputStatistics"] = OutputStatisticsOutputDatasetFacet(rowCount=result.rows_written)
        namespace, name = dataset(key, self._settings)
        return OutputDataset(namespace, name, facets=facets, outputFacets=counted)

    def _columns(self, made_of: ColumnLineage) -> lineage_facet.ColumnLineageDatasetFacet:
        fields = {}
        for column, origins in made_of.origins.items():
            inputs = [
                lineage_facet.InputField(
                    *dataset(origin.table, self._settings),
                    origin.column,
                    [lineage_facet.Transformation("DIRECT", origin.how)],
                )
                for origin in origins
            ]
            fields[column] = lineage_facet.Fields(inputs)
        return lineage_facet.ColumnLineageDatasetFacet(fields)


def dataset(key: str, settings: Settings) -> tuple[str, str]:
    """Namespace and name of a table: its folder below a local warehouse, else its name in the catalog."""
    layer, name = key.split(".", 1)
    if settings.warehouse is not None:
        return "file", str(Path(settings.warehouse) / settings.schema(layer) / name)
    host = urlsplit(os.environ.get("DATABRICKS_HOST", "")).hostname
    return (
        f"databricks://{host}" if host else "databricks",
        f"{settings.catalog}.{settings.schema(layer)}.{name}",
    )


def feed(path: str, settings: Settings) -> tuple[str, str]:
    """Namespace and name of where records come from: a pattern below the landing zone, a URI, or a stream."""
    whole = path if "://" in path or path.startswith("/") else f"{settings.landing.rstrip('/')}/{path}"
    url = urlsplit(whole)
    if not url.scheme or url.scheme == "file":
        return "file", url.path
    scheme = "s3" if url.scheme.startswith("s3") else url.scheme
    return (scheme, url.netloc) if scheme == "kinesis" else (f"{scheme}://{url.netloc}", url.path.lstrip("/"))
