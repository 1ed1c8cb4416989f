"""Checks of the Databricks bundle that need no workspace; `make bundle` runs them."""
