"""An environment for each library that is compared with; none of them becomes a dependency."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".venv-conformance"
SCRIPTS = Path(__file__).parent / "libraries"
OURS = "medallion_pipelines"
CURRENT = ("pyspark==4.2.0", "delta-spark==4.4.0")
PINS = {
    "mack": ("mack==0.5.0", *CURRENT),
    "laktory": ("laktory[pyspark]==0.13.1", *CURRENT),
    # its tests end at Spark 3.5.5
    "koheesio": ("koheesio[pyspark,delta]==0.11.1", "pyspark==3.5.5", "delta-spark==3.3.2"),
    "dlt": ("dlt[duckdb]==1.31.0", "duckdb==2.0.0"),
}
LIBRARIES = (OURS, *PINS)


def python_for(library: str) -> Path:
    """The Python that has the library; its environment is made where it is missing or has other pins."""
    if library == OURS:
        return Path(sys.executable)
    folder, pins = HOME / library, PINS[library]
    python, marker = folder / "bin" / "python", folder / "pins.txt"
    if marker.exists() and marker.read_text() == "\n".join(pins):
        return python
    print(f"Installing {', '.join(pins)} in {folder.relative_to(ROOT)} ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *pins]
    if subprocess.run(pip).returncode != 0:
        raise SystemExit(f"error: {library} could not be installed. pip says why above; then run this again.")
    marker.write_text("\n".join(pins))
    return python


def clean_environment(library: str, scratch: str) -> dict[str, str]:
    """The variables for its process: no Spark and no packages but its own, temporary files in `scratch`."""
    foreign = {"SPARK_HOME", "SPARK_REMOTE", "SPARK_CONNECT_MODE_ENABLED"}
    if library != OURS:
        foreign.add("PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return {**kept, "TMPDIR": scratch}
