"""What is said to callers instead of rows."""

from __future__ import annotations


class RefusedError(Exception):
    """The request is not answered; `status` is HTTP's, the message is for the caller's eyes."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class UnansweredError(Exception):
    """It could not be answered; why is for the log alone."""
