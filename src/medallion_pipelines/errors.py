"""Every error a user can meet, under one root; and what to tell of an error of Spark's."""

import re


class MedallionError(Exception):
    """Root of the package's own errors: the message says what, where and how to mend it."""


class ContractError(MedallionError):
    """A contract cannot be honoured; raised before anything runs. `problems` holds one entry each."""

    def __init__(self, problems: "list[object]") -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class UnknownNameError(MedallionError):
    """There is no product or table of the name that was asked for."""


class SetupError(MedallionError):
    """The machine lacks something the package needs (Java, jars, write permission)."""


class SourceError(MedallionError):
    """A source cannot be read at all (a landing folder that is not there, say)."""


class IngestError(MedallionError):
    """AWS could not bring data into the landing zone, or does not say what it did."""


class PlatformError(MedallionError):
    """A Databricks account cannot be made what is declared, or not wholly."""


class DataLossError(SourceError):
    """A stream no longer has what was not read yet."""


class QualityError(MedallionError):
    """A check stopped a table's run before anything was written."""


class ChangeRefusedError(MedallionError):
    """An existing table cannot follow a contract's change in place."""


class ChangesError(MedallionError):
    """Changes cannot be applied: nothing of their batch was written."""


class GovernanceError(MedallionError):
    """Unity Catalog cannot be made what the contracts say, or refused to be."""


class LostRecordsError(MedallionError):
    """Records that a silver table was made of are not in bronze any more."""

    def __init__(self, bronze: str, at: int, silver: str, had_read: int) -> None:
        if at < 0:
            what = (
                f"{bronze} is gone, and records of it had been read. Bring it back (UNDROP TABLE, a backup). "
                f"If it is lost for good, `medallion recapture {silver} PRODUCT` makes both anew, of what "
                "the landing zone still has."
            )
        else:
            what = (
                f"{bronze} is at version {at}, but {silver} had read it up to {had_read}: it was made anew. "
                f"If it has all its records, run `medallion rebuild {silver} PRODUCT`; else bring them back "
                "first (RESTORE TABLE, a backup)."
            )
        super().__init__(what)


class ConservationError(MedallionError):
    """Rows in, valid, quarantined and dropped do not add up: a defect, so the run stops."""


class LockedError(MedallionError):
    """Another run works on the same lakehouse."""


def spark_reason(error: BaseException) -> str:
    """The one line of a Spark error that says why: the root cause, without the Java trace around it."""
    text = str(error)
    causes = re.findall(r"^Caused by: (.+)", text, re.MULTILINE)
    lines = [line.removeprefix(": ") for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].startswith("An error occurred while calling"):
        lines = lines[1:]
    reason = causes[-1] if causes else (lines[0] if lines else type(error).__name__)
    return re.sub(r"^(?:[a-z][\w$]*\.)+", "", reason)[:500]
