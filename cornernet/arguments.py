"""Checks a config's arguments against the signature of what it names before any data is read, then binds them.

What is named is a function or a class: a loss, a backbone.
"""

import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Collection
from typing import Any, Literal

from cornernet.registry import near
from cornernet.system.wording import typed

SIMPLE = (bool, int, float, str, type(None))


def accepted(made: Callable, given: dict[str, Any]) -> dict[str, Any]:
    """Those of the given values that a function or class has a parameter for."""
    try:
        names = inspect.signature(made).parameters
    except (TypeError, ValueError):  # written in C
        return {}
    return {name: value for name, value in given.items() if name in names}


def bound(
    label: str, named: Callable, args: dict[str, Any], given: dict[str, Any] | None = None,
    inputs: int = 0, called: Collection[str] | None = (),
) -> Callable:  # fmt: skip
    """Function -> partial, class -> instance; the first `inputs` parameters of a function are the tensors it is given.

    given: arguments that are not the config's to set; called: those that a function gets at every call, None for an
    object that is not called itself. Raises ValueError, one sentence that begins with the label, for an unknown,
    missing or mistyped argument.
    """
    try:
        parameters = inspect.signature(named).parameters
    except (TypeError, ValueError):  # written in C
        return _made(label, named, args)
    valid = {name: p for name, p in configurable(named, inputs, called or ()).items() if name not in (given or {})}
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for key, value in args.items():
        if key not in valid and (not anything or key in (given or {})):
            raise ValueError(f"{label} has no argument {key!r}; {_listed(valid)}{near(key, valid)}")
        if key in valid:
            _check_type(label, valid[key], _hint(named, valid[key]), value)
    missing = [name for name, p in valid.items() if p.default is p.empty and name not in args]
    if missing:
        raise ValueError(f"{label} needs the argument {missing[0]!r}; {_listed(valid)}")
    return _made(label, named, {**args, **(given or {})}, called is not None)


def configurable(named: Callable, inputs: int, called: Collection[str] = ()) -> dict[str, inspect.Parameter]:
    """Parameters a config may set: not the tensors in front, nor what a function is called with anew each time."""
    parameters, inputs = list(inspect.signature(named).parameters.values()), 0 if isinstance(named, type) else inputs
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    tensors = {p.name for p in positional[:inputs] if p.default is p.empty}
    if inputs:
        tensors |= set(called)
    by_name = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return {p.name: p for p in by_name if p.name not in tensors}


def hints(named: Callable) -> dict[str, Any]:
    """Annotations of a function's parameters, or of those that a class is made with, resolved."""
    made = named.__init__ if isinstance(named, type) else named  # type: ignore[misc]  # that of this very class is meant
    return typing.get_type_hints(made)


def _made(label: str, named: Callable, args: dict[str, Any], called: bool = True) -> Callable:
    if not isinstance(named, type):
        return functools.partial(named, **args)
    try:
        made = named(**args)
    except Exception as error:  # the class may check its arguments itself, in its own way
        raise ValueError(f"{label} refused its arguments: {' '.join(str(error).split())}") from error
    if called and not callable(made):
        raise ValueError(f"{label} is a class whose objects cannot be called; derive it from torch.nn.Module")
    return made


def _listed(valid: dict[str, inspect.Parameter]) -> str:
    return f"it takes {', '.join(valid)}" if valid else "it takes none"


def _hint(named: Callable, parameter: inspect.Parameter) -> Any:
    """The parameter's annotation, resolved; without one, the type of its default."""
    try:
        hint = hints(named).get(parameter.name)
    except Exception:  # annotations may name what was never imported
        hint = None
    if hint is not None:
        return hint
    default = parameter.default
    return float if type(default) is int else type(default)  # an unannotated 1 may well become 0.5


def _check_type(label: str, parameter: inspect.Parameter, hint: Any, value: Any) -> None:
    """Refuses a value only where every allowed type is a simple one; what else a class takes is its own affair."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    if isinstance(value, float) and math.isnan(value):
        raise ValueError(f"{label}: {parameter.name} must be a number, got nan")
    if all(typing.get_origin(o) is Literal for o in options):
        allowed = [v for o in options for v in typing.get_args(o)]
        if value not in allowed:
            words = ", ".join(map(str, allowed))
            raise ValueError(f"{label}: {parameter.name} must be one of {words}, got {typed(value)}")
    elif typing.get_origin(hint) is list and not isinstance(value, (list, tuple)):
        raise ValueError(f"{label}: {parameter.name} must be a list, such as [1, 2], got {typed(value)}")
    elif all(o in SIMPLE for o in options) and options != (type(None),) and not _fits(value, options):
        names = " or ".join("null" if o is type(None) else o.__name__ for o in options)
        raise ValueError(f"{label}: {parameter.name} must be {names}, got {typed(value)}")


def _fits(value: Any, options: tuple[type, ...]) -> bool:
    """int stands in for float; bool is no number."""
    return type(value) in options or (type(value) is int and float in options)
