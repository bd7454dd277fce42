"""Small changes of a piece of source, one at a time: the mistakes that a check must notice."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tools.solutions import without_expressions

SWAPS: dict[type, tuple[str, type, str]] = {
    ast.Lt: ("<", ast.LtE, "<="),
    ast.LtE: ("<=", ast.Lt, "<"),
    ast.Gt: (">", ast.GtE, ">="),
    ast.GtE: (">=", ast.Gt, ">"),
    ast.Eq: ("==", ast.NotEq, "!="),
    ast.NotEq: ("!=", ast.Eq, "=="),
    ast.In: ("in", ast.NotIn, "not in"),
    ast.NotIn: ("not in", ast.In, "in"),
    ast.Is: ("is", ast.IsNot, "is not"),
    ast.IsNot: ("is not", ast.Is, "is"),
    ast.Add: ("+", ast.Sub, "-"),
    ast.Sub: ("-", ast.Add, "+"),
    ast.Mult: ("*", ast.FloorDiv, "//"),
    ast.FloorDiv: ("//", ast.Mult, "*"),
    ast.Div: ("/", ast.Mult, "*"),
    ast.And: ("and", ast.Or, "or"),
    ast.Or: ("or", ast.And, "and"),
}


@dataclass(frozen=True)
class Mutant:
    """A changed source. `description` holds the change and its line, but no line number:

    it stays the same when lines above it come or go. `1 to 2 in: return count + 1`
    """

    description: str
    source: str


@dataclass(frozen=True)
class _Edit:
    """Set one attribute of one node to another value."""

    node: ast.AST
    attribute: str
    value: Any
    change: str
    line: int


def mutations(source: str) -> list[Mutant]:
    """Every mutant of a cell, in the order of its lines. Bare top-level expressions are left out.

    Changed are: integers (± 1), floats (doubled), True and False, comparisons, + - * / //, and
    and or, not, the first two arguments of a call, the bounds of slices and of `range` (± 1).
    Every statement inside a function is dropped once. Docstrings and annotations stay.
    """
    tree = ast.parse(without_expressions(source))
    lines = source.splitlines()
    original = ast.unparse(tree)
    found, seen = [], Counter()
    for edit in sorted(_edits(tree), key=lambda edit: edit.line):
        before = getattr(edit.node, edit.attribute)
        setattr(edit.node, edit.attribute, edit.value)
        changed = ast.unparse(tree)
        setattr(edit.node, edit.attribute, before)
        if changed == original:
            continue
        description = f"{edit.change} in: {lines[edit.line - 1].strip()}"
        seen[description] += 1
        if seen[description] > 1:
            description += f" (place {seen[description]})"
        found.append(Mutant(description, changed))
    return found


def _edits(tree: ast.Module) -> Iterator[_Edit]:
    skipped = set()
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            if (annotation := getattr(node, name, None)) is not None:
                skipped.update(id(inner) for inner in ast.walk(annotation))
    for node in ast.walk(tree):
        if id(node) not in skipped:
            yield from _drops(node)
            yield from _swaps(node)
            yield from _shifts(node)


def _drops(node: ast.AST) -> Iterator[_Edit]:
    if isinstance(node, ast.Module | ast.ClassDef):
        return
    for attribute in ("body", "orelse", "finalbody"):
        block = getattr(node, attribute, None)
        if not isinstance(block, list):  # the body of a lambda is one expression
            continue
        for position, statement in enumerate(block):
            text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not text and not isinstance(statement, ast.Pass):
                rest = [*block[:position], ast.Pass(), *block[position + 1 :]]
                yield _Edit(node, attribute, rest, "dropped", statement.lineno)


def _swaps(node: ast.AST) -> Iterator[_Edit]:
    if isinstance(node, ast.Compare):
        for position, operator in enumerate(node.ops):
            if type(operator) in SWAPS:
                old, other, new = SWAPS[type(operator)]
                ops = [*node.ops[:position], other(), *node.ops[position + 1 :]]
                yield _Edit(node, "ops", ops, f"{old} to {new}", node.lineno)
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPS:
        old, other, new = SWAPS[type(node.op)]
        yield _Edit(node, "op", other(), f"{old} to {new}", node.lineno)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        twice = ast.UnaryOp(ast.Not(), node.operand)
        yield _Edit(node, "operand", twice, "not removed", node.lineno)
    if isinstance(node, ast.Call) and len(node.args) >= 2:
        first, second, *others = node.args
        if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
            swapped = [second, first, *others]
            yield _Edit(node, "args", swapped, "first two arguments swapped", node.lineno)


def _shifts(node: ast.AST) -> Iterator[_Edit]:
    if isinstance(node, ast.Constant):
        for new in _other_values(node.value):
            yield _Edit(node, "value", new, f"{node.value} to {new}", node.lineno)
    if isinstance(node, ast.Slice):
        for name, added in (("lower", 1), ("upper", -1)):
            bound = getattr(node, name)
            if bound is None:
                new = ast.Constant(added)
                yield _Edit(node, name, new, f"{name} bound {added} added", node.lineno)
            else:
                for new, how in _by_one(bound):
                    yield _Edit(node, name, new, f"{name} bound {how}", node.lineno)
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "range":
        for position, argument in enumerate(node.args):
            for new, how in _by_one(argument):
                changed = [*node.args[:position], new, *node.args[position + 1 :]]
                change = f"range argument {position + 1} {how}"
                yield _Edit(node, "args", changed, change, node.lineno)


def _other_values(value: object) -> tuple:
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (value + 1, value - 1)
    if isinstance(value, float):
        return (value * 2 or 1.0,)
    return ()


def _by_one(bound: ast.expr) -> list[tuple[ast.expr, str]]:
    if isinstance(bound, ast.Constant | ast.Starred):  # a constant is changed by itself
        return []
    one = ast.Constant(1)
    return [(ast.BinOp(bound, ast.Add(), one), "+ 1"), (ast.BinOp(bound, ast.Sub(), one), "- 1")]
