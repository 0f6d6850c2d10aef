"""One vocabulary, the field's: words that do not come back, and sentences that are short."""

import re

import pytest
from prose import ROOT, files, sentences

WORDS = {
    r"\blures?\b|\bLures\b": "hard negatives",
    r"\bprospects?\b|\bProspect\b": "candidate, tentative hand",
    r"\bovertaken\b|\bovertakes?\b": "dropped",
    r"(?i)\brefus(e|es|ed|al|als|ing)\b": "rejected; 'cannot' of what does not go",
    r"(?i)\bjournal\b(?! of)": "event log",
    r"\b(Intake|intake)\b": "image input",
    r"\bAsTrained\b|\bas trained\b": "reference backend; 'as in training'",
    r"\bgone on with\b": "fine-tuned, resumed",
    r"\bMeter\b": "running means",
    r"(?i)\bdice\b": "random state",
    r"(?i)\bflaws?\b|\bflawed\b|\bflawless\b": "sensor noise",
    r"(?<!hand )\bfinder\b": "detector",
    r"\b(network|judge|model) (says|said|tells|told)\b|\bopinions?\b": "predicts, prediction",
    r"\bEye\b|\bLook\b|\blooked at (as|again)\b": "crop predictor, crop prediction",
    r"\bno readings?\b": "invalid pixel, no depth value",
    r"(?i)\bsurroundings?\b": "background",
    r"\bSynthBatches\b|\bEmptyImages\b|\bempty scenes?\b|\bempty images?\b": "rendered batches, scenes without hands",
    r"\b(right|left) ones?\b(?= or)": "handedness",
    r"\bsolids?\b|\bSolids\b": "primitives",
}
"""Pattern -> the field's word for it."""

LONGEST = 35
"""Words in a sentence."""

EXEMPT = ("CHANGELOG.md", "test/test_words.py", "LICENSE")
"""What names earlier words on purpose, or is not ours."""

FILES = [path for path in files() if str(path.relative_to(ROOT)) not in EXEMPT]


@pytest.mark.parametrize("pattern", WORDS)
def test_words_that_do_not_come_back(pattern):
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in FILES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(pattern, line.replace("_", " "))
    ]
    assert not found, f"write {WORDS[pattern]!r}:\n" + "\n".join(found)


def test_sentences_are_short():
    long = [
        f"{path.relative_to(ROOT)}: {len(sentence.split())} words: {sentence}"
        for path in FILES
        for sentence in sentences(path)
        if len(sentence.split()) > LONGEST
    ]
    assert not long, "\n".join(long)
