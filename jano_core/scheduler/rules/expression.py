"""The language of the matrix: `a & (b | c) & +other`. `&` binds tighter than `|`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

TOKEN = re.compile(r"\s*(?:(?P<word>\+?[^\s&|()+]+)|(?P<mark>[&|()]))")
SPACE = re.compile(r"\s*")


class Name(Struct, frozen=True):
    """A model or a variable, at a column that counts from 1."""

    name: str
    column: int


class Ref(Struct, frozen=True):
    """`+other`: whatever the set `other` allows."""

    name: str
    column: int


class All(Struct, frozen=True):
    """`a & b`: all of them together."""

    parts: tuple[Expression, ...]


class Any(Struct, frozen=True):
    """`a | b`: one of them."""

    parts: tuple[Expression, ...]


Expression = Name | Ref | All | Any


def parse(text: str) -> Expression:
    """Read an expression. Raises `ValueError` with the column where it stops making sense."""
    parser = _Parser(text)
    found = parser.any_of()
    if parser.token:
        raise parser.error("expected '&', '|' or the end")
    return found


def leaves(expression: Expression) -> Iterator[Name | Ref]:
    """Every name and reference in it, from left to right."""
    if isinstance(expression, All | Any):
        for part in expression.parts:
            yield from leaves(part)
    else:
        yield expression


class _Parser:
    """Recursive descent; `token` is the next one, empty at the end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.token = ""
        self.column = 1
        self._next()

    def any_of(self) -> Expression:
        parts = [self._all_of()]
        while self.token == "|":
            self._next()
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def error(self, expected: str) -> ValueError:
        found = repr(self.token) if self.token else "the end"
        return ValueError(f"column {self.column}: {expected}, found {found}")

    def _all_of(self) -> Expression:
        parts = [self._one()]
        while self.token == "&":
            self._next()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self) -> Expression:
        token, column = self.token, self.column
        if token == "(":
            self._next()
            inner = self.any_of()
            if self.token != ")":
                raise self.error("expected ')'")
            self._next()
            return inner
        if not token or token in "&|)":
            raise self.error("expected a model, '+set' or '('")
        self._next()
        return Ref(token[1:], column) if token[0] == "+" else Name(token, column)

    def _next(self) -> None:
        found = TOKEN.match(self._text, self._at)
        space = SPACE.match(self._text, self._at)
        self.column = (space.end() if space else self._at) + 1
        if found is None and self._text[self.column - 1 :]:
            self.token = self._text[self.column - 1]
            raise self.error("expected the name of a set after '+'")
        self.token = found["word"] or found["mark"] if found else ""
        self._at = found.end() if found else len(self._text)
