"""Compute expressions that a reader types, with the objects of any engine.

Such text is never passed to `eval`: it is parsed, and only known parts are allowed.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

MOST_CHARACTERS = 80
MOST_OPERATIONS = 10  # more do not fit into a figure
LARGEST_NUMBER = 1e6

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,5}")
_OPERATORS: dict[type[ast.operator], tuple[Callable, str]] = {
    ast.Add: (operator.add, "+"),
    ast.Sub: (operator.sub, "-"),
    ast.Mult: (operator.mul, "*"),
    ast.Div: (operator.truediv, "/"),
    ast.Pow: (operator.pow, "**"),
}


class ExpressionError(ValueError):
    """The text is not an expression that the engine can compute; the message says what to do."""


def read_numbers(text: str) -> dict[str, float]:
    """Return the numbers of a text such as "x = 3, w = -0.5", by name.

    Raises:
        ExpressionError: the text has another form, a name twice, or a number that is too large.
    """
    _check_length(text)
    numbers: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in re.split(r"[,;]", text))):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        if not equals or not _NAME.fullmatch(name):
            raise ExpressionError(
                f"The part {part!r} does not give a name a number. Write a short name, = and a "
                "number, such as x = 3, and put commas between several."
            )
        if name in numbers:
            raise ExpressionError(f"The name {name} has two numbers. Give it one.")
        try:
            numbers[name] = float(number)
        except ValueError:
            raise ExpressionError(
                f"The text {number!r} is not a number. Write {name} = 3 or {name} = -0.5."
            ) from None
        _check_size(numbers[name])
    return numbers


def read_expression(
    text: str,
    names: Mapping[str, Any],
    functions: Mapping[str, Callable],
    constant: Callable[[float], Any],
) -> Any:
    """Compute an expression such as "exp(x * w) + 2" with the objects of an engine.

    The operators +, -, * and so on are those of the objects, so any engine can be used: `Value`
    objects build a graph, PyTorch tensors build PyTorch's graph, and plain numbers just compute.

    Args:
        text: the expression: names, numbers, + - * / **, brackets and calls of `functions`.
        names: the object for each name.
        functions: what may be called, with one argument, by name.
        constant: makes an object of the engine from a number in the text.

    Raises:
        ExpressionError: the text is not such an expression, or it cannot be computed.
    """
    _check_length(text)
    if not text.strip():
        raise ExpressionError("There is nothing to compute. Type an expression, such as x * w + b.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python may warn of what is refused below anyway
            tree = ast.parse(text.strip().replace("×", "*").replace("−", "-"), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ExpressionError(
            f"The text {text!r} is not a complete expression. Check the brackets, and write every "
            "* sign: 2 * x, not 2x."
        ) from None
    operations = sum(isinstance(n, ast.BinOp | ast.UnaryOp | ast.Call) for n in ast.walk(tree))
    if operations > MOST_OPERATIONS:
        raise ExpressionError(
            f"The expression has {operations} operations. Use at most {MOST_OPERATIONS}, so that "
            "the graph fits into the figure."
        )
    return _Reader(names, functions, constant).compute(tree.body)


class _Reader:
    """Computes the parts of a parsed expression, from the inside out."""

    def __init__(self, names: Mapping, functions: Mapping, constant: Callable) -> None:
        self.names, self.functions, self.constant = names, functions, constant

    def compute(self, node: ast.expr) -> Any:
        """Return the object for a part of the expression."""
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self.constant(_check_size(number))
            case ast.UnaryOp(ast.USub(), ast.Constant(value=int() | float() as number)):
                return self.constant(-_check_size(number))
            case ast.Name(id=name):
                return self._named(name)
            case ast.UnaryOp(ast.USub(), operand):
                minus_one = self.constant(-1.0)
                return self._apply(operator.mul, "*", minus_one, self.compute(operand))
            case ast.UnaryOp(ast.UAdd(), operand):
                return self.compute(operand)
            case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
                function, sign = _OPERATORS[type(op)]
                return self._apply(function, sign, self.compute(left), self.compute(right))
            case ast.Call(ast.Name(name), [argument], []) if name in self.functions:
                return self._apply(self.functions[name], name, self.compute(argument))
        part = ast.unparse(node)
        raise ExpressionError(
            f"The part {part!r} is not known here. Use names, numbers, brackets, +, -, "
            f"{listed(['*', *(f'{name}(...)' for name in self.functions)])}."
        )

    def _named(self, name: str) -> Any:
        if name in self.names:
            return self.names[name]
        if name in self.functions:
            raise ExpressionError(f"The function {name} needs brackets: write {name}(x).")
        raise ExpressionError(f"The name {name} has no number. Add {name} = 1 to the numbers.")

    def _apply(self, function: Callable, sign: str, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except TypeError:
            hint = " For x ** 2 write x * x." if sign == "**" else ""
            raise ExpressionError(
                f"This engine does not have the operation {sign}. Use +, -, "
                f"{listed(['*', *self.functions])}.{hint}"
            ) from None
        except (ArithmeticError, ValueError):
            raise ExpressionError(
                f"The operation {sign} cannot be computed with these numbers: the result is not a "
                "number, or it is too large. Choose other numbers."
            ) from None


def _check_length(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise ExpressionError(
            f"The text has {len(text)} characters. Use at most {MOST_CHARACTERS}."
        )


def _check_size(number: float) -> float:
    if not abs(number) <= LARGEST_NUMBER:
        raise ExpressionError(
            f"The number {number:.3g} cannot be used. Choose one from -1,000,000 to 1,000,000."
        )
    return float(number)


def listed(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
