"""What people use without Databricks: catalog and permissions, Athena, Redshift, QuickSight, DataZone."""
