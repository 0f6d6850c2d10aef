"""The rooms of the code: which may import from which, what each says of itself, and how long a file may be."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ORDER = {
    "fingerpose_ros": (
        {"launching"}, {"cli", "commands", "testing"}, {"simulation"}, {"replay"}, {"retarget"}, {"node"},
        {"recording"}, {"ros"}, {"interop"}, {"perception"}, {"session", "isolation", "share", "files", "program"},
    ),
    "fingerpose_ros.perception": (
        {"estimator"}, {"tracking"}, {"backends"}, {"detection"}, {"pose"},
        {"drawing"}, {"settings"}, {"kinematics"}, {"hand", "skeleton", "camera", "sphere", "anatomy"},
    ),
    "training": ({"evaluation"}, {"export"}, {"learning"}, {"datasets"}, {"rendering"}, {"progress"}),
}  # fmt: skip
"""Package -> its rooms and files, highest first. Each imports only from its own row and the rows below it."""

LONGEST = 350
"""Lines of a Python file."""


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package.replace(".", "/")).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_by(path: Path) -> set[str]:
    """Absolute names of all that a file imports, at its top or later. Of `from a import b`: `a.b`."""
    package = name_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{source}.{alias.name}" for alias in node.names}
    return names


def row_of(name: str, package: str) -> int | None:
    """The row of `ORDER` that a module is in; None if it is not in the package, or the package itself."""
    inner = name.removeprefix(package + ".")
    if inner == name:
        return None
    room = inner.split(".")[0]
    return next((row for row, rooms in enumerate(ORDER[package]) if room in rooms), None)


@pytest.mark.parametrize("package", ORDER)
def test_rooms_import_downwards(package):
    upwards = []
    for path in modules(package):
        row = row_of(name_of(path), package)
        if row is None:
            continue
        for name in imported_by(path):
            other = row_of(name, package)
            if other is not None and other < row:
                upwards.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not upwards


@pytest.mark.parametrize("package", ORDER)
def test_every_room_is_in_the_order(package):
    folder = ROOT / package.replace(".", "/")
    rooms = {path.name for path in folder.iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}
    assert rooms <= set().union(*ORDER[package])


def test_the_product_needs_no_training():
    assert not [path for path in modules("fingerpose_ros") for name in imported_by(path) if name.startswith("training")]


def test_perception_needs_no_ros():
    ros = ("rclpy", "rosbags", "fingerpose_ros.ros", "fingerpose_ros.msg", "fingerpose_ros.node")
    for path in modules("fingerpose_ros.perception"):
        for name in imported_by(path):
            assert not name.startswith(ros) and "_msgs" not in name, f"{path.relative_to(ROOT)} imports {name}"


def test_every_room_says_what_belongs_there_and_what_does_not():
    for top in ("fingerpose_ros", "training"):
        for path in (ROOT / top).rglob("__init__.py"):
            text = ast.get_docstring(ast.parse(path.read_text())) or ""
            assert "Here: " in text and "Not here: " in text, path.relative_to(ROOT)


def test_the_tests_mirror_the_rooms():
    """Beside the rooms there are only `support`, for what several tests use, and what belongs to no room."""
    for folder in (ROOT / "test").rglob("*"):
        inner = folder.relative_to(ROOT / "test")
        if folder.is_dir() and "__pycache__" not in folder.parts and inner.parts[0] != "support":
            package = ROOT / inner if inner.parts[0] == "training" else ROOT / "fingerpose_ros" / inner
            assert (package / "__init__.py").exists(), f"test/{inner} mirrors no room"


def test_no_file_is_long():
    folders = ("fingerpose_ros", "training", "test", "benchmark", "examples", "launch", "docs", "setup")
    lines = {path: len(path.read_text().splitlines()) for folder in folders for path in (ROOT / folder).rglob("*.py")}
    assert not {str(path.relative_to(ROOT)): count for path, count in lines.items() if count > LONGEST}
