"""Erasure: a person's records made to go, from landing zone to marts, and kept out from then on."""

from medallion_pipelines.erasure.erase import erase, erase_again
from medallion_pipelines.erasure.renames import refuse_renamed

__all__ = ["erase", "erase_again", "refuse_renamed"]
