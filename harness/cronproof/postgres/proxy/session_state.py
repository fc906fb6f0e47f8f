"""What statements leave in their session: settings, roles, channels that it listens to.

No other session can ask the server for these, so they are read from the statements. What a
function changes inside is not seen.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import pglast
from pglast import ast
from pglast.enums import DiscardMode, VariableSetKind

_RESET_ALL, _DISCARD_ALL, _UNLISTEN_ALL = "reset all", "discard all", "unlisten *"
_LISTEN = "listen "
_ROLES = frozenset({"role", "session_authorization"})  # RESET ALL leaves these as they are


class SessionState:
    """The state of one session, by the name of each setting or `listen CHANNEL`, with its value."""

    def __init__(self) -> None:
        self._held: dict[str, str] = {}
        self._before: dict[str, str] = {}
        self._of_start: dict[str, str] = {}

    def accept(self) -> None:
        """Takes what is held now for a part of the process's start: no call has made it."""
        self._of_start = dict(self._held)

    def apply(self, sql: str) -> None:
        """Notes what a statement changes."""
        for name, value in _find_changes(sql):
            if name in {_RESET_ALL, _DISCARD_ALL, _UNLISTEN_ALL}:
                self._held = {held: of for held, of in self._held.items() if not _is_given_up(held, name)}
            elif value is None:
                self._held.pop(name, None)
            else:
                self._held[name] = value

    def find_held(self) -> str | None:
        """Returns what the session carries from call to call, if anything, in a few words.

        Drivers set many settings when they connect, or in every call. Such a setting counts only
        if its value is another one than when this was last asked.
        """
        before, self._before = self._before, dict(self._held)
        for name, value in self._held.items():
            if self._of_start.get(name) == value:
                continue
            if name.startswith(_LISTEN):
                return f"listens to {name.removeprefix(_LISTEN)}"
            if "." in name or name in _ROLES:
                return f"has set {name}"
        changed = [name for name in before if before[name] != self._held.get(name)]
        return f"has changed {changed[0]}" if changed else None


def _is_given_up(held: str, by: str) -> bool:
    if by == _DISCARD_ALL:
        return True
    return held.startswith(_LISTEN) if by == _UNLISTEN_ALL else not held.startswith(_LISTEN) and held not in _ROLES


@functools.lru_cache(maxsize=4096)
def _find_changes(sql: str) -> Sequence[tuple[str, str | None]]:
    """Returns what a statement changes beyond its transaction; None for what it gives up."""
    try:
        statements = pglast.parse_sql(sql)
    except pglast.parser.ParseError:
        return ()
    return [change for statement in statements for change in _changes(statement.stmt)]


def _changes(statement: Any) -> Iterator[tuple[str, str | None]]:
    match statement:
        case ast.VariableSetStmt(kind=VariableSetKind.VAR_RESET_ALL):
            yield _RESET_ALL, None
        case ast.DiscardStmt(target=DiscardMode.DISCARD_ALL):
            yield _DISCARD_ALL, None
        case ast.VariableSetStmt(kind=VariableSetKind.VAR_SET_VALUE, is_local=False, name=str(name), args=values):
            value = " ".join(str(value) for value in values or ())
            yield name, None if name == "role" and "sval='none'" in value else value
        case ast.VariableSetStmt(is_local=False, name=str(name)):
            yield name, None
        case ast.ListenStmt(conditionname=channel):
            yield f"{_LISTEN}{channel}", ""
        case ast.UnlistenStmt(conditionname=channel):
            yield (_UNLISTEN_ALL if channel is None else f"{_LISTEN}{channel}"), None
        case ast.SelectStmt(targetList=targets):
            for target in targets or ():
                yield from _of_call(target.val)
        case _:
            pass


def _of_call(call: Any) -> Iterator[tuple[str, str | None]]:
    match call:
        case ast.FuncCall(
            funcname=(*_, ast.String(sval="set_config")),
            args=(ast.A_Const(val=ast.String(sval=str(name))), value, ast.A_Const(val=ast.Boolean(boolval=False))),
        ):
            yield name, str(value)
        case _:
            pass
