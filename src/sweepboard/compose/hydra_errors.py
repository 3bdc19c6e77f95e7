"""Translate errors of Hydra and OmegaConf to one line that names the key and says what to type instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

import yaml
from hydra.errors import (
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    GrammarParseError,
    InterpolationKeyError,
    InterpolationResolutionError,
    InterpolationToMissingValueError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    UnsupportedInterpolationType,
    ValidationError,
)

from sweepboard.compat.hydra import message_of, whole_config
from sweepboard.compose.broken_plugin import broken_plugin
from sweepboard.compose.override_grammar import why_unreadable
from sweepboard.compose.type_checks import wanted
from sweepboard.compose.validate import did_you_mean_key, unknown_key
from sweepboard.errors import ConfigError, UserError, reason
from sweepboard.files import read_text
from sweepboard.formatting import yaml_text
from sweepboard.names import flatten
from sweepboard.settings import GROUPS, NAMED_GROUPS, OPEN_GROUPS, PROGRAM, settings

OWN_GROUPS = (*GROUPS, "experiment")
"""The config groups of a run."""


def explain(error: Exception, overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()) -> Exception:
    """Return a `ConfigError` for an error raised during composition, or `error` itself if it is a bug.

    `overrides` are as typed, and `config_dirs` are the user's own folders of YAML.
    """
    if isinstance(error, UserError):
        return error
    if message := broken_plugin(error):
        return ConfigError(message)
    if isinstance(error, OverrideParseException):
        return ConfigError(why_unreadable(str(error.override)))
    if isinstance(error, MissingConfigException):
        return ConfigError(_missing_option(error, overrides, config_dirs))
    if isinstance(error, yaml.MarkedYAMLError):
        return ConfigError(_bad_yaml(error))
    if isinstance(error, UnicodeDecodeError):
        return ConfigError(f"{_file_not_utf8(config_dirs)} is not UTF-8 text")
    if isinstance(error, RuntimeError | ImportError) and (message := _missing_plugin(error)):
        return ConfigError(message)
    if _NULL_PLUGIN.search(str(error)):
        return ConfigError("hydra.sweeper, hydra.launcher: cannot be null; choose hydra/launcher=local")
    if isinstance(error, HydraException | OmegaConfBaseException | ValueError):
        return _composition(error, overrides, config_dirs)
    return error


def explain_value(error: OmegaConfBaseException) -> ConfigError:
    """Return a `ConfigError` for an error of OmegaConf, which knows the key."""
    key, text = error.full_key or "", _first_line(error)
    if text == "list index out of range":
        whole = key.rpartition("[")[0]
        return ConfigError(f"{key}: the list ends before; type '{whole}=extend_list(...)' to add to it")
    if isinstance(error, InterpolationToMissingValueError):
        return missing_value(text.rpartition(" ")[2])
    if isinstance(error, MissingMandatoryValue):
        return missing_value(key)
    if isinstance(error, ConfigAttributeError | ConfigKeyError):
        return unknown_key(key, _own_keys(error))
    if isinstance(error, InterpolationKeyError):
        return _unknown_interpolation_key(key, text)
    if isinstance(error, UnsupportedInterpolationType):
        name = text.rpartition(" ")[2]
        return ConfigError(
            f"{key}: there is no resolver ${{{name}:...}}; "
            "name the module that registers it: imports=[my_module]"
        )
    if isinstance(error, InterpolationResolutionError | GrammarParseError):
        return _unresolved(key, text)
    if isinstance(error, ValidationError):
        return _wrong_type(key, text)
    return ConfigError(f"{key}: {text}" if key else text)


def _own_keys(error: OmegaConfBaseException) -> list[str]:
    """Return the keys of the configuration if it is that of a training function of the user's own."""
    config = whole_config(error)
    return [key for key, _ in flatten(config)] if PROGRAM in config else []


def missing_value(key: str) -> ConfigError:
    """Return the error for a value that is still `???`."""
    return ConfigError(f"{key}: a value is needed; type {key}=...")


def _first_line(error: Exception) -> str:
    return message_of(error).partition("\n")[0].strip()


def _unknown_interpolation_key(key: str, text: str) -> ConfigError:
    # "Interpolation key 'optimizer.lrr' not found"
    found = re.search(r"'(.+)'", text)
    name = found.group(1) if found else text
    return ConfigError(f"{key}: ${{{name}}} refers to nothing{did_you_mean_key(name)}")


