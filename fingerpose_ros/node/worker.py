"""One thread that works on the newest frame, so that a slow estimate makes frames drop, never queue."""

import threading
from collections.abc import Callable

from .camera_matching import Frame


class Worker:
    """Calls `work(frame, waits)` in a thread of its own with the newest frame it was offered, and `drop()` for each
    overtaken. `waits()` tells whether there is a frame that waits for this one.

    Neither may raise: they are the place that knows what an error means.
    """

    def __init__(self, work: Callable[[Frame, Callable[[], bool]], None], drop: Callable[[], None]):
        self._work = work
        self._drop = drop
        self._newest: Frame | None = None
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="hand_pose_worker", daemon=True)
        self._thread.start()

    def offer(self, frame: Frame) -> None:
        """Hand over a frame, in place of one that still waits."""
        with self._changed:
            overtaken = self._newest is not None
            self._newest = frame
            self._changed.notify()
        if overtaken:
            self._drop()

    def stop(self, timeout: float = 10.0) -> bool:
        """Finish the frame at hand, drop the one that waits, end the thread; whether it did end within the timeout."""
        with self._changed:
            self._stopping = True
            overtaken, self._newest = self._newest is not None, None
            self._changed.notify()
        if overtaken:
            self._drop()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._newest is not None)
                if self._stopping:
                    return
                frame, self._newest = self._newest, None
            self._work(frame, lambda: self._newest is not None)
