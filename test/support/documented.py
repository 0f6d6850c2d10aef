"""The documented parameters of a node, as they follow from its table of settings."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def table_rows(document: str, text: str) -> list[str]:
    """The rows of the first table after this text in a document of docs/."""
    after = (ROOT / "docs" / document).read_text().split(text, 1)[1]
    table = after[after.index("| --- |") :].split("\n\n")[0]
    return table.rstrip("\n").splitlines()[1:]


def parameter_rows(settings) -> list[str]:
    """The rows of the table of parameters."""
    return [
        f"| `{setting.name}` | `{_in_yaml(setting.default)}` | {_allowed(setting)} | {setting.description} |"
        for setting in settings
    ]


def parameters_in(file: str) -> dict:
    """The parameters in a file of config/, which must be for any node."""
    return yaml.safe_load((ROOT / "config" / file).read_text())["/**"]["ros__parameters"]


def unexplained(file: str, settings) -> list[str]:
    """The parameters in a file of config/ without a comment above them, or above the parameter above."""
    lines = (ROOT / "config" / file).read_text().splitlines()
    at = {setting.name: _line_of(setting.name, lines) for setting in settings}
    return [
        name
        for name, line in at.items()
        if not (lines[line - 1].strip().startswith("#") or lines[line - 2].strip().startswith("#"))
    ]


def _line_of(name: str, lines: list[str]) -> int:
    return next(i for i, line in enumerate(lines) if line.strip().startswith(f"{name}:"))


def _allowed(setting) -> str:
    if setting.choices:
        return ", ".join(f"`{choice}`" for choice in setting.choices)
    if setting.low is not None:
        return f"{setting.low:g} to {setting.high:g}"
    if isinstance(setting.default, list):
        return "numbers" if isinstance(setting.default[0], float) else "texts"
    return "`true`, `false`" if isinstance(setting.default, bool) else "text"


def _in_yaml(value) -> str:
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("\n...\n").strip()
