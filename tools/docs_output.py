"""Compares the output of a command with the one that a document states.

`...` stands for any text, alone on a line for any lines. Times and ids may differ. With `any numbers`, so may
numbers with their units, ages, bars of progress, and the width of columns.
"""

import re

VARYING = {
    "a UUID": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "a time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z",
    "an id": r"(?<![0-9a-zA-Z])[0-9a-f]{16}(?![0-9a-zA-Z])",
}
NUMBERS = {
    "a bar": r"\[[#-]{10,}\]",
    "an age": r"(?<![\w.])(?:\d+(?:ms|us|[dhms])(?: \d+(?:ms|[hms]))*)(?!\w)",
    "a size": r"\d[\d,]*(?:\.\d+)? (?:B|[KMG]iB)(?!\w)",
    "a number": r"\d+(?:[,.]\d+)*",
}
# In a pattern, a space stands for a run of blanks.
BLANKS = r"[ \t]+"


def pattern_of(line: str, any_numbers: bool) -> str:
    """A regular expression for this line of stated output."""
    kinds = list((VARYING | NUMBERS if any_numbers else VARYING).values())
    parts, last = [], 0
    for found in re.finditer("|".join([r"\.\.\.", *kinds]), line):
        parts.append(literal(line[last : found.start()], any_numbers))
        text = found.group()
        kind = r".*" if text == "..." else next(kind for kind in kinds if re.fullmatch(bare(kind), text))
        parts.append(f"(?:{bare(kind)})")
        last = found.end()
    parts.append(literal(line[last:], any_numbers))
    return "".join(parts)


def bare(kind: str) -> str:
    """Without the conditions on the text around it."""
    return re.sub(r"\(\?(?:<!|!)[^)]*\)", "", kind)


def literal(text: str, any_numbers: bool) -> str:
    if not any_numbers:
        return re.escape(text)
    return BLANKS.join(re.escape(word) for word in re.split(r"[ \t]+", text))


def lines_of(text: str) -> list[str]:
    """Without blanks at the ends, blank lines at the end and what a terminal is given to redraw a line."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text.replace("\r\n", "\n").replace("\r", "\n"))
    return [line.rstrip() for line in text.strip("\n").split("\n")]


def difference(stated: str, said: str, any_numbers: bool = False, redrawn: bool = False) -> str | None:
    """None if `said` is what is stated. In redrawn output there may be more lines than the stated ones."""
    wanted, found = lines_of(stated), lines_of(said)
    if redrawn:
        wanted = ["...", *(part for line in wanted for part in (line, "..."))]
    at, gap = 0, False
    for line in wanted:
        if line == "...":
            gap = True
            continue
        pattern = re.compile(pattern_of(line, any_numbers))
        while at < len(found) and not pattern.fullmatch(found[at]):
            if not gap:
                return f"states  {line}\nfound   {found[at]}"
            at += 1
        if at == len(found):
            return f"states  {line}\nfound   no such line in the {len(found)} lines:\n" + "\n".join(
                found[:20]
            )
        at, gap = at + 1, False
    if at < len(found) and not gap:
        return f"states  no further line\nfound   {found[at]}"
    return None
