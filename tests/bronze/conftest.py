from tests.aws import aws, bucket, s3, s3_server

__all__ = ["aws", "bucket", "s3", "s3_server"]
