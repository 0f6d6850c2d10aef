"""The documents: their lengths, links, launch arguments and commands, and the site's list of them."""

import re
from pathlib import Path

import pytest
import yaml
from prose import ROOT, files

from training.__main__ import EARLIER_NAMES, TOOLS

DOCUMENTS = [path for path in files() if path.suffix == ".md"]
LONGEST = {"README.md": 199, "models/README.md": 149}
"""Lines."""


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(document: Path) -> set[str]:
    """GitHub's anchors of the headings."""
    headings = re.findall(r"(?m)^#+ (.*)", document.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", LONGEST)
def test_what_is_read_first_is_short(name):
    assert len((ROOT / name).read_text().splitlines()) <= LONGEST[name]


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_somewhere(document):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_documented_launch_arguments_exist():
    sources = [ROOT / "fingerpose_ros" / "launching.py", *(ROOT / "launch").glob("*.launch.py")]
    source = "".join(path.read_text() for path in sources)
    declared = set(re.findall(r'\bargument\(\s*"(\w+)"', source))
    assert "image_topic" in declared
    for document in DOCUMENTS:
        for command in re.findall(r"ros2 launch fingerpose_ros .*(?:\\\n.*)*", document.read_text()):
            line = command.split("|")[0].split("`")[0]
            assert set(re.findall(r"(\w+):=", line)) <= declared, f"{named(document)}: {line}"


def test_documented_tools_of_training_exist():
    for document in DOCUMENTS:
        tools = {tool.rstrip(".") for tool in re.findall(r"\./run training ([a-z_.]+)", document.read_text())}
        assert tools <= {*TOOLS, *EARLIER_NAMES}, named(document)


def test_documented_commands_of_fingerpose_exist():
    commands = {path.stem for path in (ROOT / "fingerpose_ros" / "commands").glob("*.py")}
    for document in DOCUMENTS:
        used = re.findall(r"(?:\./run|run fingerpose_ros) fingerpose ([a-z]+)", document.read_text())
        assert set(used) <= commands, named(document)


def test_documented_scripts_and_files_exist():
    for document in DOCUMENTS:
        for name in re.findall(r"\./run python ([\w/]+\.py)", document.read_text()):
            assert (ROOT / name).exists() or name == "my_script.py", f"{named(document)}: {name}"


def test_the_sites_navigation_names_every_document():
    def pages(part) -> list[str]:
        return [part] if isinstance(part, str) else [p for item in part for v in item.values() for p in pages(v)]

    listed = pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    assert sorted(listed) == sorted(map(named, DOCUMENTS))
