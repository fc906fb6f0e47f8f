"""Generates mutants of the claim functions, each with one small change to the SQL."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pglast
from pglast import ast, enums
from pglast.stream import RawStream
from pglast.visitors import Visitor

CREATE = re.compile(r"create or replace function public\.(\w+)\(.*?\nas \$\$(.*?)\$\$;", re.DOTALL)


@dataclass(frozen=True)
class SqlMutant:
    """The whole file with one change. `function` is None if the change concerns all functions."""

    name: str
    function: str | None
    text: str


Site = tuple[str, Callable[[], None]]
"""A possible change: its description, and the function that applies it."""


def mutants(text: str, marks: Sequence[str]) -> Iterator[SqlMutant]:
    """Yields all mutants of a file of claim functions. `marks`: the columns that say what was sent."""
    for function in CREATE.finditer(text):
        name, body = function[1], function[2]
        for number, (what, _) in enumerate(list(_sites(_parsed(body), marks))):
            tree = _parsed(body)
            list(_sites(tree, marks))[number][1]()
            changed = RawStream()(tree)
            whole = function[0].replace(body, f"\n    {changed}\n")
            yield SqlMutant(f"{name}: {what}", name, text.replace(function[0], whole))
        for what, old, new in _of_declaration(function[0]):
            yield SqlMutant(f"{name}: {what}", name, text.replace(function[0], function[0].replace(old, new, 1)))
    yield from _of_grants(text)


def _parsed(body: str) -> Any:
    return pglast.parse_sql(body)[0].stmt


def _of_declaration(declaration: str) -> Iterator[tuple[str, str, str]]:
    for default in re.findall(r"default \d+", declaration):
        yield f"another {default}", default, f"default {int(default.split()[1]) + 1}"
        yield f"no {default}", f" {default}", ""
    yield "no search_path", "set search_path = ''\n", ""
    yield "security definer without a search_path", "set search_path = ''\n", "security definer\n"


def _of_grants(text: str) -> Iterator[SqlMutant]:
    revoke = "from public, anon, authenticated"
    for role in ("public", "anon", "authenticated"):
        others = ", ".join(other for other in ("public", "anon", "authenticated") if other != role)
        yield SqlMutant(f"grants: not revoked from {role}", None, text.replace(revoke, f"from {others}"))
    for verb in ("revoke", "grant"):
        line = next(line for line in text.splitlines() if f"execute format('{verb}" in line)
        yield SqlMutant(f"grants: no {verb}", None, text.replace(line, ""))
    yield SqlMutant("grants: to anon too", None, text.replace("to service_role'", "to service_role, anon'"))
    for item in re.findall(r"        'public\.(claim_\w+)\([^\n]*\n", text):
        line = next(line for line in text.splitlines() if f"'public.{item}(" in line)
        changed = text.replace(f"{line}\n", "")
        last = line.endswith(",") is False
        if last:
            changed = re.sub(r",\n    \]::regprocedure", "\n    ]::regprocedure", changed)
        yield SqlMutant(f"grants: not of {item}", item, changed)


def _sites(tree: Any, marks: Sequence[str]) -> Iterator[Site]:
    """Yields every possible change to a function's statement."""
    picked, claimed = (cte.ctequery for cte in tree.withClause.ctes)
    yield from _lock(picked)
    yield from _conditions(picked, marks)
    yield from _order(picked, "order of the picked")
    yield from _limit(picked)
    yield from _update(claimed, marks)
    yield from _returned(tree)
    yield from _order(tree, "order of the returned")


def _setting(node: Any, attribute: str, value: Any) -> Callable[[], None]:
    def apply() -> None:
        setattr(node, attribute, value)

    return apply


def _lock(picked: Any) -> Iterator[Site]:
    yield "no lock", _setting(picked, "lockingClause", None)
    lock = picked.lockingClause[0]
    for strength in ("FORSHARE", "FORKEYSHARE", "FORNOKEYUPDATE"):
        value = getattr(enums.LockClauseStrength, f"LCS_{strength}")
        yield f"lock {strength.lower()}", _setting(lock, "strength", value)
    yield "waits for locks", _setting(lock, "waitPolicy", enums.LockWaitPolicy.LockWaitBlock)
    yield "fails on locks", _setting(lock, "waitPolicy", enums.LockWaitPolicy.LockWaitError)
    yield "locks all tables", _setting(lock, "lockedRels", None)


def _conditions(picked: Any, marks: Sequence[str]) -> Iterator[Site]:
    where = picked.whereClause
    for number, condition in enumerate(where.args):
        shown = RawStream()(condition)
        rest = tuple(other for position, other in enumerate(where.args) if position != number)
        yield f"without {shown}", _setting(where, "args", rest)
        negated = ast.BoolExpr(boolop=enums.BoolExprType.NOT_EXPR, args=(condition,))
        changed = tuple(negated if position == number else other for position, other in enumerate(where.args))
        yield f"not {shown}", _setting(where, "args", changed)
        yield from _bounds(condition, shown)
        yield from _columns(condition, shown, marks)


_OTHER_OPERATORS = {"<": ("<=", ">"), ">": (">=", "<")}


