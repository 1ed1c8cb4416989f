"""What fills landing and raw, as it is set up."""

from medallion_platform.settings import load

SETTINGS = load(environ={})


def test_the_stream_grows_by_itself_is_encrypted_and_keeps_a_week(platform):
    stream = platform.one("AWS::Kinesis::Stream").properties
    assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert stream["RetentionPeriodHours"] == 168
    assert stream["StreamEncryption"]["EncryptionType"] == "KMS"


def test_the_function_is_the_packaged_one_and_runs_inside_the_network(platform):
    function = platform.one("AWS::Lambda::Function", FunctionName="medallion-landing").properties
    assert function["Handler"] == "medallion_pipelines.landing_function.handler.handler"
    assert function["Environment"]["Variables"] == {
        "LANDING_URI": f"s3://{SETTINGS.bucket('landing')}",
        "ERRORS_URI": f"s3://{SETTINGS.bucket('error')}/landing-function",
    }
    assert function["KmsKeyArn"].startswith("arn:aws:kms:")
    assert function["ReservedConcurrentExecutions"], (
        "a flood of events leaves the account's other functions room"
    )
    assert len(function["VpcConfig"]["SubnetIds"]) == 2
    assert all(".lakehousenetworkraw" in each for each in function["VpcConfig"]["SubnetIds"])


def test_what_the_function_cannot_land_is_tried_again_alone_and_then_kept(platform):
    sources = {
        source.properties["EventSourceArn"].split(":")[2]: source.properties
        for source in platform.resources("AWS::Lambda::EventSourceMapping")
    }
    assert set(sources) == {"kinesis", "sqs"}
    for source in sources.values():
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert sources["kinesis"]["BisectBatchOnFunctionError"] is True
    assert sources["kinesis"]["MaximumRetryAttempts"] == 10
    failed = sources["kinesis"]["DestinationConfig"]["OnFailure"]["Destination"]
    drops = platform.one("AWS::SQS::Queue", QueueName="medallion-drops").properties
    assert failed == drops["RedrivePolicy"]["deadLetterTargetArn"]
    function = platform.one("AWS::Lambda::Function", FunctionName="medallion-landing").properties
    assert drops["VisibilityTimeout"] >= 6 * function["Timeout"]


def test_every_queue_is_encrypted_asks_for_tls_and_remembers_two_weeks(platform):
    policies = {policy.properties["Queues"][0] for policy in platform.resources("AWS::SQS::QueuePolicy")}
    for queue in platform.resources("AWS::SQS::Queue"):
        assert queue.properties["KmsMasterKeyId"].startswith("arn:aws:kms:")
        assert queue.properties["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert queue.name in policies
    topics = [each.properties for each in platform.resources("AWS::SNS::Topic")]
    assert len(topics) >= 2
    for topic in topics:
        assert topic["KmsMasterKeyId"].startswith("arn:aws:kms:")
    asked = platform.resources("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
    for policy in asked:
        [tls] = [one for one in policy.properties["PolicyDocument"]["Statement"] if one["Sid"] == "OnlyTls"]
        assert tls["Effect"] == "Deny" and tls["Principal"] == "*", policy.id
        assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}, policy.id


def test_firehose_delivers_parquet_by_type_and_hour_into_raw_and_errors_beside_it(platform):
    delivery = platform.one("AWS::KinesisFirehose::DeliveryStream").properties
    stream = platform.one("AWS::Kinesis::Stream").properties["Name"]
    assert delivery["KinesisStreamSourceConfiguration"]["KinesisStreamARN"].endswith(f"stream/{stream}")
    found = delivery["ExtendedS3DestinationConfiguration"]
    assert found["BucketARN"] == f"arn:aws:s3:::{SETTINGS.bucket('raw')}"
    assert found["Prefix"] == "incoming/!{partitionKeyFromQuery:type}/!{timestamp:yyyy/MM/dd/HH}/"
    assert found["ErrorOutputPrefix"].startswith("firehose-errors/")
    assert found["DynamicPartitioningConfiguration"]["Enabled"] is True
    assert found["BufferingHints"]["SizeInMBs"] >= 64  # what both dynamic partitions and Parquet ask for
    converted = found["DataFormatConversionConfiguration"]
    assert converted["Enabled"] is True
    assert "ParquetSerDe" in converted["OutputFormatConfiguration"]["Serializer"]
    table = platform.one("AWS::Glue::Table", stack="ingestion").properties
    assert converted["SchemaConfiguration"]["TableName"] == table["TableInput"]["Name"]
    columns = table["TableInput"]["StorageDescriptor"]["Columns"]
    assert {column["Type"] for column in columns} == {"string"}, "nothing is typed before bronze"
    assert [column["Name"] for column in columns][-1] == "data"


def test_dms_writes_what_a_contract_of_changes_reads(platform):
    replication = platform.one("AWS::DMS::ReplicationConfig").properties
    assert replication["ReplicationType"] == "full-load-and-cdc"
    assert replication["ReplicationSettings"]["ErrorBehavior"]["DataErrorPolicy"] == "STOP_TASK", (
        "none is lost"
    )
    target = platform.one("AWS::DMS::Endpoint", EndpointType="target").properties["S3Settings"]
    assert target["BucketName"] == SETTINGS.bucket("raw") and target["BucketFolder"] == "incoming/dms"
    assert target["TimestampColumnName"] and target["IncludeOpForFullLoad"] is True
    assert target["DatePartitionEnabled"] is False and target["EncryptionMode"] == "sse-kms"
    source = platform.one("AWS::DMS::Endpoint", EndpointType="source").properties
    assert source["SslMode"] == "verify-full" and "Password" not in source


def test_a_new_revision_of_data_exchange_gets_a_folder_of_its_own_in_landing(platform):
    action = platform.one("AWS::DataExchange::EventAction").properties["Action"]["ExportRevisionToS3"]
    assert action["RevisionDestination"] == {
        "Bucket": SETTINGS.bucket("landing"),
        "KeyPattern": "data-exchange/${Revision.Id}/${Asset.Name}",
    }
    assert action["Encryption"]["Type"] == "aws:kms"


def test_datasync_adds_files_and_never_changes_or_deletes_one(platform):
    options = platform.one("AWS::DataSync::Task").properties["Options"]
    assert options["OverwriteMode"] == "NEVER" and options["PreserveDeletedFiles"] == "PRESERVE"
