"""The suite uses the fixtures that the package gives its users, and a local Kinesis server."""

pytest_plugins = ["medallion_pipelines.testing", "tests.kinesis.local"]
