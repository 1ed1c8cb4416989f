"""The local server that speaks AWS's protocol."""

from tests.aws import s3_server

__all__ = ["s3_server"]
