"""Events on their way: sent in a thread of their own, so that a run waits for no transport."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import RunEvent

PATIENCE = 10.0  # seconds that the end of a run waits for what is still on its way


class Outbox:
    """Sends events in the order they come. Where one cannot be sent, none after it is tried."""

    def __init__(self, client: OpenLineageClient) -> None:
        self._client = client
        self._events: SimpleQueue[RunEvent | None] = SimpleQueue()
        self._failure: Exception | None = None
        # a daemon: a transport that hangs does not keep the process from ending
        self._thread = Thread(target=self._send, name="openlineage", daemon=True)
        self._thread.start()

    def put(self, event: RunEvent) -> None:
        """Have an event sent."""
        self._events.put(event)

    def close(self) -> None:
        """Wait for what is on its way, but not for ever.

        Raises what the transport raised, or TimeoutError where not all was sent in time.
        """
        self._events.put(None)
        self._thread.join(PATIENCE)
        if self._failure is not None:
            raise self._failure
        if self._thread.is_alive():
            raise TimeoutError

    def _send(self) -> None:
        try:
            while (event := self._events.get()) is not None:
                self._client.emit(event)
            if not self._client.close(timeout=PATIENCE):  # of a transport that sends later
                raise TimeoutError
        except Exception as error:  # whatever a transport raises
            self._failure = error
