"""The set-up script reports what it cannot install, and the package's lists agree with each other."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
import setuptools

ROOT = Path(__file__).parents[1]
BUILDS_WHEELS = tuple(map(int, setuptools.__version__.split(".")[:2])) >= (70, 1)  # without the package `wheel`
TOOLS = (
    "cat", "chmod", "cksum", "cp", "dirname", "env", "find", "flock", "id", "mkdir", "rm", "sh", "sort", "tail",
    "tr", "uname", "xargs",
)  # fmt: skip

PYTHON = """
case $1 in
    -) cat >/dev/null ;;  # it has all that ./run needs
    -S) echo "(3, 11)" ;;
    *)  echo "$*" >>"{calls}"
        case $* in
            "-m venv "*)
                mkdir -p "$3/bin"
                cp "$0" "$3/bin/python"
                printf '#!/bin/sh\n' >"$3/bin/colcon"
                chmod +x "$3/bin/colcon" ;;
            *training.txt*) [ ! -e "{cut_off}" ] ;;
            *GLContext*) exit 1 ;;
        esac ;;
esac
"""
"""Instead of Python and pip. The latter fails to install PyTorch as long as a file exists. There is no EGL."""


@pytest.fixture
def machine(tmp_path):
    """Runs a copy of `run` with few tools on the PATH. `machine(uname="echo aarch64")` adds a tool."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "clone").mkdir()
    shutil.copy(ROOT / "run", tmp_path / "clone")
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))

    def call(*arguments: str, **tools: str) -> subprocess.CompletedProcess:
        for name, script in tools.items():
            tool = tmp_path / "bin" / name.replace("_", "-")
            tool.unlink(missing_ok=True)
            tool.write_text(f"#!/bin/sh\n{script}\n")
            tool.chmod(0o755)
        environment = {**os.environ, "PATH": str(tmp_path / "bin")}
        command = [tmp_path / "clone" / "run", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    return call


def test_without_a_command_it_prints_its_usage_and_installs_nothing(machine, tmp_path):
    result = machine()
    assert result.returncode == 0
    assert "demo" in result.stdout and "test" in result.stdout
    assert not (tmp_path / "clone" / ".work").exists()


def test_on_another_architecture_it_refers_to_the_ros_installation(machine):
    result = machine("demo", uname="echo aarch64")
    assert result.returncode != 0
    assert "aarch64" in result.stderr and "README.md" in result.stderr


def test_without_root_rights_it_prints_the_command_to_install_packages(machine):
    result = machine("demo", uname="echo x86_64", id="echo 1000", sudo="exit 1", apt_get="echo apt was called; exit 1")
    assert result.returncode != 0
    assert "lacks" in result.stderr and "c++" in result.stderr
    assert re.search(r"sudo apt-get update && sudo apt-get install .*python3-venv .*g\+\+", result.stderr)
    assert "apt was called" not in result.stdout + result.stderr


def test_as_root_it_installs_missing_packages(machine, tmp_path):
    """A fake apt-get fails: the script must have called it with the packages, and must print its output."""
    result = machine(
        "demo", uname="echo x86_64", id="echo 0", apt_get='[ "$1" = update ] || { echo "no room for: $*"; exit 100; }'
    )
    assert result.returncode != 0
    assert re.search(r"no room for: install .*g\+\+.*cmake", result.stderr)
    assert ".work/log/apt.log" in result.stderr


def test_without_apt_it_names_what_is_missing(machine):
    result = machine("demo", uname="echo x86_64")
    assert result.returncode != 0
    assert re.search(r"lacks:.* c\+\+ make cmake\. Install", result.stderr)


def test_a_path_that_cmake_cannot_take_is_named_before_anything_is_installed(tmp_path, machine):
    clone = (tmp_path / "clone").rename(tmp_path / "Größe")
    (tmp_path / "clone").symlink_to(clone)
    result = machine("demo", uname="echo x86_64")
    assert result.returncode != 0
    assert "Größe" in result.stderr and "ASCII" in result.stderr
    assert not (clone / ".work").exists()


def test_an_unknown_ros_distribution_is_named(machine, tmp_path, monkeypatch):
    monkeypatch.setenv("FINGERPOSE_ROS_DISTRO", "lyrical")
    result = machine("demo", uname="echo x86_64")
    assert result.returncode == 1 and not (tmp_path / "clone" / ".work").exists()
    assert "FINGERPOSE_ROS_DISTRO is lyrical; it must be jazzy or kilted" in result.stderr


@pytest.mark.parametrize(
    ("distro", "folder", "packages", "lock"),
    [("jazzy", ".work", "ros.txt", "lock.txt"), ("kilted", ".work/kilted", "ros-kilted.txt", "lock-kilted.txt")],
)
def test_each_ros_distribution_has_an_environment_of_its_own(
    machine, tmp_path, monkeypatch, distro, folder, packages, lock
):
    clone, calls = tmp_path / "clone", tmp_path / "calls"
    (clone / "setup").mkdir()
    (clone / "requirements").mkdir()
    monkeypatch.setenv("FINGERPOSE_ROS_DISTRO", distro)
    (tmp_path / "bin" / "c++").symlink_to(tmp_path / "bin" / "c--")
    tools = dict.fromkeys(("make", "cmake", "c__"), "") | {"uname": "echo x86_64"}
    tools["python3"] = PYTHON.format(calls=calls, cut_off=tmp_path / "no_such")
    result = machine("python", "-c", "pass", **tools)
    assert result.returncode == 0, result.stderr
    assert f"-c {lock} -r {packages} -r runtime.txt" in calls.read_text()
    assert [path.parent for path in clone.rglob("venv")] == [clone / folder]


def test_the_documentation_with_an_old_python_installs_nothing(machine, tmp_path):
    script = tmp_path / "clone" / "run"
    script.write_text(script.read_text().replace("/usr/bin/python3", "python3"))
    python = '[ "$1" = - ] && cat >/dev/null && [ "$2" -le 10 ]'  # usable, but not 3.11
    result = machine("docs", uname="echo x86_64", python3=python, apt_get="echo apt was called")
    assert result.returncode == 1
    assert "need Python 3.11 or newer, and this machine has only Python 3.10" in result.stderr
    assert "apt was called" not in result.stdout and not (tmp_path / "clone" / ".work").exists()


def test_two_runs_at_once_do_not_speak_of_a_set_up(machine, tmp_path):
    """Each holds the lock for the moment in which it checks that all is there."""
    (tmp_path / "clone" / ".work").mkdir()
    holder = subprocess.Popen(["flock", str(tmp_path / "clone" / ".work" / "lock"), "sleep", "1"])
    result = machine("demo", uname="echo x86_64")
    holder.wait()
    assert "lacks" in result.stderr and "waiting" not in result.stderr


def test_an_unknown_training_tool_installs_nothing(machine, tmp_path):
    for name in (
        "training/__init__.py",
        "training/__main__.py",
        "fingerpose_ros/__init__.py",
        "fingerpose_ros/program.py",
    ):
        (tmp_path / "clone" / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "clone" / name)
    python = f'[ "$1" = - ] && cat >/dev/null || exec {sys.executable} "$@"'
    result = machine("training", "nosuch", uname="echo x86_64", python3=python)
    assert result.returncode == 2
    assert "there is no tool 'nosuch'" in result.stderr and "  train " in result.stderr
    assert not (tmp_path / "clone" / ".work").exists()


def test_a_set_up_of_pytorch_that_was_cut_off_keeps_the_finished_environment(machine, tmp_path):
    clone, calls, cut_off = tmp_path / "clone", tmp_path / "calls", tmp_path / "cut_off"
    (clone / "requirements").mkdir()
    (clone / "setup").mkdir()
    cut_off.touch()
    tools = dict.fromkeys(("make", "cmake", "c__"), "") | {"uname": "echo x86_64"}
    (tmp_path / "bin" / "c++").symlink_to(tmp_path / "bin" / "c--")
    tools["python3"] = PYTHON.format(calls=calls, cut_off=cut_off)
    result = machine("test", **tools)
    assert result.returncode != 0 and 'failed at step "development"' in result.stderr
    packages = clone / ".work" / "venv" / "lib" / "python3.11" / "site-packages"
    for name in ("half", "whole"):
        (packages / f"{name}.dist-info").mkdir(parents=True)
    (packages / "whole.dist-info" / "INSTALLER").touch()

    cut_off.unlink()
    calls.write_text("")
    result = machine("test", **tools)
    assert result.returncode == 0 and 'failed at step "development"; repeating' in result.stderr
    made = calls.read_text()
    assert "training.txt" in made and "-m pytest" in made
    assert "-m venv" not in made and "runtime.txt" not in made
    assert [path.name for path in packages.iterdir()] == ["whole.dist-info"]


def test_without_egl_and_root_rights_teleop_prints_the_command_to_install_it(machine, tmp_path):
    clone, calls = tmp_path / "clone", tmp_path / "calls"
    (clone / "requirements").mkdir()
    (clone / "setup").mkdir()
    tools = dict.fromkeys(("make", "cmake", "c__"), "") | {"uname": "echo x86_64", "id": "echo 1000", "sudo": "exit 1"}
    (tmp_path / "bin" / "c++").symlink_to(tmp_path / "bin" / "c--")
    result = machine("teleop", **tools, apt_get="exit 1", python3=PYTHON.format(calls=calls, cut_off=tmp_path / "no"))
    assert result.returncode != 0
    assert "lacks: EGL" in result.stderr and re.search("sudo apt-get update && .*libegl1", result.stderr)
    assert "teleop.txt" in calls.read_text()


@pytest.mark.parametrize(("lock", "other"), [("lock.txt", "ros-kilted.txt"), ("lock-kilted.txt", "ros.txt")])
def test_a_lock_file_pins_every_requirement_to_an_allowed_version(lock, other):
    """`other`: the list of the other ROS distribution's packages."""
    locked = {}
    for line in (ROOT / "requirements" / lock).read_text().splitlines():
        if not line.startswith("#"):
            name, version = re.match(r"([\w.-]+)==([\w.]+)", line).groups()
            locked.setdefault(name.lower(), set()).add(version)
    for path in (ROOT / "requirements").glob("*.txt"):
        # retarget-numpy1.txt is for the NumPy of a distribution.
        if path.name in ("lock.txt", "lock-kilted.txt", "docs.txt", "retarget-numpy1.txt", other):
            continue
        for line in path.read_text().splitlines():
            requirement = line.partition("#")[0].strip()
            if not requirement or requirement.startswith("-r"):
                continue
            name, pinned = re.match(r"([\w.-]+)(?:==([\w.]+))?", requirement).groups()
            assert name.lower() in locked, f"{path.name}: {name} is not in {lock}; recreate it (CONTRIBUTING.md)"
            assert pinned is None or locked[name.lower()] == {pinned}, f"{path.name}: {requirement}"


def test_the_lock_files_differ_only_in_the_packages_of_ros():
    lines = [(ROOT / "requirements" / name).read_text().splitlines() for name in ("lock.txt", "lock-kilted.txt")]
    jazzy, kilted = ([line for line in found if not line.startswith(("ros-", "#"))] for found in lines)
    assert jazzy == kilted


def test_every_package_that_builds_the_documentation_is_pinned():
    """They are no part of the environment of lock.txt."""
    lines = (ROOT / "requirements" / "docs.txt").read_text().splitlines()
    assert all(re.fullmatch(r"#.*|[\w.-]+==[\w.]+( ; .*)?", line) for line in lines)


def test_the_version_is_the_same_everywhere():
    package = ElementTree.parse(ROOT / "package.xml").findtext("version")
    python = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    changelog = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    assert package == python == changelog


def test_every_message_and_service_is_built_and_every_field_is_documented():
    cmake = (ROOT / "CMakeLists.txt").read_text()
    for path in [*(ROOT / "msg").glob("*.msg"), *(ROOT / "srv").glob("*.srv")]:
        assert f'"{path.relative_to(ROOT)}"' in cmake
        paragraphs = path.read_text().split("\n\n")
        assert paragraphs[0].startswith("#")
        for paragraph in paragraphs[1:]:
            lines = paragraph.strip().splitlines()
            constants = all(re.match(r"\w+ [A-Z_]+=", line) for line in lines)
            assert constants or lines[0].startswith("#"), f"{path.name}: {paragraph!r}"


def test_every_script_is_installed_and_executable():
    cmake = (ROOT / "CMakeLists.txt").read_text()
    for path in (ROOT / "scripts").iterdir():
        assert f"scripts/{path.name}" in cmake
        assert os.access(path, os.X_OK)
        assert path.read_text().startswith("#!/usr/bin/env python3\n")


@pytest.mark.skipif(
    not find_spec("pip") or not (find_spec("wheel") or BUILDS_WHEELS), reason="pip builds no wheel here"
)
def test_pip_installs_the_package_with_its_weights_and_without_ros(tmp_path):
    source, installed = tmp_path / "source", tmp_path / "installed"
    shutil.copytree(ROOT / "fingerpose_ros", source / "fingerpose_ros")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / "models").mkdir()
    (source / "models" / "weights.safetensors").write_text("instead of the weights")

    options = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet", "--target", installed]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, source], check=True, timeout=120)
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['rclpy', 'std_msgs', 'ament_index_python', 'torch']));"
        "import fingerpose_ros.perception.estimator, fingerpose_ros.perception.backends;"
        "from fingerpose_ros.share import share_folder;"
        "print((share_folder() / 'models' / 'weights.safetensors').read_text())"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.stdout.strip() == "instead of the weights", result.stderr
