"""An AWS Lambda that lands events: those on Kinesis, and those in files that S3 tells of.

Each valid event becomes a file of its landing zone folder, as it came; anything else goes, with its reason,
to the error prefix. It needs Python's standard library and boto3, which Lambda brings, and no more.
"""
