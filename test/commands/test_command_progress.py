"""Long commands show how much is done, and the time left."""

import re

from fingerpose_ros.commands import progress


def test_items_are_counted_with_the_time_left(monkeypatch, capsys):
    now = iter(range(100))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    assert list(progress.counted("abc", 3, "images")) == ["a", "b", "c"]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and all(re.fullmatch(r"  \d/3 images, \d+:\d\d left", line) for line in lines)


def test_the_time_left_assumes_the_same_speed(monkeypatch):
    monkeypatch.setattr(progress.time, "monotonic", lambda: 130.0)
    assert progress.time_left(100.0, done=10, total=40) == "1:30 left"
