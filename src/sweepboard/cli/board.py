"""`sweepboard board [DIR]`: TensorBoard on this machine's loopback address."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

from sweepboard.errors import UserError
from sweepboard.lifecycle.folder import RunFolder

FIRST_PORT = 6006


def main(arguments: list[str]) -> int:
    """Serve until Ctrl-C."""
    options = _parser().parse_args(arguments)
    folder = log_directory(Path(options.folder))
    port = options.port if options.port is not None else free_port(options.host)
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder)]
    command += ["--host", options.host, "--port", str(port), *options.rest]
    print(f"TensorBoard of {folder}: http://{options.host}:{port}/  (Ctrl-C stops it)", flush=True)
    if options.host not in ("localhost", "127.0.0.1", "::1"):
        print("It has no login: anyone who reaches that address can read these runs.", flush=True)
    # TensorBoard takes this process over, so that whatever stops the one stops the other.
    os.execv(sys.executable, command)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sweepboard board", description=__doc__)
    parser.add_argument("folder", nargs="?", default="outputs", help="runs to show (default: outputs)")
    parser.add_argument("--port", type=int, help=f"port (default: {FIRST_PORT} or the next free one)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: only this machine)"
    )
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="further arguments for TensorBoard, after --")
    return parser


def log_directory(folder: Path) -> Path:
    """The folder to serve: for a single run its parent.

    TensorBoard's HParams table of a run that is the log directory itself has no metrics.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder; train a run first, or give the folder that holds your runs"
        )
    return folder.resolve().parent if RunFolder(folder).record.is_file() else folder


def free_port(host: str, first: int = FIRST_PORT, tries: int = 100) -> int:
    """The first port from `first` on that nothing listens on. Raises `UserError` where all are taken."""
    for port in range(first, first + tries):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise UserError(f"ports {first} to {first + tries - 1} of {host} are all taken: give another with --port")
