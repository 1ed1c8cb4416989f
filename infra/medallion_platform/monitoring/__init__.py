"""What is watched: alarms and dashboards, made of one list; who did what in AWS and on Databricks; costs."""
