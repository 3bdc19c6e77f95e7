"""Tab completion: `eval "$(sweepboard -sc install=bash)"`, and the shell's queries."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from sweepboard.cli.command_line import parse
from sweepboard.cli.dispatch import VERBS, split_verb
from sweepboard.cli.flags import flag_parser
from sweepboard.compat.hydra import completions
from sweepboard.compat.python import flags_of
from sweepboard.compose.config_search import hydra_ready
from sweepboard.errors import ConfigError, UserError, did_you_mean
from sweepboard.runs.short_names import BEST, LAST, OUTPUTS, numbered
from sweepboard.sweeps.folder import SWEEPS

_BASH = r"""_sweepboard_complete() {
    local IFS=$'\n' typed="${COMP_LINE:0:COMP_POINT}"
    COMPREPLY=($(COMP_LINE="$typed" "${COMP_WORDS[0]}" -sc query=bash 2>/dev/null))
    typed="${typed##* }"
    # Bash replaces only what follows its last word break.
    if [[ "$typed" == *=* && "$COMP_WORDBREAKS" == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${typed%"${typed##*=}"}"}")
    fi
}
complete -o nospace -o default -F _sweepboard_complete sweepboard
"""
_ZSH = r"""(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
_sweepboard_complete() {
    local -a found
    found=("${(@f)$(COMP_LINE="${words[1,CURRENT]}" ${words[1]} -sc query=zsh 2>/dev/null)}")
    if [[ -n "$found" ]]; then compadd -S '' -a found; else _files; fi
}
compdef _sweepboard_complete sweepboard
"""
_FISH = r"""function _sweepboard_complete
    set -l found (env COMP_LINE=(commandline -cp | string collect) sweepboard -sc query=fish 2>/dev/null)
    if test -n "$found"
        string join -- \n $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c sweepboard -f -a '(_sweepboard_complete)'
"""
INSTALL = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
UNINSTALL = {
    "bash": "complete -r sweepboard; unset -f _sweepboard_complete\n",
    "zsh": "compdef -d sweepboard; unfunction _sweepboard_complete\n",
    "fish": "complete -e -c sweepboard; functions -e _sweepboard_complete\n",
}


THEN_OVERRIDES = ("resume", "rerun", "verify", "test")
"""Verbs that take a run and then overrides."""

SEVERAL = ("diff", "compare", "check", "rm")
"""Verbs that take several runs."""

RUN_VERBS = (*THEN_OVERRIDES, *SEVERAL, "show", "logs", "tag", "note", "export", "board", "doctor")


def complete(arguments: Sequence[str]) -> int:
    """Answer `-sc install=bash`, `-sc uninstall=bash` or `-sc query=bash`."""
    action, _, shell = (arguments[0] if len(arguments) == 1 else "").partition("=")
    if action not in ("install", "uninstall", "query"):
        raise ConfigError('-sc: type eval "$(sweepboard -sc install=bash)", or zsh, fish')
    if shell not in INSTALL:
        raise ConfigError(f"-sc {action}={shell}: there is no such shell{did_you_mean(shell, INSTALL)}")
    if action == "query":
        print("\n".join(candidates(os.environ.get("COMP_LINE", ""))))
    else:
        print((INSTALL if action == "install" else UNINSTALL)[shell], end="")
    return 0


def candidates(line: str) -> list[str]:
    """Return completions for the last word of the command `line`; none for a file or an invalid command."""
    *before, word = line.split(" ")[1:] or [""]
    before = [each for each in before if each]
    verb, rest = split_verb(before) if before else ("train", [])
    if word.startswith("-"):
        return sorted(flag for flag in flags_of(flag_parser()) if flag.startswith(word))
    verbs = [verb for verb in VERBS if verb.startswith(word)] if not before else []
    if rest[-1:] in (["-cd"], ["--config-dir"], ["-cp"], ["--config-path"]):
        return []
    if verb in RUN_VERBS and (verb in SEVERAL or not rest):
        return _runs(word)
    if verb not in ("train", "plan", *THEN_OVERRIDES):
        return []
    rest = rest[1:] if verb in THEN_OVERRIDES else rest
    try:
        return verbs + _overrides([word for word in rest if word != "--json"], word)
    except (UserError, HydraException, OmegaConfBaseException):
        return verbs  # the words before are invalid: the command itself reports why


def _runs(word: str) -> list[str]:
    """Return the short names of runs, the names of sweeps, and the folders of runs, the newest first."""
    sweeps = [sweep.name for sweep in sorted(OUTPUTS.glob(f"{SWEEPS}/*"))]
    short = [LAST, BEST, *sweeps] if OUTPUTS.is_dir() else []
    folders = [str(each.folder) for each in reversed(numbered())]
    return [name for name in (*short, *folders) if name.startswith(word)]


def _overrides(before: list[str], word: str) -> list[str]:
    request = parse(before)
    with hydra_ready(request.config_dirs) as hydra:
        line = " ".join(["-m", *request.overrides, word])
        return completions(hydra, request.config_name, line)
