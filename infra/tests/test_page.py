"""docs/platform.md is about what is there."""

import re
from pathlib import Path

from test_deployment import ON_NEITHER

INFRA = Path(__file__).parents[1]
PAGE = (INFRA.parent / "docs" / "platform.md").read_text()


def test_the_files_that_it_names_are_there():
    named = re.findall(r"`([\w./]+(?:\.py|\.toml|/))`", PAGE)
    assert len(named) > 30
    for name in named:
        places = (INFRA / "medallion_platform", INFRA / "tests", INFRA, INFRA.parent)
        assert any((place / name).exists() for place in places), name


def test_it_names_each_type_that_no_local_server_knows():
    assert set(re.findall(r"`(AWS::[\w:]+)`", PAGE)) == ON_NEITHER
