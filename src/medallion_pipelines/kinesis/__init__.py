"""Kinesis Data Streams, read with boto3, for Spark that has no source of its own for them.

Everything but `source` works without Spark. Nothing here imports boto3 before a stream is wanted.
"""
