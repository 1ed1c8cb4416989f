"""How a feed's files are discovered: by Auto Loader where that is to be had, else by listing them all.

Either way the ledger decides what is new. Auto Loader only tells which files there are, each time those that
came since: `ops.discovered` has what it told, so that a ledger which was lost or restored asks in vain for
nothing.
"""

from __future__ import annotations

import hashlib
import os
import threading

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from medallion_pipelines.bronze.listing import LISTED, listing, on_databricks, resolve
from medallion_pipelines.contracts.model import Source
from medallion_pipelines.sql import string
from medallion_pipelines.tables import Field, Shape, Tables

DISCOVERED = (
    Field("feed", "STRING", required=True, comment="the bronze table"),
    Field("pattern", "STRING", required=True, comment="where it looks for files"),
    *LISTED,
    Field("discovered_at", "TIMESTAMP"),
)
_MAKING = threading.Lock()  # feeds are discovered side by side


def discovered(tables: Tables, feed: str, source: Source) -> DataFrame | None:
    """The files of a feed: path, modified_at, size, each path once; None where there is none.

    Raises SourceError where the landing zone itself is missing.
    """
    # without a place for its checkpoints, Auto Loader cannot remember
    if not on_databricks() or tables.settings.checkpoints is None:
        return listing(tables, source)
    pattern = resolve(source, tables.settings.landing)
    return told(tables, feed, pattern, _auto_loader(tables.spark, pattern))


def _auto_loader(spark: SparkSession, pattern: str) -> DataFrame:
    """A stream of the files that are new to it. It has no age above which a file is passed over."""
    reader = (
        spark.readStream.format("cloudFiles")
        .option("cloudFiles.format", "binaryFile")
        .option("cloudFiles.includeExistingFiles", "true")
        .option("cloudFiles.allowOverwrites", "true")  # a file that changed is told again, to be reported
    )
    if os.environ.get("MEDALLION_FILE_EVENTS", "0") not in ("", "0"):
        reader = reader.option("cloudFiles.useManagedFileEvents", "true")
    return reader.load(pattern)


def told(tables: Tables, feed: str, pattern: str, arriving: DataFrame) -> DataFrame:
    """All files that a stream of files has ever told of, after it was asked for more."""
    with _MAKING:
        tables.create("ops.discovered", Shape(DISCOVERED))
    # of the table as it is: where that was made anew, everything is told again
    own = hashlib.sha256(f"{feed} {pattern}".encode()).hexdigest()[:32]
    checkpoint = f"{tables.checkpoint('ops.discovered')}/{own}"
    rows = arriving.selectExpr(
        f"{string(feed)} AS feed",
        f"{string(pattern)} AS pattern",
        "_metadata.file_path AS path",  # only the metadata is asked for, so no content is read
        "_metadata.file_modification_time AS modified_at",
        "_metadata.file_size AS size",
        "current_timestamp() AS discovered_at",
    )
    tables.append_stream(rows, "ops.discovered", checkpoint)
    mine = tables.read("ops.discovered").where((F.col("feed") == feed) & (F.col("pattern") == pattern))
    last = mine.groupBy("path").agg(F.expr("max(struct(modified_at, size))").alias("last"))
    return last.select("path", "last.modified_at", "last.size")
