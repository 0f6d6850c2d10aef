"""Long evaluations show how much is done, and the time left."""

from training.progress import counter, progress


def test_every_item_is_yielded_and_counted(capsys):
    assert list(progress(range(7), "my set")) == list(range(7))
    shown = counter("rendering", 10)
    shown.update(10)
    shown.close()
    error = capsys.readouterr().err
    assert "my set: 100%" in error and "7/7" in error and "10/10" in error and "images/s" in error
