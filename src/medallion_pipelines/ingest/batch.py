"""Copies into the landing zone by S3 Batch Operations: jobs made, followed, and repeated for what failed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from medallion_pipelines.errors import IngestError
from medallion_pipelines.ingest import manifest
from medallion_pipelines.ingest.places import Place, told
from medallion_pipelines.ingest.report import FORMAT, Task, tasks
from medallion_pipelines.results import Arrival

CHECKSUMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
_ENDED = ("Complete", "Failed", "Cancelled")
_SHORTEST, _LONGEST = 1.0, 30.0  # seconds between two looks at a job


@dataclass(frozen=True)
class Copy:
    """What is asked for: the objects of a manifest, copied below `target` by `role`."""

    account: str
    role: str
    manifest: Place
    target: Place
    reports: Place
    tags: Mapping[str, str] = field(default_factory=dict)
    checksum: str | None = None
    description: str = ""


@dataclass(frozen=True)
class Job:
    """A job as it stands."""

    id: str
    status: str
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    reasons: tuple[str, ...] = ()

    @property
    def untried(self) -> int:
        """Objects that the job, which has ended, did not come to."""
        return self.total - self.succeeded - self.failed


@dataclass(frozen=True)
class Batch:
    """Both services, and what is asked of them."""

    s3: Any
    control: Any
    copy: Copy
    pause: Callable[[float], None] = time.sleep

    def run(self, attempts: int, on_progress: Callable[[Job], None] = lambda job: None) -> list[Job]:
        """Copy, then copy again what failed, `attempts` times in all; the jobs, each ended.

        The same request is the same job: who is cut off and comes again follows it from where it is. Raises
        IngestError where a job cannot be made, or does not say what became of each object.
        """
        listed = manifest.find(self.s3, self.copy.manifest)
        jobs: list[Job] = []
        while True:
            job = self._follow(self._create(listed), on_progress)
            jobs.append(job)
            if job.status != "Complete" or not job.failed or len(jobs) == attempts:
                return jobs
            again = self.copy.reports.below(f"retries/{job.id}.csv")
            failed = ((task.bucket, task.key, task.version) for task in self._reported(job, "failed"))
            listed = manifest.write(self.s3, again, failed)

    def arrivals(self, job: Job) -> Iterator[Arrival]:
        """The objects that a job copied."""
        for task in self._reported(job, "succeeded"):
            origin, path = Place(task.bucket, task.name), self.copy.target.below(task.name)
            yield Arrival(job.id, str(path), str(origin), task.version or None)

    def failures(self, job: Job) -> Iterator[Task]:
        """The objects that a job could not copy, and why."""
        return self._reported(job, "failed")

    def _reported(self, job: Job, status: Any) -> Iterator[Task]:
        expected = job.succeeded if status == "succeeded" else job.failed
        if not expected:
            return
        found = 0
        for task in tasks(self.s3, self.copy.reports, job.id, status):
            found += 1
            yield task
        if found != expected:
            raise IngestError(
                f"Job {job.id} has {expected:,} objects that {status}, and its completion report {found:,}."
            )

    def _create(self, listed: manifest.Manifest) -> str:
        request = self._request(listed)
        # the same token is the same job to AWS
        token = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
        with told(f"No job could be made of {listed.place}"):
            return str(self.control.create_job(**request, ClientRequestToken=token)["JobId"])

    def _request(self, listed: manifest.Manifest) -> dict[str, Any]:
        copy = self.copy
        operation: dict[str, Any] = {"TargetResource": Place(copy.target.bucket, "").arn}
        if copy.target.key.strip("/"):
            operation["TargetKeyPrefix"] = copy.target.key.strip("/")
        if copy.tags:
            operation["NewObjectTagging"] = [{"Key": key, "Value": value} for key, value in copy.tags.items()]
        if copy.checksum:
            operation["ChecksumAlgorithm"] = copy.checksum
        report = {
            "Bucket": Place(copy.reports.bucket, "").arn,
            **({"Prefix": copy.reports.key.strip("/")} if copy.reports.key.strip("/") else {}),
            "Format": FORMAT,
            "Enabled": True,
            "ReportScope": "AllTasks",
        }
        return {
            "AccountId": copy.account,
            "ConfirmationRequired": False,
            "Operation": {"S3PutObjectCopy": operation},
            "Manifest": listed.request(),
            "Report": report,
            "Priority": 10,
            "RoleArn": copy.role,
            "Description": copy.description or f"medallion: {listed.place} to {copy.target}"[:256],
        }

    def _follow(self, id_: str, on_progress: Callable[[Job], None]) -> Job:
        wait = _SHORTEST
        while True:
            with told(f"Job {id_} cannot be followed"):
                job = _job(self.control.describe_job(AccountId=self.copy.account, JobId=id_)["Job"])
            on_progress(job)
            if job.status in _ENDED:
                return job
            self.pause(wait)
            wait = min(wait * 1.5, _LONGEST)


def _job(told_of: Mapping[str, Any]) -> Job:
    summary = told_of.get("ProgressSummary", {})
    reasons = [
        f"{each['FailureCode']}: {each['FailureReason']}" for each in told_of.get("FailureReasons", [])
    ]
    return Job(
        told_of["JobId"],
        told_of["Status"],
        summary.get("TotalNumberOfTasks", 0),
        summary.get("NumberOfTasksSucceeded", 0),
        summary.get("NumberOfTasksFailed", 0),
        tuple(reasons),
    )
