from collections.abc import Iterator
from typing import Any

import pytest
from tests.aws import aws, bucket, s3, s3_server
from tests.ingest.control import Control, served

__all__ = ["aws", "bucket", "s3", "s3_server"]


@pytest.fixture
def control(aws: None, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Control]:
    """S3 Control, for whoever makes a client in this environment."""
    with served(Control(s3)) as control:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3_CONTROL", "http://s3-control.test")
        monkeypatch.setenv("HTTP_PROXY", control.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        for name in ("http_proxy", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield control
