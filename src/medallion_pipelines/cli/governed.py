"""The metastores that `governance` looks at: that of one workspace, or all of a platform file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from medallion_pipelines.cli import places, screen
from medallion_pipelines.cli.options import variables
from medallion_pipelines.errors import GovernanceError, MedallionError
from medallion_pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from databricks.sdk import WorkspaceClient

    from medallion_pipelines.contracts.model import Product
    from medallion_pipelines.governance.model import Desired, Plan
    from medallion_pipelines.platform import Clients, Governed

_PATIENCE = 300  # seconds that the SDK tries again: what is done here may be done twice


@dataclass(frozen=True)
class Place:
    """A product in one environment, in the metastore of one workspace."""

    product: Product
    target: str
    again: str  # what of the command line names it
    within: tuple[Clients, Governed] | None = None  # a platform file

    @property
    def metastore(self) -> str | None:
        """Its name, where a platform file has it."""
        return self.within[1].metastore if self.within else None

    @property
    def client(self) -> WorkspaceClient:
        return self._seat[0]

    @property
    def warehouse_id(self) -> str | None:
        return self._seat[1]

    @cached_property
    def _seat(self) -> tuple[WorkspaceClient, str | None]:
        if self.within is None:
            from medallion_pipelines.governance.workspace import connect

            return connect(), None
        from medallion_pipelines.governance.workspace import failures
        from medallion_pipelines.platform import seat

        try:
            return seat(*self.within)
        except failures() as error:
            raise GovernanceError(f"The workspace cannot be reached: {error.__cause__ or error}") from error


def places_of(
    product: str | None, target: str | None, platform: Path | None, var: Sequence[str] | None
) -> list[Place]:
    """What a command line means."""
    if platform is None:
        if target is None:
            raise typer.BadParameter("Which environment? Or --platform FILE.", param_hint="--target")
        if var:
            raise typer.BadParameter("is for a platform file: --platform FILE.", param_hint="--var")
        return [Place(places.load(product), target, f"--target {target}")]
    if product is not None or target is not None:
        raise typer.BadParameter("has products and environments of its own.", param_hint="--platform")
    from medallion_pipelines.contracts import load_product
    from medallion_pipelines.platform import Clients, account_client, load_platform

    declared = load_platform(platform, variables(var)).governed
    if not declared:
        raise GovernanceError(f"{platform}: no metastore names `contracts` to govern it by.")
    clients, again = Clients(account_client(_PATIENCE)), f"--platform {platform}"
    return [Place(load_product(each.product), each.environment, again, (clients, each)) for each in declared]


def planned(place: Place) -> tuple[Desired, Plan]:
    """What is to be, and what changes lead there."""
    from medallion_pipelines.governance import diff
    from medallion_pipelines.governance.desired import desired
    from medallion_pipelines.governance.places import read_places
    from medallion_pipelines.governance.reader import read
    from medallion_pipelines.governance.workspace import failures

    settings = Settings.from_environment(environment=place.target)
    others = read_places(place.product.path, place.target)
    wanted = desired(place.product, settings, others)
    with screen.err().status("Asking Unity Catalog ..."):
        client = place.client
        try:
            if any((key.kind, key.on) == ("object", "recipient") for key in wanted.state):
                here = client.metastores.summary().global_metastore_id
                wanted = desired(place.product, settings, others, here)
            return wanted, diff.plan(wanted, read(client, wanted))
        except failures() as error:
            raise GovernanceError(
                f"Unity Catalog does not tell what is there: {error.__cause__ or error}"
            ) from error


def each_of(governed: Sequence[Place], do: Callable[[Place], dict[str, object]], as_json: bool) -> None:
    """Do it for all, and show the documents that it returns.

    A metastore of a platform file that fails does not keep the others from being governed; code 1 then.
    """
    documents: list[dict[str, object]] = []
    failed = False
    for place in governed:
        if place.metastore is None:
            documents.append(do(place))
            continue
        named = {"metastore": place.metastore, "product": place.product.name}
        if not as_json:
            heading = f"{place.metastore}: {place.product.name}, {place.target}"
            screen.out().print(Text(heading, "bold underline"), soft_wrap=True)
        try:
            documents.append({**named, **do(place)})
        except MedallionError as error:
            failed = True
            screen.complain(f"{place.metastore}: {error}")
            documents.append({**named, "target": place.target, "error": str(error)})
    if as_json:
        one = governed[0].metastore is None
        screen.document(documents[0] if one else {"metastores": documents})
    if failed:
        raise typer.Exit(1)