def _bounds(condition: Any, shown: str) -> Iterator[Site]:
    if type(condition) is ast.A_Expr:
        yield from _comparisons(condition, shown)
    seen = _Constants()
    seen(condition)
    for constant in seen.intervals:
        amount, unit = constant.val.sval.split()
        for other in (f"{int(amount) - 1} {unit}", f"{int(amount) + 1} {unit}", f"{amount} minutes"):
            yield f"{other} in {shown}", _setting(constant, "val", ast.String(sval=other))


def _comparisons(condition: Any, shown: str) -> Iterator[Site]:
    if condition.kind == enums.A_Expr_Kind.AEXPR_BETWEEN:
        low, high = condition.rexpr
        yield f"bounds swapped in {shown}", _setting(condition, "rexpr", (high, low))
        for operator, bound, what in ((">=", low, "no end"), ("<=", high, "no beginning")):
            yield f"{what} in {shown}", _as_comparison(condition, operator, bound)
    else:
        for operator in _OTHER_OPERATORS.get(condition.name[0].sval, ()):
            yield f"{operator} in {shown}", _setting(condition, "name", (ast.String(sval=operator),))


def _as_comparison(condition: Any, operator: str, bound: Any) -> Callable[[], None]:
    def apply() -> None:
        condition.kind = enums.A_Expr_Kind.AEXPR_OP
        condition.name = (ast.String(sval=operator),)
        condition.rexpr = bound

    return apply


class _Constants(Visitor):
    """Collects the intervals of an expression."""

    def __init__(self) -> None:
        super().__init__()
        self.intervals: list[Any] = []

    def visit_TypeCast(self, _: object, node: Any) -> None:  # noqa: N802  (pglast's name)
        if node.typeName.names[-1].sval == "interval" and isinstance(node.arg, ast.A_Const):
            self.intervals.append(node.arg)


def _columns(condition: Any, shown: str, marks: Sequence[str]) -> Iterator[Site]:
    if not isinstance(condition, ast.NullTest):
        return
    asked: Any = condition.arg
    for column in marks:
        if column != asked.fields[-1].sval:
            changed = (*asked.fields[:-1], ast.String(sval=column))
            yield f"{column} in {shown}", _setting(asked, "fields", changed)


def _order(select: Any, what: str) -> Iterator[Site]:
    keys = select.sortClause
    yield f"no {what}", _setting(select, "sortClause", None)
    for number, key in enumerate(keys):
        rest = tuple(other for position, other in enumerate(keys) if position != number)
        yield f"{what} without {RawStream()(key)}", _setting(select, "sortClause", rest)
        yield f"{what} by {RawStream()(key)} desc", _setting(key, "sortby_dir", enums.SortByDir.SORTBY_DESC)


def _limit(picked: Any) -> Iterator[Site]:
    def none() -> None:
        picked.limitCount, picked.limitOption = None, enums.LimitOption.LIMIT_OPTION_DEFAULT

    yield "no limit", none
    one = ast.A_Const(isnull=False, val=ast.Integer(ival=1))
    for operator in "+-":
        more = ast.A_Expr(
            kind=enums.A_Expr_Kind.AEXPR_OP,
            name=(ast.String(sval=operator),),
            lexpr=picked.limitCount,
            rexpr=one,
        )
        yield f"limit {operator} 1", _setting(picked, "limitCount", more)


def _update(claimed: Any, marks: Sequence[str]) -> Iterator[Site]:
    for number, target in enumerate(claimed.targetList):
        rest = tuple(other for position, other in enumerate(claimed.targetList) if position != number)
        yield f"does not set {target.name}", _setting(claimed, "targetList", rest)
        if target.name in marks:
            for column in marks:
                if column != target.name:
                    yield f"sets {column} for {target.name}", _setting(target, "name", column)
            null = ast.A_Const(isnull=True)
            yield f"sets {target.name} to null", _setting(target, "val", null)
    yield "updates whatever is there", _setting(claimed, "whereClause", None)


def _returned(tree: Any) -> Iterator[Site]:
    join = tree.fromClause[0]
    joined = join.rarg.relname
    yield f"inner join of {joined}", _setting(join, "jointype", enums.JoinType.JOIN_INNER)
    yield f"right join of {joined}", _setting(join, "jointype", enums.JoinType.JOIN_RIGHT)
    everybody = ast.A_Const(isnull=False, val=ast.Boolean(boolval=True))
    yield f"every row of {joined} joined", _setting(join, "quals", everybody)
    for target in tree.targetList:
        shown = RawStream()(target)
        null = ast.A_Const(isnull=True)
        yield f"null for {shown}", _setting(target, "val", null)
    yield from _swapped(tree.targetList)


def _swapped(targets: Any) -> Iterator[Site]:
    """Swaps two columns of the same name, of different tables."""
    by_name: dict[str, list[Any]] = {}
    for target in targets:
        by_name.setdefault(target.val.fields[-1].sval, []).append(target)
    for name, pair in by_name.items():
        if len(pair) == 2:
            yield f"{name} swapped", _swap(pair[0], pair[1])


def _swap(one: Any, other: Any) -> Callable[[], None]:
    def apply() -> None:
        one.val, other.val = other.val, one.val

    return apply
