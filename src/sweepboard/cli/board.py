"""`sweepboard board [DIR]`: TensorBoard on this machine's loopback address."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
from ipaddress import ip_address
from pathlib import Path

from sweepboard.cli.chosen_run import chosen
from sweepboard.cli.verb_parser import VerbParser
from sweepboard.errors import UserError
from sweepboard.formatting import printable
from sweepboard.import_path import python
from sweepboard.runs.folder import RunFolder

FIRST_PORT = 6006


EVERYONE = "0.0.0.0"
KEPT = {"images": 1000, "scalars": 5000}
"""Pictures and points per tag that TensorBoard loads.

If there are more, it shows a random sample, which may lack the best point. Its defaults are 10 and 1000.
"""


def main(arguments: list[str]) -> int:
    """Serve until Ctrl-C."""
    own, rest = _split(arguments)
    options = _parser().parse_intermixed_args(own)
    given, rest = _given().parse_known_args(rest)
    folder = log_directory(Path(chosen(options.folder, sweeps=True)))
    host = EVERYONE if given.bind_all else given.host or options.host
    asked = options.port if given.port is None else given.port
    port = free_port(host) if asked is None else usable_port(host, asked)
    print(f"TensorBoard of {printable(folder)}: {address(host, port, given.path_prefix)}  (Ctrl-C stops it)")
    if not is_loopback(host):
        print("It has no login: anyone who reaches that address can read these runs.")
    sys.stdout.flush()
    flags = ["--logdir", str(folder), "--port", str(port), "--path_prefix", given.path_prefix]
    flags += ["--bind_all"] if given.bind_all else ["--host", host]
    flags += ["--samples_per_plugin", _samples(given.samples_per_plugin), *rest]
    # TensorBoard replaces this process, so that stopping one stops the other.
    start = python(f"from sweepboard.cli.board_server import main; main({str(folder)!r}, {flags!r})")
    os.execv(start[0], start)


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return our own arguments, and those after `--`."""
    here = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:here], arguments[here + 1 :]


def _samples(given: str) -> str:
    """Return TensorBoard's `--samples_per_plugin`: the `given` values, and `KEPT` for others."""
    kinds = [kind for kind in given.split(",") if kind]
    named = {kind.partition("=")[0].strip() for kind in kinds}
    return ",".join([*kinds, *(f"{kind}={many}" for kind, many in KEPT.items() if kind not in named)])


def _parser() -> argparse.ArgumentParser:
    usage = "sweepboard board [DIR] [--host HOST] [--port PORT] [-- TENSORBOARD'S OWN OPTIONS]"
    parser = VerbParser(prog="sweepboard board", description=__doc__, usage=usage)
    add = parser.add_argument
    add("folder", metavar="DIR", nargs="?", default="outputs", help="runs to show (default: outputs)")
    add("--host", default="127.0.0.1", help="address to listen on (default: only this machine)")
    add("--port", type=int, help=f"port (default: {FIRST_PORT} or the next free one)")
    return parser


def _given() -> argparse.ArgumentParser:
    """Return a parser for TensorBoard options that affect what is printed, or have other defaults here."""
    parser = VerbParser(prog="sweepboard board --", add_help=False)
    parser.add_argument("--host")
    parser.add_argument("--port", type=lambda text: None if text == "default" else int(text))
    parser.add_argument("--bind_all", action="store_true")
    parser.add_argument("--path_prefix", default="")
    parser.add_argument("--samples_per_plugin", default="")
    return parser


def address(host: str, port: int, prefix: str = "") -> str:
    """Return the address for a browser; a server on all interfaces is reached by the host's name."""
    name = socket.gethostname() if host in (EVERYONE, "::") else host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}{prefix.rstrip('/')}/"


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached only from this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def log_directory(folder: Path) -> Path:
    """Return the folder to serve: for a single run its parent.

    If the run's own folder were the log directory, TensorBoard's HParams table would have no metrics.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder; train a run first, or give the folder that holds your runs"
        )
    return folder.resolve().parent if RunFolder(folder).record.is_file() else folder


def usable_port(host: str, asked: int) -> int:
    """Return the port `asked`. Raise `UserError` if nothing can listen on it."""
    if not 0 < asked < 1 << 16:
        raise UserError(f"--port {asked}: a port is a number from 1 to 65535")
    if not _is_free(host, asked):
        raise UserError(f"--port {asked}: another program listens there; leave it out for the next free port")
    return asked


def free_port(host: str, first: int = FIRST_PORT, tries: int = 100) -> int:
    """Return the first free port from `first` on.

    Raise `UserError` if all are taken, or if `host` is not an address of this machine.
    """
    for port in range(first, first + tries):
        if _is_free(host, port):
            return port
    raise UserError(f"ports {first} to {first + tries - 1} of {host} are all taken: give another with --port")


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise UserError(f"--host {host}: {error.strerror}; give an address of this machine") from error
    return True
