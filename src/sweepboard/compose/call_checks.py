"""Check configured arguments against the signature of a constructor, without calling it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from inspect import Parameter
from typing import Any

from sweepboard.compose.locate import TARGET, locate, nodes
from sweepboard.compose.type_checks import fits, parameter_types, plain_value, takes_function, wanted
from sweepboard.errors import ConfigError, nearest
from sweepboard.formatting import yaml_text

RESERVED = (TARGET, "_args_", "_partial_", "_recursive_", "_convert_")
"""Keys that control `instantiate` and are not passed as arguments."""


def check_node(
    value: Any, key: str, given: int = 0, shared: Iterable[str] = (), passed: str | None = None
) -> None:
    """Check the arguments of every `_target_` in the plain `value` at `key`. Raise `ConfigError`.

    `given` is the number of leading arguments that the runner passes to the outermost target. `shared` are
    the runner's own keys in the outermost node; they are used for suggestions only. `passed` is an argument
    that the runner passes to every target that takes it.
    """
    for place, node in nodes(value, key):
        target = locate(node[TARGET], f"{place}.{TARGET}")
        outermost = place == key
        check_call(target, node, place, given if outermost else 0, shared if outermost else (), passed)


def check_call(
    target: Callable[..., Any],
    node: Mapping[str, Any],
    key: str,
    given: int = 0,
    shared: Iterable[str] = (),
    passed: str | None = None,
) -> None:
    """Check the arguments in one node against the signature of `target`. Raise `ConfigError`."""
    parameters = signature(target)
    if parameters is None:
        return
    name = node[TARGET]
    supplied = _positional_names(parameters, given + len(_positional(node, key)), name, key)
    if passed is not None and passed in _by_name(parameters):
        supplied.add(passed)
    hints = parameter_types(target)
    for argument in (argument for argument in node if argument not in RESERVED):
        if argument in supplied:
            raise ConfigError(f"{key}.{argument}: given by sweepboard itself; leave it out")
        parameter = _parameter_for(parameters, argument)
        if parameter is None:
            valid = [*(named for named in _by_name(parameters) if named not in supplied), *shared]
            raise ConfigError(f"{key}.{argument}: {name} has no such argument{_hint(argument, valid, key)}")
        _check_type(parameter, hints, node[argument], f"{key}.{argument}")
    if not node.get("_partial_"):
        _check_complete(parameters, {*node, *supplied}, name, key)


def _positional(node: Mapping[str, Any], key: str) -> Sequence[Any]:
    values = node.get("_args_") or ()
    if not isinstance(values, list | tuple):
        raise ConfigError(f"{key}._args_: needs a list, got {yaml_text(values)}")
    return values


def _hint(argument: str, valid: Sequence[str], key: str) -> str:
    match = nearest(argument, valid)
    if match is not None:
        return f"; did you mean {key}.{match}?"
    return f"; it takes {', '.join(valid)}" if valid else "; it takes none"


def signature(target: Callable[..., Any]) -> list[Parameter] | None:
    """Return the parameters of `target`, or None for a builtin without a signature."""
    try:
        return [*inspect.signature(target).parameters.values(), *_kept_by_post_init(target)]
    except (ValueError, TypeError):
        return None


def _kept_by_post_init(target: Callable[..., Any]) -> list[Parameter]:
    """Return `**kwargs` of a dataclass that takes them in `__post_init__`, as configurations of transformers.

    The signature of their `__init__` does not show them.
    """
    if not inspect.isclass(target) or not is_dataclass(target) or not hasattr(target, "__post_init__"):
        return []
    parameters = inspect.signature(target.__post_init__).parameters.values()
    return [each for each in parameters if each.kind == Parameter.VAR_KEYWORD]


def takes(target: Callable[..., Any], argument: str) -> bool:
    """Return whether `target` has a parameter named `argument` (`**kwargs` does not count)."""
    return argument in _by_name(signature(target) or [])


def _positional_names(parameters: list[Parameter], count: int, name: str, key: str) -> set[str]:
    """Return the names of the parameters that the first `count` positional arguments fill."""
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if count > len(positional) and not any(p.kind == p.VAR_POSITIONAL for p in parameters):
        raise ConfigError(f"{key}: {name} takes {len(positional)} arguments in order, but gets {count}")
    return set(positional[:count])


def _by_name(parameters: list[Parameter]) -> list[str]:
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def _parameter_for(parameters: list[Parameter], argument: str) -> Parameter | None:
    """Return the parameter that accepts the keyword `argument`: the one of that name, or `**kwargs`."""
    for parameter in parameters:
        if parameter.name == argument and argument in _by_name([parameter]):
            return parameter
    return next((p for p in parameters if p.kind == p.VAR_KEYWORD), None)


def _check_type(parameter: Parameter, hints: Mapping[str, Any], value: Any, key: str) -> None:
    if parameter.name not in hints or parameter.kind == parameter.VAR_KEYWORD:
        return
    if value is None and parameter.default is None:  # `width: int = None` means "or null"
        return
    if isinstance(value, str) and isinstance(parameter.default, str):  # `activation: Callable = "relu"`
        return
    check_type(value, hints[parameter.name], key)


def check_type(value: Any, annotation: Any, key: str) -> None:
    """Raise `ConfigError` if `value` does not fit the type `annotation`."""
    if not fits(value, annotation):
        raise ConfigError(f"{key}: needs {wanted(annotation)}, got {_described(value, annotation, key)}")


_SWITCHES = ("yes", "no", "on", "off")
"""Texts that YAML 1.1 reads as true and false, and the command line does not, with quotes or without."""


def _described(value: Any, annotation: Any, key: str) -> str:
    """Return the value for a message, with a hint if it only has to be quoted or unquoted."""
    if isinstance(value, str) and value.lower() not in _SWITCHES and fits(plain_value(value), annotation):
        text = yaml_text(value)
        return f"the text {text!r}; leave out its quotes, or put ${{oc.decode:...}} around a variable"
    if isinstance(value, int | float) and fits("text", annotation):
        return f"""{yaml_text(value)}; a text that looks like a number is quoted, typed as '{key}="..."'"""
    if isinstance(value, str) and takes_function(annotation) and "." in value:
        return f"{value}; {_way_to_name(value, key)}"
    return yaml_text(value)


def _way_to_name(path: str, key: str) -> str:
    """Return what to type for the object of a class, or for a function, named where one is needed."""
    if inspect.isclass(locate(path, key)):
        return f"type {key}._target_={path}"
    return f"type '{key}={{_target_: hydra.utils.get_method, path: {path}}}'"


def _check_complete(parameters: list[Parameter], filled: set[str], name: str, key: str) -> None:
    for parameter in parameters:
        optional = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if not optional and parameter.default is parameter.empty and parameter.name not in filled:
            argument = f"{key}.{parameter.name}"
            raise ConfigError(f"{argument}: {name} needs this argument; type {argument}=...")
