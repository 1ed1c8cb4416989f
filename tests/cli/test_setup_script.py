"""The checks of scripts/setup.sh, which `make` starts with."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "setup.sh"


def setup(venv, **environment):
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), str(venv)],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", **environment},
    )


def python(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_python_that_is_too_old_is_named(tmp_path):
    done = setup(tmp_path / "venv", PYTHON=python(tmp_path / "python", "exit 1"))

    assert done.returncode == 1
    assert done.stderr == f"error: PYTHON={tmp_path}/python is no Python 3.11 or newer.\n"


def test_a_machine_whose_only_python_is_too_old_is_told_which_it_has(tmp_path):
    for tool in ("dirname", "sh"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    python(tmp_path / "python3", '[ "$1" = --version ] && echo Python 3.9.18 || exit 1')

    done = setup(tmp_path / "venv", PATH=str(tmp_path))

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: Python 3.11 or newer is needed, and PATH has Python 3.9.18.",
        "  Install it, or name it: make PYTHON=/path/to/python3.12 ...",
    ]


def test_a_python_without_venv_is_told_the_package_to_install(tmp_path):
    lame = 'case "$*" in --version) echo Python 3.12.3;; *ensurepip*) exit 1;; esac'

    done = setup(tmp_path / "venv", PYTHON=python(tmp_path / "python", lame))

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: Python 3.12.3 cannot make virtual environments.",
        "  On Debian and Ubuntu: apt install python3-venv",
    ]


def test_a_machine_without_java_is_told_before_anything_is_installed(tmp_path):
    done = setup(tmp_path / "venv", JAVA_HOME=str(tmp_path), PYTHON=sys.executable)

    assert done.returncode == 1
    assert done.stderr.startswith(f"error: Spark needs Java, and JAVA_HOME ({tmp_path}) has none that runs.")
    assert not (tmp_path / "venv").exists()


def test_an_environment_that_make_did_not_make_is_left_alone(tmp_path):
    (tmp_path / "venv").mkdir()

    done = setup(tmp_path / "venv", PYTHON=sys.executable)

    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path}/venv is there already, and make did not make it.")
    assert (tmp_path / "venv").is_dir()
