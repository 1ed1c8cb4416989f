"""An AWS Lambda that answers questions about gold tables: REST by API Gateway, GraphQL by AppSync.

It reads by Athena, one page of one table at a time, and shows each caller what the contracts let the caller's
roles see. It needs Python's standard library and boto3, which Lambda brings, and no more.
"""
