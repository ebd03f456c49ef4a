"""Finds the mutants of a C++ file and rewrites it, so that each can be switched on at run time.

Every mutant has a number. The rewritten text has the same lines as the source. The comments `/*M17*/` and
`/*17M*/` enclose the expression whose mutants begin with number 17.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clang.cindex import Cursor, CursorKind, Index, TranslationUnit

COMPARISONS = {
    b"<": ("Less", [b"<=", b">="]),
    b"<=": ("LessEqual", [b"<", b">"]),
    b">": ("Greater", [b">=", b"<="]),
    b">=": ("GreaterEqual", [b">", b"<"]),
    b"==": ("Equal", [b"!="]),
    b"!=": ("NotEqual", [b"=="]),
}
SUMS = {b"+": ("Plus", [b"-"]), b"-": ("Minus", [b"+"])}
LOGIC = {b"&&": b"||", b"||": b"&&"}
INTEGER = re.compile(rb"((?:0[xX])?[0-9a-fA-F']+?)([uUlLzZ]*)")
LOG_CALL = re.compile(rb"[\w.>()-]*\blog_?\s*(\.|->)\s*Write\(")
KEPT = re.compile(rb"static_cast<void>|\(void\)|assert\(|std::(abort|terminate|unreachable)\b")
CONSTANT = re.compile(rb"\b(constexpr|consteval|constinit)\b")
STRINGS = re.compile(r"basic_string|path")
PLACES = re.compile(r"\*( const)?$|iterator|time_point")  # two of them have a difference and no sum

# Constants and types.
SKIPPED = {
    CursorKind.STATIC_ASSERT,
    CursorKind.ENUM_DECL,
    CursorKind.TEMPLATE_NON_TYPE_PARAMETER,
    CursorKind.TEMPLATE_TYPE_PARAMETER,
    CursorKind.TYPE_ALIAS_DECL,
    CursorKind.TYPEDEF_DECL,
    CursorKind.CONCEPT_DECL,
    CursorKind.CXX_UNARY_EXPR,  # sizeof, alignof
}
BODY_IS_LAST = {
    CursorKind.FOR_STMT,
    CursorKind.WHILE_STMT,
    CursorKind.CXX_FOR_RANGE_STMT,
    CursorKind.CASE_STMT,
    CursorKind.DEFAULT_STMT,
}
# What follows the condition.
CONDITIONAL = {
    CursorKind.IF_STMT: b")",
    CursorKind.WHILE_STMT: b")",
    CursorKind.CONDITIONAL_OPERATOR: b"?",
}


@dataclass(frozen=True)
class Mutant:
    id: int
    file: str
    line: int
    kind: str
    text: str  # of the source
    change: str  # what replaces it

    def key(self) -> str:
        """Names the mutant in the list of equivalents: stays the same when lines move."""
        return f"{self.file}: {self.text} -> {self.change}"


def one_line(text: bytes) -> str:
    return " ".join(text.decode().split())


class Rewriter:
    def __init__(self, root: Path, name: str, first_id: int, dropped: set[int]):
        self.name = name
        self.path = str(root / name)
        self.source = (root / name).read_bytes()
        self.next_id = first_id
        self.dropped = dropped
        self.mutants: list[Mutant] = []
        self.seen: set[tuple[str, int, int]] = set()
        self.inserted: dict[int, tuple[list[bytes], list[bytes]]] = {}  # by place: ends, begins
        self.replaced: dict[tuple[int, int], bytes] = {}
        unit = Index.create().parse(
            self.path,
            args=["-xc++", "-std=c++23", f"-I{root}/src", "-w"],
            options=TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD,
        )
        for each in unit.diagnostics:
            if each.severity >= each.Error:
                raise SystemExit(f"mutate: {each}")
        here = [each for each in unit.cursor.get_children() if self.is_here(each)]
        self.macros = [self.span(each) for each in here if each.kind == CursorKind.MACRO_INSTANTIATION]
        for each in here:
            if each.kind.is_declaration():
                self.visit(each)

    def rewritten(self) -> bytes:
        edits = [(place, place, b"".join(ends + begins)) for place, (ends, begins) in self.inserted.items()]
        edits += [(begin, end, text) for (begin, end), text in self.replaced.items()]
        out, at = [], 0
        for begin, end, text in sorted(edits):
            out += [self.source[at:begin], text]
            at = end
        return b"".join([*out, self.source[at:]])

    def is_here(self, cursor: Cursor) -> bool:
        file = cursor.extent.start.file
        return file is not None and file.name == self.path

    @staticmethod
    def span(cursor: Cursor) -> tuple[int, int]:
        return cursor.extent.start.offset, cursor.extent.end.offset

    def text(self, cursor: Cursor) -> bytes:
        begin, end = self.span(cursor)
        return self.source[begin:end]

    def follows(self, cursor: Cursor) -> bytes:
        return self.source[cursor.extent.end.offset :].lstrip()[:1]

    def take(
        self, kind: str, begin: int, end: int, changes: list[bytes], context: tuple[int, int] | None = None
    ) -> int | None:
        """Numbers the mutants of an expression. None: it can't be changed, or is known not to compile.
        `context`: the part of the source that names it, if it alone doesn't."""
        if begin >= end or (kind, begin, end) in self.seen:
            return None
        self.seen.add((kind, begin, end))
        if any(first <= begin and end <= last for first, last in self.macros):
            return None
        site = self.next_id
        self.next_id += len(changes)
        if site in self.dropped:
            return None
        line = self.source.count(b"\n", 0, begin) + 1
        first, last = context or (begin, end)
        text = one_line(self.source[first:last])
        for number, change in enumerate(changes):
            whole = self.source[first:begin] + change + self.source[end:last]
            self.mutants.append(Mutant(site + number, self.name, line, kind, text, one_line(whole)))
        return site

    # Whoever calls this for an expression has called it for the enclosing ones before.
    def enclose(self, begin: int, end: int, site: int, before: str, after: str) -> None:
        self.inserted.setdefault(begin, ([], []))[1].append(f"/*M{site}*/{before}".encode())
        self.inserted.setdefault(end, ([], []))[0].insert(0, f"{after}/*{site}M*/".encode())

    def visit(self, cursor: Cursor) -> None:
        kind = cursor.kind
        if kind in SKIPPED or kind.is_attribute() or not self.is_here(cursor) or self.is_constant(cursor):
            return
        children = list(cursor.get_children())
        if kind == CursorKind.CASE_STMT:
            children = children[1:]
        if kind == CursorKind.IF_STMT and re.match(rb"if\s+constexpr", self.text(cursor)):
            children = children[1:]
        elif kind in CONDITIONAL:
            for child in children:
                if child.kind.is_expression() and self.follows(child) == CONDITIONAL[kind]:
                    self.condition(child)
                    break
        if kind in (CursorKind.BINARY_OPERATOR, CursorKind.CALL_EXPR):
            self.operator(cursor)
        elif kind == CursorKind.CXX_BOOL_LITERAL_EXPR:
            self.literal(cursor, "bool", b"false" if self.text(cursor) == b"true" else b"true")
        elif kind == CursorKind.INTEGER_LITERAL:
            self.integer(cursor)
        logs = self.statements(cursor, children)
        for child in children:
            if self.span(child) not in logs:
                self.visit(child)

    def is_constant(self, cursor: Cursor) -> bool:
        if cursor.kind == CursorKind.FIELD_DECL:
            return cursor.is_bitfield()
        if cursor.kind != CursorKind.VAR_DECL:
            return False
        before = self.source[cursor.extent.start.offset : cursor.location.offset]
        scope = cursor.semantic_parent.kind
        at_namespace = scope in (CursorKind.NAMESPACE, CursorKind.TRANSLATION_UNIT)
        return at_namespace or CONSTANT.search(before) is not None

    # ---- conditions and operators

    def descendants(self, cursor: Cursor, depth: int) -> Iterator[Cursor]:
        yield cursor
        if depth > 0:
            for child in cursor.get_children():
                yield from self.descendants(child, depth - 1)

    def operator_of(self, cursor: Cursor) -> tuple[bytes, Cursor, Cursor] | None:
        """The operator and its sides, if the expression is one. `a != b` may be a call of operator==."""
        children = list(cursor.get_children())
        if cursor.kind == CursorKind.CALL_EXPR:
            if not re.fullmatch(r"operator(<=>|[<>=!]=|[<>+-])", cursor.spelling) or len(children) != 3:
                return None
            children = [each for each in children if each.spelling != cursor.spelling]
        elif cursor.kind != CursorKind.BINARY_OPERATOR:
            return None
        if len(children) != 2:
            return None
        left, right = sorted(children, key=self.span)
        sign = self.source[left.extent.end.offset : right.extent.start.offset].strip()
        return sign, left, right

    def core(self, cursor: Cursor) -> Cursor:
        """Without parentheses and what the compiler adds."""
        while cursor.kind in (CursorKind.PAREN_EXPR, CursorKind.UNEXPOSED_EXPR):
            inner = list(cursor.get_children())
            same = len(inner) == 1 and self.span(inner[0]) == self.span(cursor)
            if len(inner) != 1 or not (same or cursor.kind == CursorKind.PAREN_EXPR):
                break
            cursor = inner[0]
        return cursor

    def negates_itself(self, cursor: Cursor) -> bool:
        """Whether the expression's own operator has a mutant that negates it or nearly does."""
        begin, end = self.span(cursor)
        for each in self.descendants(cursor, 5):
            found = self.operator_of(each)
            if found is None or (found[1].extent.start.offset, found[2].extent.end.offset) != (begin, end):
                continue
            if found[0] in COMPARISONS or found[0] in LOGIC:
                return True
        return False

    def condition(self, cursor: Cursor) -> None:
        """Negates a condition."""
        inner = self.core(cursor)
        text = self.text(inner)
        if text in (b"true", b"false") or self.negates_itself(inner):
            return
        if re.match(rb"![^=]", text):
            operand = self.core(next(inner.get_children(), inner))
            if self.negates_itself(operand):
                return
        begin, end = self.span(cursor)
        site = self.take("condition", begin, end, [b"!(" + self.source[begin:end] + b")"])
        if site is not None:
            self.enclose(begin, end, site, "(static_cast<bool>(", f") != ::mutate::Is({site}))")

    def operator(self, cursor: Cursor) -> None:
        found = self.operator_of(cursor)
        if found is None:
            return
        sign, left, right = found
        (begin, left_end), (right_begin, end) = self.span(left), self.span(right)

        def changed(to: bytes) -> bytes:
            return self.source[begin:left_end] + b" " + to + b" " + self.source[right_begin:end]

        if sign in LOGIC:
            site = self.take("logic", begin, end, [changed(LOGIC[sign])])
            if site is not None:
                # With the mutant, both sides and the result are negated.
                flip = f"::mutate::Is({site})"
                self.enclose(begin, end, site, "(((static_cast<bool>(", f") != {flip})) != {flip})")
                self.replaced[left_end, right_begin] = (
                    f") != {flip}) {sign.decode()} (static_cast<bool>(".encode()
                )
            self.condition(left)
            self.condition(right)
            return
        if sign in SUMS and STRINGS.search(cursor.type.get_canonical().spelling):
            return
        if sign == b"-" and all(PLACES.search(each.type.get_canonical().spelling) for each in (left, right)):
            return
        function, changes = (COMPARISONS | SUMS).get(sign, (None, []))
        if function is None:
            return
        site = self.take(
            "comparison" if sign in COMPARISONS else "sum", begin, end, [changed(to) for to in changes]
        )
        if site is not None:
            self.enclose(begin, end, site, f"::mutate::{function}({site}, ", ")")
            self.replaced[left_end, right_begin] = self.source[left_end:right_begin].replace(sign, b",", 1)

    # ---- literals

    def integer(self, cursor: Cursor) -> None:
        found = INTEGER.fullmatch(self.text(cursor))
        if found is None:
            return
        value = int(found[1].replace(b"'", b""), 0)
        self.literal(cursor, "integer", str(0 if value == 1 else value + 1).encode() + found[2])

    def literal(self, cursor: Cursor, kind: str, change: bytes) -> None:
        begin, end = self.span(cursor)
        line = self.source.rfind(b"\n", 0, begin) + 1, self.source.find(b"\n", end)
        site = self.take(kind, begin, end, [change], context=line)
        if site is not None:
            self.enclose(begin, end, site, f"(::mutate::Is({site}) ? {change.decode()} : ", ")")

    # ---- statements

    def statements(self, cursor: Cursor, children: list[Cursor]) -> set[tuple[int, int]]:
        """Removes the statements that are children, one at a time. Returns those that only log."""
        logs: set[tuple[int, int]] = set()
        if cursor.kind in BODY_IS_LAST:
            children = children[-1:]
        elif cursor.kind not in (CursorKind.COMPOUND_STMT, CursorKind.IF_STMT):
            return logs
        for child in children:
            jumps = child.kind in (CursorKind.BREAK_STMT, CursorKind.CONTINUE_STMT)
            begin, end = self.span(child)
            before = self.source[:begin].rstrip()[-1:]
            text = self.source[begin:end]
            if not (child.kind.is_expression() or jumps) or self.follows(child) != b";" or before == b"(":
                continue
            kind = "statement"
            if LOG_CALL.match(text):
                kind = "log"
                logs.add((begin, end))
            if KEPT.match(text):
                continue
            end = self.source.index(b";", end) + 1
            site = self.take(kind, begin, end, [b"(removed)"])
            if site is not None:
                self.enclose(begin, end, site, f"{{ if (!::mutate::Is({site})) {{ ", " } }")
        return logs