def _unresolved(key: str, text: str) -> ConfigError:
    converted = re.search(r"Value '(.*)' of type 'str' could not be converted to ", text)
    if converted and key in settings():
        return ConfigError(f"{key}: needs {wanted(settings()[key].type)}, got {converted[1]}")
    variable = re.search(r"Environment variable '(.+)' not found", text)
    if variable:
        return ConfigError(f"{key}: environment variable {variable.group(1)} is not set")
    reason = text.partition("raised while resolving interpolation: ")[2] or text
    return ConfigError(f"{key}: cannot be resolved: {reason}")


def _wrong_type(key: str, text: str) -> ConfigError:
    types = {key: setting.type for key, setting in settings().items()}
    below = [name for name in types if name.startswith(f"{key}.")]
    if below:
        return ConfigError(f"{key}: holds several settings; give one of them a value, such as {below[0]}")
    if key not in types:
        return ConfigError(
            f"{key}: cannot be null; give it a value" if "is not Optional" in text else f"{key}: {text}"
        )
    if "is not Optional" in text:
        return ConfigError(f"{key}: needs {wanted(types[key])}, got null")
    value = re.search(r"(?:Value|to string:) '(.*?)'(?: of type| is not|$)", text)
    got = f", got {value.group(1)}" if value else ""
    return ConfigError(f"{key}: needs {wanted(types[key])}{got}")


def _missing_option(
    error: MissingConfigException, overrides: Sequence[str], config_dirs: Sequence[Path]
) -> str:
    path = error.missing_cfg_file or ""
    group, _, option = path.rpartition("/")
    if not group:
        return f"there is no configuration {path}.yaml"
    options = error.options or group_options(group, config_dirs)
    typed = any(override.lstrip("+") == f"{group}={option}" for override in overrides)
    file = "" if typed else _file_of(error)
    return f"{file}{group}={option}: there is no such option; {_choices(group, option, options)}"


PLUGINS = {
    "submitit_local": "hydra-submitit-launcher",
    "submitit_slurm": "hydra-submitit-launcher",
    "joblib": "hydra-joblib-launcher",
    "ray_aws": "hydra-ray-launcher",
    "rq": "hydra-rq-launcher",
    "ax": "hydra-ax-sweeper",
    "nevergrad": "hydra-nevergrad-sweeper",
    "colorlog": "hydra-colorlog",
}
"""Options of Hydra's own plug-ins, each with the package that provides it."""


_NULL_PLUGIN = re.compile(r"^Hydra sweeper is not configured|^Input cfg is not an OmegaConf config object")
"""What Hydra says where its sweeper or its launcher is null."""


def _missing_plugin(error: Exception) -> str | None:
    found = re.search(r"(?:Unknown plugin class : |Invalid plugin )'(.+?)'", str(error))
    name = found.group(1) if found else ""
    if not name:
        return None
    return f"hydra: {missing_class(name)}"


def missing_class(name: str) -> str:
    """Return what to say of the class of a plug-in that is not installed."""
    module = name.partition("hydra_plugins.")[2].partition(".")[0]
    package = next((each for each in PLUGINS.values() if each.replace("-", "_") == module), None)
    hint = (
        f"pip install {package}" if package else "type hydra/sweeper=optuna, hydra/launcher=basic or the like"
    )
    return f"the plug-in {name} is not installed; {hint}"


def _failed_hydra_part(error: Exception) -> str | None:
    """Return a message if Hydra could not build a part of its own, such as a callback, else None.

    The last line of Hydra's error names the part.
    """
    found = re.search(r"^full_key: (\S+)", str(error), re.MULTILINE)
    if not isinstance(error, InstantiationException) or not found:
        return None
    return f"{found[1]}: cannot be built: {reason(error.__cause__ or error)}"


def _choices(group: str, option: str, options: Sequence[str]) -> str:
    if group in OPEN_GROUPS and "." in option:
        return f"for a class, type {group}._target_={option}"
    if group in NAMED_GROUPS and "." in option:
        return f"for a class, type +{group}.{option.rpartition('.')[2].lower()}._target_={option}"
    if group.startswith("hydra/") and option in PLUGINS:
        return f"pip install {PLUGINS[option]}, or choose from {', '.join(options)}"
    return f"choose from {', '.join(options)}" if options else f"the group {group} has no options"


def group_options(group: str, config_dirs: Sequence[Path] = ()) -> list[str]:
    """Return the options of a config group, both shipped ones and the user's."""
    folders = [Path(str(files("sweepboard.conf"))), *config_dirs]
    return sorted({path.stem for folder in folders for path in (folder / group).glob("*.yaml")})


def _file_of(error: Exception) -> str:
    """Return the start of a message: the YAML file that an error of Hydra names, or an empty text."""
    found = re.match(r"In '(.+?)': ", str(error))
    return f"{found.group(1)}.yaml: " if found and found.group(1) not in ("config", "hydra/config") else ""


