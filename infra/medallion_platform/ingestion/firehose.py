"""Firehose: the stream's events in raw, as Parquet, in a folder per type and hour."""

from __future__ import annotations

from aws_cdk import aws_glue as glue
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from medallion_platform.identity.roles import make_role
from medallion_platform.ingestion.streams import EventStream, reading
from medallion_platform.log_groups import make_log_group
from medallion_platform.policies import allow, service
from medallion_platform.settings import Settings

# The envelope of an event; `data` stays the text it came as, for the contract to read.
_COLUMNS = ["specversion", "id", "source", "type", "dataschema", "time", "data"]
_Extended = firehose.CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty
_Stream = firehose.CfnDeliveryStream


class Delivery(Construct):
    """The delivery stream and the schema that it writes Parquet by.

    A contract's feed is `incoming/<type>/*/*/*/*/*.parquet`; what cannot be converted is below
    `firehose-errors/`, as docs/ingestion-s3.md has it.
    """

    def __init__(
        self, scope: Construct, id_: str, settings: Settings, stream: EventStream, key: kms.CfnKey
    ) -> None:
        super().__init__(scope, id_)
        own, region = settings.account("engineering"), settings.region
        self._database = f"{settings.prefix}_ingestion"
        table = self._schema(own)
        name = f"{settings.prefix}-events"
        group = make_log_group(self, "log", settings, f"/aws/kinesisfirehose/{name}", key.attr_arn)
        logs.CfnLogStream(self, "log-stream", log_group_name=group.ref, log_stream_name="delivery")
        glued = f"arn:aws:glue:{region}:{own}"
        role = make_role(
            self,
            settings,
            "engineering-firehose",
            trust=[service("firehose", own)],
            statements=[
                *reading(settings, stream.arn),
                allow(
                    "Schema",
                    ["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"],
                    [
                        f"{glued}:catalog",
                        f"{glued}:database/{self._database}",
                        f"{glued}:table/{self._database}/events",
                    ],
                ),
                allow(
                    "Logs",
                    ["logs:PutLogEvents"],
                    f"arn:aws:logs:{region}:{own}:log-group:/aws/kinesisfirehose/{name}:log-stream:delivery",
                ),
            ],
            description="Firehose, from the stream to raw",
        )
        delivery = firehose.CfnDeliveryStream(
            self,
            "delivery",
            delivery_stream_name=name,
            delivery_stream_type="KinesisStreamAsSource",
            kinesis_stream_source_configuration=_Stream.KinesisStreamSourceConfigurationProperty(
                kinesis_stream_arn=stream.arn, role_arn=role.attr_arn
            ),
            extended_s3_destination_configuration=self._destination(settings, role.attr_arn, group.ref),
        )
        delivery.add_resource_dependency(table)
        delivery.add_resource_dependency(stream.stream)

    def _schema(self, own: str) -> glue.CfnTable:
        database = glue.CfnDatabase(
            self,
            "database",
            catalog_id=own,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=self._database, description="What Firehose converts by"
            ),
        )
        columns = [glue.CfnTable.ColumnProperty(name=name, type="string") for name in _COLUMNS]
        table = glue.CfnTable(
            self,
            "table",
            catalog_id=own,
            database_name=self._database,
            table_input=glue.CfnTable.TableInputProperty(
                name="events",
                table_type="EXTERNAL_TABLE",
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(columns=columns),
            ),
        )
        table.add_resource_dependency(database)
        return table

    def _destination(self, settings: Settings, role: str, group: str) -> _Extended:
        by_type = _Stream.ProcessorProperty(
            type="MetadataExtraction",
            parameters=[
                _parameter("MetadataExtractionQuery", "{type: .type}"),
                _parameter("JsonParsingEngine", "JQ-1.6"),
            ],
        )
        return _Extended(
            bucket_arn=f"arn:aws:s3:::{settings.bucket('raw')}",
            role_arn=role,
            prefix="incoming/!{partitionKeyFromQuery:type}/!{timestamp:yyyy/MM/dd/HH}/",
            error_output_prefix="firehose-errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/",
            buffering_hints=_Stream.BufferingHintsProperty(interval_in_seconds=60, size_in_m_bs=64),
            dynamic_partitioning_configuration=_Stream.DynamicPartitioningConfigurationProperty(
                enabled=True, retry_options=_Stream.RetryOptionsProperty(duration_in_seconds=300)
            ),
            processing_configuration=_Stream.ProcessingConfigurationProperty(
                enabled=True, processors=[by_type]
            ),
            data_format_conversion_configuration=_Stream.DataFormatConversionConfigurationProperty(
                enabled=True,
                input_format_configuration=_Stream.InputFormatConfigurationProperty(
                    deserializer=_Stream.DeserializerProperty(
                        open_x_json_ser_de=_Stream.OpenXJsonSerDeProperty()
                    )
                ),
                output_format_configuration=_Stream.OutputFormatConfigurationProperty(
                    serializer=_Stream.SerializerProperty(
                        parquet_ser_de=_Stream.ParquetSerDeProperty(compression="SNAPPY")
                    )
                ),
                schema_configuration=_Stream.SchemaConfigurationProperty(
                    catalog_id=settings.account("engineering"),
                    database_name=self._database,
                    table_name="events",
                    region=settings.region,
                    role_arn=role,
                    version_id="LATEST",
                ),
            ),
            cloud_watch_logging_options=_Stream.CloudWatchLoggingOptionsProperty(
                enabled=True, log_group_name=group, log_stream_name="delivery"
            ),
        )


def _parameter(name: str, value: str) -> firehose.CfnDeliveryStream.ProcessorParameterProperty:
    return _Stream.ProcessorParameterProperty(parameter_name=name, parameter_value=value)
