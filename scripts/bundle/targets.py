"""Targets: who works where, what is open to whom, and whether the contracts say the same."""

from __future__ import annotations

import re
from typing import Any

import typer
from scripts.bundle.config import Config
from scripts.bundle.references import leaves

from medallion_pipelines.cli.app import app
from medallion_pipelines.contracts.model import Product

_SETTING = re.compile(r"MEDALLION_[A-Z_]+=.*", re.DOTALL)
_EVERYONE = ("account users", "users")


def check_target(config: Config, product: Product) -> None:
    """Note what a target leaves open, and where bundle and contracts differ."""
    target = config.top["targets"][config.target]
    at = f"targets.{config.target}"
    for name in ("host", "account_id"):
        for where, place in ((at, target), ("", config.top)):
            if name in place.get("workspace", {}):
                path = f"{where}.workspace.{name}".lstrip(".")
                config.problem(path, "belongs to who deploys (DATABRICKS_HOST or a profile)")
    if target.get("mode") == "production":
        for name in ("run_as", "permissions"):
            if name not in target and name not in config.top:
                config.problem(f"{at}.{name}", "a production target needs it")
        if "/Shared" in target.get("workspace", {}).get("root_path", "/Shared"):
            config.problem(f"{at}.workspace.root_path", "is not there, or where everybody can write")
        if config.resources.get("secret_scopes"):
            everywhere = [*target.get("permissions", []), *config.top.get("permissions", [])]
            for place, one in enumerate(everywhere):
                if one.get("level") == "CAN_VIEW":
                    said = "CAN_VIEW on all of a bundle lets them read its secret scopes: say it of each"
                    config.problem(f"{at}.permissions[{place}]", said)
    for kind in config.resources:
        for where, resource in config.each(kind):
            for place, grant in enumerate(resource.get("grants", [])):
                if grant.get("principal") in _EVERYONE:
                    config.problem(f"{where}.grants[{place}]", f"is a grant to {grant['principal']}")
    if target.get("mode") != "development":  # there schemas are each developer's own
        _check_servers(config, product)
    _check_unused(config)


def _check_servers(config: Config, product: Product) -> None:
    schemas, told = config.resources.get("schemas", {}), set()
    for table in product.tables.values():
        schema = schemas.get(table.layer)
        server = next((one for one in table.servers if one.environment == config.target), None)
        if schema is None or server is None:
            continue
        for field, said, here in (
            ("catalog_name", server.catalog, schema.get("catalog_name")),
            ("name", server.schema, schema.get("name")),
        ):
            if said != here and (table.layer, field, said) not in told:
                told.add((table.layer, field, said))
                config.problem(
                    f"resources.schemas.{table.layer}.{field}",
                    f"is {here}, and {table.path.name} says {said} for {config.target}",
                )


def _check_unused(config: Config) -> None:
    texts = [value for _, value in leaves("", config.top) if isinstance(value, str)]
    texts += [file.read_text(encoding="utf-8") for file in set(config.files.values()) if file.is_file()]
    texts += [file.read_text(encoding="utf-8") for file in sorted(config.root.glob("jobs/*.py"))]
    for name in config.variables:
        named = re.compile(rf'var\.{name}\b|given\["{name}"\]')
        if not any(named.search(text) for text in texts):
            config.problem(f"variables.{name}", "nothing uses it")


def check_commands(config: Config) -> None:
    """Note tasks whose words the command line would not take."""
    commands: Any = typer.main.get_command(app)
    for at, job in config.each("jobs"):
        for place, task in enumerate(job.get("tasks", [])):
            wheel = task.get("python_wheel_task", {})
            if wheel.get("entry_point") != "medallion-task":
                continue
            words = [word for word in wheel.get("parameters", []) if not _SETTING.fullmatch(word)]
            try:
                name, command, rest = commands.resolve_command(typer.Context(commands), words)
                command.make_context(name, list(rest))
            except Exception as error:  # typer has click of its own, and no name for its errors
                said = getattr(error, "format_message", error.__str__)()
                where = f"{at}.tasks[{place}].python_wheel_task.parameters"
                config.problem(where, f"`medallion {' '.join(words)}`: {said}")
