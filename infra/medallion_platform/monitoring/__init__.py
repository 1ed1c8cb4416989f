"""What is watched: alarms and dashboards of one list, who did what in AWS and on Databricks, and what it costs."""
