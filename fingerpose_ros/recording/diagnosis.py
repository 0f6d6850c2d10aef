"""What is wrong with a recording that cannot be opened, and how to repair it."""

import shlex
from pathlib import Path

_MAGIC = b"\x89MCAP0\r\n"
"""Both the first and the last bytes of an MCAP file. Source: https://mcap.dev/spec, "Magic"."""

_STORAGE = (".mcap", ".db3")


def diagnose(path: Path, error: Exception) -> str:
    """A message for people.

    Args:
        path: a file or folder that exists.
        error: of the bag reader.
    """
    quoted = shlex.quote(str(path))
    files = sorted(file for file in (path.iterdir() if path.is_dir() else [path]) if file.suffix in _STORAGE)
    if path.is_dir() and not (path / "metadata.yaml").exists():
        if files:
            return f"{path} has no metadata.yaml; make it with: ros2 bag reindex {quoted}"
        return f"{path} is not a rosbag2 recording: it has no metadata.yaml, and no file that ends in .mcap or .db3"
    for file in files:
        if file.suffix == ".mcap" and _is_cut_off(file):
            whole = file.with_stem(f"{file.stem}_recovered")
            commands = f"mcap recover {shlex.quote(str(file))} -o {shlex.quote(str(whole))}"
            return f"{file} was cut off, perhaps by a power failure. Recover what it has (https://mcap.dev): {commands}"
    return f"{path} is not a rosbag2 recording: {error}"


def _is_cut_off(file: Path) -> bool:
    with file.open("rb") as content:
        begin = content.read(len(_MAGIC))
        content.seek(max(file.stat().st_size - len(_MAGIC), len(_MAGIC)))
        return begin == _MAGIC != content.read()
