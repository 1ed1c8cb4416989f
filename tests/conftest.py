"""The suite uses the fixtures that the package gives its users."""

pytest_plugins = ["medallion_pipelines.testing"]
