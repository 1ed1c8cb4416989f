"""Builds the wheel that is deployed: python -m scripts.bundle.wheel FOLDER

Its build tag is a digest of its contents. So a wheel that is deployed anew has either the same name and the
same bytes, or another name: no running job is given other code than it began with.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def build(folder: Path) -> Path:
    """Build the package into a folder of its own, where it is then the only wheel.

    Raises CalledProcessError with the output of what failed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        _run("-m", "build", "--wheel", "--no-isolation", "--outdir", scratch, str(ROOT))
        (built,) = Path(scratch).glob("*.whl")
        digest = hashlib.sha256(built.read_bytes()).hexdigest()[:12]
        # a build tag begins with a digit
        _run("-m", "wheel", "tags", "--build", f"0{digest}", "--remove", str(built))
        (tagged,) = Path(scratch).glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / tagged.name
        shutil.copyfile(tagged, made.with_suffix(".part"))
        made.with_suffix(".part").replace(made)  # whoever builds it at the same time makes the same
    for other in folder.glob("*.whl"):
        if other != made:
            other.unlink(missing_ok=True)
    return made


def _run(*words: str) -> None:
    dated = {**os.environ, "SOURCE_DATE_EPOCH": "1580601600"}  # hatchling's own; else `wheel` takes today's
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, env=dated)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        done.check_returncode()


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
