"""One thread that processes the newest frame. While it is busy, older frames are dropped, never queued."""

import threading
from collections.abc import Callable

from .camera_matching import Frame


class Worker:
    """Calls `process(frame)` in its own thread for the newest frame, and `drop()` for each dropped frame.

    Both must handle their own errors.
    """

    def __init__(self, process: Callable[[Frame], None], drop: Callable[[], None]):
        self._process = process
        self._drop = drop
        self._newest: Frame | None = None
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="hand_pose_worker", daemon=True)
        self._thread.start()

    def offer(self, frame: Frame) -> None:
        """Submit a frame. It replaces one that still waits, which is dropped."""
        with self._changed:
            dropped = self._newest is not None
            self._newest = frame
            self._changed.notify()
        if dropped:
            self._drop()

    def stop(self, timeout: float = 10.0) -> bool:
        """Finish the current frame, drop the waiting one, end the thread. Returns whether it ended in time."""
        with self._changed:
            self._stopping = True
            dropped, self._newest = self._newest is not None, None
            self._changed.notify()
        if dropped:
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
            self._process(frame)
