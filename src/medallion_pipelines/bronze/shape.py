"""The columns of bronze tables."""

from __future__ import annotations

from medallion_pipelines.contracts.model import Source
from medallion_pipelines.tables import Field, Shape

_ORIGIN = (
    Field("_file_path", "STRING", comment="where the record came from"),
    Field("_file_modification_time", "TIMESTAMP", comment="when that file was written"),
    Field("_file_size", "BIGINT", comment="bytes of that file"),
    Field("_batch_id", "STRING", comment="token of the batch, as in ops.files"),
    Field("_ingested_at", "TIMESTAMP", comment="when the record was captured"),
)
# to all that reads bronze a record of a stream is a file of one record
_STREAM_ORIGIN = (
    Field("_file_path", "STRING", comment="where the record came from: kinesis://STREAM/SHARD/SEQUENCE"),
    Field("_file_modification_time", "TIMESTAMP", comment="when the record arrived in the stream"),
    Field("_file_size", "BIGINT", comment="bytes of the record"),
    Field("_batch_id", "STRING", comment="token of the run"),
    Field("_ingested_at", "TIMESTAMP", comment="when the record was captured"),
    Field("_partition_key", "STRING", comment="the producer's"),
    Field("_stream", "STRING"),
    Field("_shard_id", "STRING"),
    Field("_sequence_number", "STRING", comment="in its shard; NUMBER:PLACE in a record of several (KPL)"),
)


def bronze_shape(source: Source, record: str) -> Shape:
    """The bronze table of a feed whose records have the type `record`."""
    header = [Field("_header", "STRING", comment="the header line it was read under")]
    origin = _ORIGIN if source.stream is None else _STREAM_ORIGIN
    fields = [
        Field("record", record, comment="the record as it came"),
        *(header if source.format == "csv" else []),
        *origin,
    ]
    properties = {"delta.appendOnly": "true"}
    if source.format == "parquet":
        properties["delta.enableTypeWidening"] = "true"
    return Shape(fields, "Records as they came, append-only.", properties=properties)
