"""Generates mutants of crons: statements dropped or moved, conditions negated, values changed."""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True)
class CronMutant:
    """A file with one change."""

    name: str
    text: str


Site = tuple[str, Callable[[], None]]
"""A possible change: its description, and the function that applies it."""


def mutants(text: str, functions: Sequence[str] = ()) -> Iterator[CronMutant]:
    """Yields the mutants of the named functions of a file; by default of all except `message`."""
    count = len(list(_sites(ast.parse(text), functions)))
    seen: dict[str, int] = {}
    for number in range(count):
        tree = ast.parse(text)
        what, apply = list(_sites(tree, functions))[number]
        apply()
        seen[what] = seen.get(what, 0) + 1
        again = f" ({seen[what]})" if seen[what] > 1 else ""
        yield CronMutant(what + again, ast.unparse(ast.fix_missing_locations(tree)) + "\n")


def _sites(tree: ast.Module, functions: Sequence[str]) -> Iterator[Site]:
    for name, function in _functions(tree):
        if name in functions or (not functions and name != "message"):
            for what, apply in _of_function(function):
                yield f"{name}: {what}", apply


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{member.name}", member


def _of_function(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Site]:
    for node in ast.walk(function):
        for block in _blocks(node):
            yield from _dropped(block)
            yield from _moved(block)
        yield from _negated(node)
        yield from _swapped(node)


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            yield cast("list[ast.stmt]", block)


def _shown(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else text[:69] + "…"


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _dropped(block: list[ast.stmt]) -> Iterator[Site]:
    for position, statement in enumerate(block):
        simple = isinstance(statement, ast.Expr | ast.AugAssign | ast.Continue | ast.Break | ast.Raise)
        if simple and not _is_docstring(statement):
            yield f"without {_shown(statement)}", _at(block, position, ast.Pass())


def _at(block: list[ast.stmt], position: int, statement: ast.stmt) -> Callable[[], None]:
    def apply() -> None:
        block[position] = statement

    return apply


def _moved(block: list[ast.stmt]) -> Iterator[Site]:
    for position in range(len(block) - 1):
        one, other = block[position], block[position + 1]
        if (
            isinstance(other, ast.Return | ast.Continue | ast.Raise)
            or _is_docstring(one)
            or isinstance(one, ast.Assign)
        ):
            continue
        if not isinstance(one, ast.Assign) and not isinstance(other, ast.Assign):
            yield f"{_shown(other)} before {_shown(one)}", _exchanged(block, position)


def _exchanged(block: list[ast.stmt], position: int) -> Callable[[], None]:
    def apply() -> None:
        block[position], block[position + 1] = block[position + 1], block[position]

    return apply


def _negated(node: ast.AST) -> Iterator[Site]:
    if isinstance(node, ast.If | ast.IfExp) and not isinstance(node.test, ast.Compare):
        yield f"not {_shown(node.test)}", _setting(node, "test", ast.UnaryOp(ast.Not(), node.test))
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield f"{'or' if isinstance(other, ast.Or) else 'and'} in {_shown(node)}", _setting(node, "op", other)
        for position, value in enumerate(node.values):
            rest = node.values[:position] + node.values[position + 1 :]
            yield (
                f"without {_shown(value)} in {_shown(node)}",
                _setting(node, "values", rest if len(rest) > 1 else rest * 2),
            )


def _setting(node: ast.AST, attribute: str, value: object) -> Callable[[], None]:
    def apply() -> None:
        setattr(node, attribute, value)

    return apply


_OTHERS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Lt: ast.GtE,
    ast.Gt: ast.LtE,
    ast.In: ast.NotIn,
}


def _swapped(node: ast.AST) -> Iterator[Site]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _OTHERS:
        yield f"the opposite of {_shown(node)}", _setting(node, "ops", [_OTHERS[type(node.ops[0])]()])
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        yield f"the other sign in {_shown(node)}", _setting(node, "op", other)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{not node.value}", _setting(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield f"{node.value + 1} for {node.value}", _setting(node, "value", node.value + 1)
    if isinstance(node, ast.Dict) and len(node.values) == 2:
        yield f"values swapped in {_shown(node)}", _setting(node, "values", node.values[::-1])