def _bad_yaml(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"{mark.name}, line {mark.line + 1}: " if mark else ""
    problem = error.problem or error.context or ""
    if mark and _OF_A_TAB.search(problem) and _tab_before(mark):
        problem = "indented with a tab; type spaces"
    return f"{place}not valid YAML: {problem}"


_OF_A_TAB = re.compile("cannot start any token|tab character")
"""What the YAML parsers in Python and in C say of a tab; neither says what to type."""


def _tab_before(mark: yaml.Mark) -> bool:
    """Return whether a tab stands before the first word of the line that `mark` names."""
    path = Path(mark.name)
    lines = read_text(path, follow=True).splitlines() if path.is_file() else []
    line = lines[mark.line] if mark.line < len(lines) else ""
    return "\t" in line[: len(line) - len(line.lstrip())]


def _file_not_utf8(config_dirs: Sequence[Path]) -> str:
    for path in (path for folder in config_dirs for path in folder.rglob("*.yaml")):
        try:
            read_text(path, follow=True)
        except UnicodeDecodeError:
            return str(path)
        except OSError:  # a pipe or a folder, which is reported where it is used
            continue
    return "a YAML file"


def _composition(error: Exception, overrides: Sequence[str], config_dirs: Sequence[Path]) -> ConfigError:
    from sweepboard.compose.yaml_errors import explain_options  # only after a mistake

    if message := explain_options(error, overrides, config_dirs):
        return ConfigError(message)
    # Hydra's own text names the override. If OmegaConf raised the error, it is the cause of Hydra's error.
    behind = error if isinstance(error, OmegaConfBaseException) else error.__cause__ or error.__context__
    text = _first_line(error)
    if nameless := [word for word in overrides if word.startswith("=")]:
        return ConfigError(f"{nameless[0]}: an override is written key=value")
    if message := _failed_hydra_part(error):
        return ConfigError(message)
    if isinstance(behind, OmegaConfBaseException):
        return _bad_value(error, behind, overrides, config_dirs)
    for pattern, answer in _MESSAGES.items():
        found = re.search(pattern, text)
        if found:
            return ConfigError(_file_of(error) + answer(*found.groups()))
    for override in overrides if "must be a string or a list" in text else ():
        group, _, option = override.partition("=")
        if group in OWN_GROUPS and (option == "null" or not option.isidentifier()):
            choices = _choices(group, option, group_options(group, config_dirs))
            return ConfigError(f"{override}: there is no such option; {choices}")
        if not group:
            return ConfigError(f"{override}: an override is written key=value")
    return ConfigError(text.replace("'config': ", ""))


def _bad_value(
    error: Exception, behind: OmegaConfBaseException, overrides: Sequence[str], config_dirs: Sequence[Path]
) -> ConfigError:
    """Return the error for a value that OmegaConf refuses, with its file if it was not typed."""
    from sweepboard.compose.yaml_errors import place_of_value

    key = str(behind.full_key or "")
    if "does not support deletion" in str(behind):
        return ConfigError(f"~{key}: a setting cannot be deleted; give it another value")
    added = any(word.startswith(f"+{key}=") for word in overrides)
    if added and isinstance(behind, InterpolationToMissingValueError):  # Hydra looks at what is there first
        return ConfigError(f"+{key}: is there already; leave out the +")
    is_typed = any(word.lstrip("+~").startswith((f"{key}=", f"{key}.")) for word in overrides)
    where = "" if is_typed else place_of_value(error, key, config_dirs)
    return ConfigError(f"{where}{explain_value(behind)}")


_MESSAGES: dict[str, Callable[..., str]] = {
    r"^Ambiguous value for argument '(.+?)=(.+)'": lambda key, value: (
        f"{key}={value}: several values are a sweep, add -m; a list is written {key}=[{value}]"
    ),
    r"^Sweep parameters '(.+)' requires --multirun": lambda word: (
        f"{word}: several values are a sweep or a search; add -m"
    ),
    r"^Could not delete from config. '(.+)' does not exist": lambda key: (
        f"~{key}: there is nothing of that name to delete{did_you_mean_key(key)}"
    ),
    r"^Could not delete from config. The value of '(.+)' is (.*) and not (.*)\.$": lambda key, now, typed: (
        f"~{key}={typed}: its value is {yaml_text(now)}; type ~{key} to delete any"
    ),
    r"Could not override '(.+)'\. No match in the defaults list": lambda group: (
        f"override {group}: there is no such group{did_you_mean_key(group)}"
    ),
}
"""Messages of Hydra 1.3, each with the function that writes sweepboard's message."""
