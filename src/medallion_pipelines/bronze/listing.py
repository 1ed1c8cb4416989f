"""Which files a feed has now."""

from __future__ import annotations

import os
import re

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame

from medallion_pipelines.bronze.files import in_bucket, in_folders, s3_client
from medallion_pipelines.contracts.model import Source
from medallion_pipelines.tables import Field, Tables, local_frame

LISTED = (Field("path", "STRING"), Field("modified_at", "TIMESTAMP"), Field("size", "BIGINT"))
_S3 = re.compile(r"(s3a?)://([^/]+)/(.*)", re.S)


def resolve(source: Source, landing: str) -> str:
    """Where a feed's files are: its path below the landing zone, unless it is absolute or a URI."""
    if "://" in source.path or source.path.startswith("/"):
        return source.path
    return f"{landing.rstrip('/')}/{source.path}"


def listing(tables: Tables, source: Source) -> DataFrame | None:
    """The files of a feed: path (as Spark's `_metadata.file_path` spells it), modified_at, size; None where
    there is none. Raises SourceError where the landing zone itself is missing, or does not let itself be
    listed."""
    path = resolve(source, tables.settings.landing).removeprefix("file://")
    place = _S3.fullmatch(path)
    if re.search(r"\{[^}]*/", path):  # alternatives that reach over folders
        return _by_spark(tables, path)
    if place is not None and not on_databricks() and (client := s3_client()) is not None:
        files = list(in_bucket(client, *place.groups()))
    # where tables are in folders of this machine, so are files
    elif path.startswith("/") and tables.settings.warehouse is not None:
        files = list(in_folders(path))
    else:
        return _by_spark(tables, path)
    return local_frame(tables.spark, LISTED, files) if files else None


def on_databricks() -> bool:
    """Whether this is a cluster of Databricks, or serverless compute there."""
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


def _by_spark(tables: Tables, path: str) -> DataFrame | None:
    try:
        files = tables.spark.read.format("binaryFile").load(path)
        _ = files.schema  # Spark Connect looks at the path only when asked for something
    except AnalysisException as error:
        if "PATH_NOT_FOUND" not in str(error):
            raise
        return None
    # only the metadata is asked for, so no content is read
    return files.selectExpr(
        "_metadata.file_path AS path",
        "_metadata.file_modification_time AS modified_at",
        "_metadata.file_size AS size",
    )
