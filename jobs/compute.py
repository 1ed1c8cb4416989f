"""What tasks run on: serverless compute, or a job cluster."""

from __future__ import annotations

from typing import Any

WHEEL = "./dist/bundle/*.whl"
KEY = "default"

# Databricks Runtime 18 LTS on Graviton; the driver stays, workers come and go, on demand where spot has none
_CLUSTER = {
    "spark_version": "${var.spark_version}",
    "node_type_id": "${var.node_type}",
    "data_security_mode": "SINGLE_USER",
    "autoscale": {"min_workers": 1, "max_workers": "${var.max_workers}"},
    "aws_attributes": {"availability": "SPOT_WITH_FALLBACK", "first_on_demand": 1, "zone_id": "auto"},
    "spark_conf": {"spark.sql.session.timeZone": "UTC"},
    "custom_tags": {"cost_center": "${var.cost_center}", "environment": "${bundle.target}"},
}


class Compute:
    """One of the two, by name. Raises ValueError for another."""

    def __init__(self, name: str) -> None:
        if name not in ("serverless", "job_cluster"):
            raise ValueError(f"The variable compute is {name!r}: it is serverless or job_cluster.")
        self.serverless = name == "serverless"

    def of_job(self) -> dict[str, Any]:
        """What a job says of it."""
        if self.serverless:
            spec = {"environment_version": "${var.environment_version}", "dependencies": [WHEEL]}
            return {"environments": [{"environment_key": KEY, "spec": spec}]}
        return {"job_clusters": [{"job_cluster_key": KEY, "new_cluster": _CLUSTER}]}

    def of_task(self) -> dict[str, Any]:
        """What a task says of it."""
        if self.serverless:  # retries are the task's own
            return {"environment_key": KEY, "disable_auto_optimization": True}
        return {"job_cluster_key": KEY, "libraries": [{"whl": WHEEL}]}
