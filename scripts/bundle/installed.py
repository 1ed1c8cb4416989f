"""The wheel as Databricks has it: with what it asks for, beside what the platform brings, and no more."""

from __future__ import annotations

import subprocess
import tempfile
import venv
import zipfile
from configparser import ConfigParser
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from scripts.bundle.config import Config

# Of the runtime, what the package imports or may import. `delta` is not there on serverless compute.
BROUGHT = ("pyspark", "pandas", "pyarrow")
_IMPORT = """
import sys
from importlib.metadata import distribution
from importlib import import_module
(entry,) = distribution(sys.argv[1]).entry_points.select(group="console_scripts", name=sys.argv[2])
assert callable(entry.load())
for module in sys.argv[3:]:
    import_module(module)
print(sys.modules["medallion_pipelines"].__file__)
"""
# what an entry point imports only when it is at work
AT_WORK = (
    "medallion_pipelines.lakehouse",
    "medallion_pipelines.report.collect",
    "medallion_pipelines.report.page",
)


def check_entry_points(config: Config, wheel: Path) -> None:
    """Note tasks whose entry point the wheel has not."""
    with zipfile.ZipFile(wheel) as archive:
        texts = {
            name.rsplit("/", 1)[1]: archive.read(name).decode()
            for name in archive.namelist()
            if name.split("/")[0].endswith(".dist-info")
        }
    package = wheel.name.split("-")[0]
    scripts = ConfigParser(delimiters=("=",))
    scripts.optionxform = str  # type: ignore[assignment,method-assign]
    scripts.read_string(texts.get("entry_points.txt", ""))
    known = dict(scripts["console_scripts"]) if scripts.has_section("console_scripts") else {}
    for at, job in config.each("jobs"):
        for place, task in enumerate(job.get("tasks", [])):
            asked = task.get("python_wheel_task")
            if asked is None:
                continue
            where = f"{at}.tasks[{place}].python_wheel_task"
            if asked.get("package_name") != package:
                config.problem(f"{where}.package_name", f"the wheel is {package}")
            if asked.get("entry_point") not in known:
                has = ", ".join(sorted(known)) or "none"
                config.problem(
                    f"{where}.entry_point", f"the wheel has no {asked.get('entry_point')}; it has {has}"
                )


def import_problem(wheel: Path, entry_point: str = "medallion-task") -> str | None:
    """What Python says where the entry point cannot be imported from a clean environment; None: it can.

    The wheel's own requirements are installed from the package index; what Databricks brings is this
    environment's, made visible package by package.
    """
    with tempfile.TemporaryDirectory() as scratch:
        environment = Path(scratch, "venv")
        venv.create(environment, with_pip=True)
        python = environment / "bin" / "python"
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)]
        if said := _failed([str(python), *install]):
            return said
        (packages,) = environment.glob("lib/python*/site-packages")
        for name in BROUGHT:
            _lend(name, packages)
        package = wheel.name.split("-")[0]
        return _failed([str(python), "-I", "-c", _IMPORT, package, entry_point, *AT_WORK])


def _lend(name: str, packages: Path) -> None:
    """Link an installed distribution, and what it needs, into another environment; what is there stays."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return
    for top in {file.parts[0] for file in found.files or () if not file.parts[0].startswith("..")}:
        here = Path(str(found.locate_file(top)))
        if top != "__pycache__" and here.exists() and not (packages / top).exists():
            (packages / top).symlink_to(here)
    for text in found.requires or ():
        required = Requirement(text)
        # Databricks Connect, which serverless compute has, brings what pyspark[connect] asks for
        wanted = required.marker is None or required.marker.evaluate({"extra": "connect"})
        if wanted and not any(packages.glob(f"{required.name.replace('-', '_')}-*.dist-info")):
            _lend(required.name, packages)


def _failed(command: list[str]) -> str | None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tempfile.gettempdir())
    return None if done.returncode == 0 else (done.stderr or done.stdout).strip()
