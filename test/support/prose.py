"""The sentences of the code and of the documents: docstrings, comments, paragraphs, cells of tables."""

import ast
import inspect
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

FOLDERS = (
    "benchmark", "config", "docs", "examples", "fingerpose_ros", "launch", "models", "msg", "scripts", "setup", "srv",
    "test", "training",
)  # fmt: skip
TEXT = (".py", ".md", ".yaml", ".msg", ".srv")

_ENTRY = re.compile(r"^\s*(?:\d+\.|[-*|#]|[\w`*, ]{1,60}:(?=\s))")
"""A line that starts something new: an item of a list, a row, an argument in a docstring."""

_ABBREVIATIONS = re.compile(r"\b(e\.g|i\.e|cf|et al|vs|approx|incl|pp?|[A-Z])\.(?=\s)")


def files() -> list[Path]:
    """Every file of the project that a person reads."""
    paths = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        paths += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    return sorted(path for path in paths if path.suffix in TEXT or path.name == "run")


def sentences(path: Path) -> Iterator[str]:
    """The sentences of a file; code spans count as one word."""
    text = path.read_text()
    blocks = _python(text) if path.suffix == ".py" else _markdown(text) if path.suffix == ".md" else _comments(text)
    for block in blocks:
        for paragraph in _paragraphs(block):
            plain = _ABBREVIATIONS.sub(r"\1", re.sub(r"`[^`]*`", "code", paragraph))
            yield from (sentence.strip() for sentence in re.split(r"(?<=[.!?])[)\"']?\s+", plain) if sentence.strip())


def _python(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            value = getattr(statement, "value", None)
            if isinstance(statement, ast.Expr) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield inspect.cleandoc(value.value)
    lines: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if lines and token.start[0] != last + 1:
                yield "\n".join(lines)
                lines = []
            lines.append(token.string.lstrip("# "))
            last = token.start[0]
    yield "\n".join(lines)


def _comments(text: str) -> Iterator[str]:
    """Of YAML, messages and shell: what stands behind `#`."""
    block: list[str] = []
    for line in [*text.splitlines(), ""]:
        if match := re.match(r"\s*#+!?\s?(.*)", line):
            block.append(match.group(1))
        else:
            yield "\n".join(block)
            block = []


def _markdown(text: str) -> Iterator[str]:
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->|\]\([^)]*\)", "", text, flags=re.DOTALL)
    for block in text.split("\n\n"):
        if not block.startswith("    "):
            yield re.sub(r"(?m)^\|.*", lambda row: "\n\n".join(row.group().split("|")), block)


def _paragraphs(block: str) -> Iterator[str]:
    """Lines that belong together; a blank line, an indented example or a new entry ends what was before."""
    lines: list[str] = []
    after_blank = example = False
    for line in [*block.splitlines(), ""]:
        example = line.startswith("    ") and (after_blank or example)
        after_blank = not line.strip()
        if after_blank or example or _ENTRY.match(line):
            yield " ".join(lines)
            lines = []
        if not (after_blank or example):
            lines.append(line.strip())
    yield " ".join(lines)
