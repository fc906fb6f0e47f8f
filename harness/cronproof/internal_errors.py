"""Internal errors: what cronproof's tasks, callbacks and servers raise ends the run.

Nobody awaits a connection's task, and what a mock raises becomes an answer to the application. Left
there, an error of ours would look like one of the application. So all of them go to the exception
handler of the event loop, and `until_error` has it end the run.
"""

# `reporting` decorates what every call defines: its annotations would be evaluated each time.
from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")
Function = Callable[P, Coroutine[Any, Any, Result]]
AGAIN_SECONDS = 5.0
"""The cleanup may wait for what the error has broken. After this time it is cancelled, too."""
_errors: ContextVar[Sequence[Exception]] = ContextVar("_errors", default=())


async def until_error(running: Coroutine[Any, Any, Result]) -> Result:
    """Awaits a coroutine, which is cancelled as soon as anything else in the loop raises an error.

    Raises:
        Exception: the first error.
    """
    loop, task, errors = asyncio.get_running_loop(), asyncio.current_task(), list[Exception]()
    before = loop.get_exception_handler()
    _errors.set(errors)

    def note(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        error = context.get("exception")
        # A connection that breaks is no error: whoever reads from it is told.
        if not isinstance(error, Exception) or ("transport" in context and isinstance(error, OSError)):
            return
        if not errors:
            cancel()
        errors.append(error)

    def cancel() -> None:
        assert task is not None  # noqa: S101  (for the type checker: a coroutine runs in a task)
        if not task.done():
            task.cancel()
            loop.call_later(AGAIN_SECONDS, cancel)

    loop.set_exception_handler(note)
    try:
        result = await running
    except BaseException:  # the cancellation, or what it has led to
        raise_first()
        raise
    finally:
        loop.set_exception_handler(before)
    raise_first()
    return result


def raise_first() -> None:
    """Raises the error for which `until_error` has cancelled, if any: then it was not Ctrl-C."""
    for error in _errors.get():
        raise error from None


def report(error: BaseException) -> None:
    """Hands an error to the event loop's exception handler."""
    context = {"message": f"{type(error).__name__}: {error}", "exception": error}
    asyncio.get_running_loop().call_exception_handler(context)


def watch(task: asyncio.Task[None], *expected: type[Exception]) -> None:
    """Reports the error of a task that nobody awaits, unless it is expected."""

    def ended(done: asyncio.Task[None]) -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None and not isinstance(error, expected):
            report(error)

    task.add_done_callback(ended)


def reporting(*expected: type[Exception]) -> Callable[[Function[P, Result]], Function[P, Result]]:
    """Decorates a coroutine function whose caller would hide what it raises: reports it, unless it is
    expected.
    """

    def decorate(function: Function[P, Result]) -> Function[P, Result]:
        @functools.wraps(function)
        def reports(*arguments: P.args, **named: P.kwargs) -> Coroutine[Any, Any, Result]:
            return _reported(function(*arguments, **named), expected)

        return reports

    return decorate


def reporting_call(function: Callable[P, Result]) -> Callable[P, Result]:
    """Decorates a plain function: reports what it raises, which its caller may hide."""

    @functools.wraps(function)
    def reports(*arguments: P.args, **named: P.kwargs) -> Result:
        try:
            return function(*arguments, **named)
        except Exception as error:
            report(error)
            raise

    return reports


async def _reported(running: Coroutine[Any, Any, Result], expected: tuple[type[Exception], ...]) -> Result:
    try:
        return await running
    except expected:
        raise
    except Exception as error:
        report(error)
        raise
