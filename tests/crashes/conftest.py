"""A Spark Connect server for processes that are killed, and a place for them to work in."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crashes.scene import Place, scene


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    shared = getattr(request.config, "workerinput", {}).get("spark_remote")
    if shared:
        yield shared
        return
    os.environ.setdefault("SPARK_CONNECT_AUTHENTICATE_TOKEN", str(uuid.uuid4()))
    command = [sys.executable, "-m", "tests.crashes.server"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, start_new_session=True, **pipes) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()


@pytest.fixture
def empty(server: str, tmp_path: Path) -> Place:
    return scene(tmp_path, server)
