"""Short programs and what they print, after Zaremba and Sutskever 2014, Learning to Execute.

``j=85;for x in range(8):j+=92;b=15+j;print(b if 7<12 else 3)`` prints ``836``. With a line break in place of each
semicolon it is a Python program. Its value is computed while it is put together; nothing is executed.

Two numbers say how hard a program is, as in the paper: ``length``, the most digits of its numbers, and ``nesting``, how
many operations stand on one another. An operation takes the result so far, or for the first one a number: a sum or
difference, a product with a small number, a choice by comparison, a variable, or a loop that adds to a variable.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from string import ascii_lowercase
from typing import NamedTuple


class _Expression(NamedTuple):
    """Text with its value. ``compound``: needs parentheses inside of another one."""

    text: str
    value: int
    compound: bool = False

    @property
    def inner(self) -> str:
        """The text inside of another expression."""
        return f"({self.text})" if self.compound else self.text


class _Program:
    """A program that is being written: its statements so far, and where numbers and names come from."""

    def __init__(self, random: Random, length: int) -> None:
        self.random = random
        self.length = length
        self.statements: list[str] = []
        # x counts the loops.
        self._names = random.sample(ascii_lowercase.replace("x", ""), 25)

    def number(self) -> _Expression:
        """Draws a number of at most ``length`` digits."""
        value = self.random.randint(1, 10**self.length - 1)
        return _Expression(str(value), value)

    def small(self) -> int:
        """Draws a factor, or how often a loop runs; within the paper's limits."""
        return self.random.randint(2, 4 * self.length)

    def shuffled(self, *expressions: _Expression) -> list[_Expression]:
        """Returns the expressions in any order."""
        return self.random.sample(expressions, len(expressions))

    def assign(self, expression: _Expression) -> _Expression:
        """Adds a statement that gives the expression a new name."""
        name = self._names.pop()
        self.statements.append(f"{name}={expression.text}")
        return _Expression(name, expression.value)


def _sum(program: _Program, operand: _Expression) -> _Expression:
    a, b = program.shuffled(operand, program.number())
    if program.random.random() < 0.5:
        return _Expression(f"{a.inner}+{b.inner}", a.value + b.value, compound=True)
    return _Expression(f"{a.inner}-{b.inner}", a.value - b.value, compound=True)


def _product(program: _Program, operand: _Expression) -> _Expression:
    factor = program.small()
    a, b = program.shuffled(operand, _Expression(str(factor), factor))
    return _Expression(f"{a.inner}*{b.inner}", a.value * b.value, compound=True)


def _choice(program: _Program, operand: _Expression) -> _Expression:
    first, left, right, second = program.shuffled(operand, program.number(), program.number(), program.number())
    less = program.random.random() < 0.5
    holds = left.value < right.value if less else left.value > right.value
    text = f"{first.inner} if {left.inner}{'<' if less else '>'}{right.inner} else {second.inner}"
    return _Expression(text, first.value if holds else second.value, compound=True)


def _variable(program: _Program, operand: _Expression) -> _Expression:
    return _sum(program, program.assign(operand))


def _loop(program: _Program, operand: _Expression) -> _Expression:
    variable, step, times = program.assign(operand), program.number(), program.small()
    sign = program.random.choice((1, -1))
    change = f"{variable.text}{'+' if sign > 0 else '-'}={step.text}"
    program.statements.append(f"for x in range({times}):{change}")
    return _Expression(variable.text, variable.value + sign * step.value * times)


_OPERATIONS: tuple[Callable[[_Program, _Expression], _Expression], ...] = (_sum, _product, _choice, _variable, _loop)


def draw_program(random: Random, length: int, nesting: int) -> tuple[str, int]:
    """Draws a program and returns it with the number that it prints.

    Args:
        random: where it is drawn from.
        length: most digits of its numbers.
        nesting: its operations, at most 25.
    """
    program = _Program(random, length)
    result = program.number()
    for _ in range(nesting):
        result = random.choice(_OPERATIONS)(program, result)
    return ";".join([*program.statements, f"print({result.text})"]), result.value
