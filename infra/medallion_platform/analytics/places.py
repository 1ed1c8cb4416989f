"""How things of the serving account are called."""

from __future__ import annotations

from medallion_platform.settings import Settings

# Of the layers that people read. Bronze, with records as they came, stays in the first account.
DATABASES = ["silver", "gold"]
# Redshift reads gold by the manifests that Delta writes beside its tables: other entries of the catalog.
SPECTRUM = "gold_spectrum"
# The database beside the lake, as Athena names it; where its connector puts what an answer cannot hold.
FEDERATED = "operational"
SPILLED = "_spilled"


def results(settings: Settings) -> str:
    """The bucket of what queries gave."""
    return settings.bucket("athena-serving")


def workgroup(settings: Settings, persona: str) -> str:
    return f"{settings.prefix}-{persona}"
