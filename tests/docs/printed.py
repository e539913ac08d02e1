"""What a document shows of a command's output, against what the command printed.

A line `…` stands for lines that are left out, `…` within a line for the rest of a word or a line. Ages, dates and the hours that
follow from them differ from run to run, and how wide columns are depends on them.
"""

import re

MORE = "…"
AGE = re.compile(r"\b(?:\d+[dhms])+\b")
HOURS = re.compile(r"\d+\.\d(?= \(age\))|\d+\.\d GPU-hours, \d+ min(?=, \d+ round)")


def even(line):
    """Without what differs from run to run."""
    line = " ".join(line.split())
    return HOURS.sub("(hours)", AGE.sub("(age)", line))


def fits(shown, printed):
    parts = [re.escape(part) for part in even(shown).split(MORE)]
    return re.fullmatch(".*".join(parts), even(printed)) is not None


def difference(shown, printed):
    """Why it was not printed; nothing where it was.

    >>> difference("NAME  AGE\\na  3h6m", "NAME   AGE\\na      12s\\n")
    >>> difference("…\\nb  Succeeded…", "a\\nb   Succeeded  22/22")
    >>> difference("a\\nc", "a\\nb\\nc")
    'this is left out without …: b'
    >>> difference("a", "a\\nb")
    'this is left out without …: b'
    >>> difference("a\\n…\\nb 1", "a\\nb 2")
    'this is not printed: b 1'
    >>> difference("b\\n…\\na", "a\\nb")
    'this is left out without …: a'
    """
    lines = [line for line in printed.splitlines() if line.strip()]
    at, may_skip = 0, False
    for line in filter(str.strip, shown.splitlines()):
        if line.strip() == MORE:
            may_skip = True
            continue
        found = next((number for number in range(at, len(lines)) if fits(line, lines[number])), None)
        if found is None:
            return f"this is not printed: {line}"
        if found > at and not may_skip:
            return f"this is left out without {MORE}: {lines[at]}"
        at, may_skip = found + 1, False
    if at < len(lines) and not may_skip:
        return f"this is left out without {MORE}: {lines[at]}"
    return None
