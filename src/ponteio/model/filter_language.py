"""The language of filters: text in, a tree out, or the place where the text is wrong.

    filter = [ all { "OR" all } ]          all = part { ["AND"] part }
    part   = ("-" | "NOT") part | "(" filter ")" | term
    term   = [ name ":" ] value { "," value }  value = word ["*"] | '"' text '"' ["*"]

A value without a name is looked for in texts, as if `text:` stood before it. In quotes a backslash takes the next
character as it is. docs/filters.md lists the terms.
"""

from __future__ import annotations

import re
from datetime import datetime

from ponteio.model.filter import MAX_TERMS, FilterError
from ponteio.model.filter_terms import Value, ValueProblemError, term_of
from ponteio.model.filter_tree import Filter, Node, all_of, any_of, negation

MAX_BYTES = 4096
MAX_DEPTH = 20

_SPACE = re.compile(r"\s*")
_NAME = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^\s():,"\\])+(?=:)', re.DOTALL)
_WORD = re.compile(r'[^\s(),"]+')
_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"(\*?)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_EDGE = re.compile(r"[\s(]|\Z")
_END = re.compile(r"[\s)]|\Z")
_NAMELESS = "text"
_SURROGATE = re.compile("[\ud800-\udfff]")


class FilterSyntaxError(FilterError):
    """The text is no filter: `message` says why, `position` (characters, from 0) and `length` where."""

    def __init__(self, message: str, position: int, length: int = 1) -> None:
        super().__init__(f"{message} (at position {position})")
        self.message = message
        self.position = position
        self.length = length


def parse_filter(text: str, now: datetime) -> Filter:
    """The filter that `text` spells; `since:2h` means two hours before `now`. Raises `FilterSyntaxError`."""
    if surrogate := _SURROGATE.search(text):
        raise FilterSyntaxError("a filter cannot hold a lone surrogate", surrogate.start())
    if len(text.encode()) > MAX_BYTES:
        raise FilterSyntaxError(f"a filter has at most {MAX_BYTES} bytes", 0, len(text))
    return _Parser(text, now).whole()


class _Parser:
    def __init__(self, text: str, now: datetime) -> None:
        self._text = text
        self._now = now
        self._at = 0
        self._terms = 0

    def whole(self) -> Filter:
        self._skip_space()
        if self._is_over():
            return Filter()
        root = self._any(0)
        if not self._is_over():
            raise FilterSyntaxError("this parenthesis was not opened", self._at)
        return Filter(root)

    def _is_over(self) -> bool:
        return self._at >= len(self._text)

    def _any(self, depth: int) -> Node:
        parts = [self._all(depth)]
        while self._keyword("OR"):
            parts.append(self._all(depth))
        return any_of(parts)

    def _all(self, depth: int) -> Node:
        parts = [self._part(depth)]
        while not self._is_over() and self._text[self._at] != ")" and not self._sees("OR"):
            self._keyword("AND")
            parts.append(self._part(depth))
        return all_of(parts)

    def _part(self, depth: int) -> Node:
        start = self._at
        if depth > MAX_DEPTH:
            raise FilterSyntaxError(f"more than {MAX_DEPTH} levels of parentheses and negations", start)
        if self._is_over():
            raise FilterSyntaxError("a term is missing here", start, 0)
        if self._symbol("-") or self._keyword("NOT"):
            return negation(self._part(depth + 1))
        if not self._symbol("("):
            return self._term()
        inside = self._any(depth + 1)
        if not self._symbol(")"):
            raise FilterSyntaxError("this parenthesis is not closed", start)
        return inside

    def _term(self) -> Node:
        start = self._at
        name = self._name()
        values = [self._value()]
        while self._text.startswith(",", self._at):
            self._at += 1
            values.append(self._value())
        if not _END.match(self._text, self._at):
            raise FilterSyntaxError("put a value with this character in quotes", self._at)
        try:
            node = term_of(name or _NAMELESS, values, self._now)
        except ValueProblemError as problem:
            value = problem.value
            if value is None:
                raise FilterSyntaxError(str(problem), start, len(name)) from None
            raise FilterSyntaxError(str(problem), value.position, value.length) from None
        self._skip_space()
        return node

    def _name(self) -> str:
        """The name before a colon, which is passed; empty where a value stands without one."""
        start = self._at
        name = _NAME.match(self._text, start)
        if name is not None:
            self._at = name.end() + 1
            return name[0]
        if self._text.startswith('"', start):
            return ""
        word = _WORD.match(self._text, start)
        if word is None:
            raise FilterSyntaxError("a term is missing here", start)
        if word[0].upper() in ("OR", "AND", "NOT"):
            raise FilterSyntaxError("OR, AND and NOT stand in capitals, with a term beside them", start, len(word[0]))
        if word[0].startswith(":"):
            raise FilterSyntaxError("the name is missing before this colon", start, len(word[0]))
        return ""

    def _value(self) -> Value:
        start = self._at
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise FilterSyntaxError(f"more than {MAX_TERMS} values", start)
        if self._text.startswith('"', start):
            return self._quoted_value()
        word = _WORD.match(self._text, start)
        if word is None:
            raise FilterSyntaxError("a value is missing here", start, 0)
        self._at = word.end()
        text = word[0]
        is_open = text.endswith("*")
        return Value(text[:-1] if is_open else text, start, len(text), is_open=is_open)

    def _quoted_value(self) -> Value:
        start = self._at
        found = _QUOTED.match(self._text, start)
        if found is None:
            raise FilterSyntaxError("this quotation mark is not closed", start)
        self._at = found.end()
        text = _ESCAPED.sub(r"\1", found[1])
        return Value(text, start, len(found[0]), is_open=bool(found[2]), is_quoted=True)

    def _symbol(self, symbol: str) -> bool:
        if not self._text.startswith(symbol, self._at):
            return False
        self._at += 1
        self._skip_space()
        return True

    def _keyword(self, word: str) -> bool:
        if not self._sees(word):
            return False
        self._at += len(word)
        self._skip_space()
        return True

    def _sees(self, word: str) -> bool:
        return self._text.startswith(word, self._at) and _EDGE.match(self._text, self._at + len(word)) is not None

    def _skip_space(self) -> None:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
