"""TensorBoard that opens on what matters: the process that `sweepboard board` becomes.

The front page leads to the address with pinned charts, colours and no smoothing, as it is for the runs of
that moment; the columns of the HParams table are in order. All else is TensorBoard's own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import app
from tensorboard import default, main_lib, program
from tensorboard.plugins import base_plugin
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from sweepboard.analysis.board_view import in_order, query, shown_runs

if TYPE_CHECKING:
    from argparse import Namespace

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

EXPERIMENT = "/data/plugin/hparams/experiment"
SESSION_GROUPS = "/data/plugin/hparams/session_groups"

EVERY_ROW = {
    "experimentName": "",
    "startIndex": 0,
    "sliceSize": 10_000,
    "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"],
}


def main(logdir: str, flags: Sequence[str]) -> None:
    """Serve until stopped."""
    main_lib.global_init()
    server = partial(_server, Path(logdir))
    board = program.TensorBoard(plugins=default.get_plugins(), server_class=server)
    try:
        app.run(board.main, argv=["tensorboard", *flags], flags_parser=board.configure)
    except base_plugin.FlagsError as error:
        sys.exit(f"Error: {error}")


def _server(logdir: Path, tensorboard: WSGIApplication, flags: Namespace) -> Any:
    board = Board(tensorboard, logdir, flags.path_prefix)
    return program.create_port_scanning_werkzeug_server(board, flags)


class Board:
    """The application `tensorboard` on the runs in `logdir`, with another front page and ordered columns."""

    def __init__(self, tensorboard: WSGIApplication, logdir: Path, prefix: str = "") -> None:
        self._tensorboard, self._logdir = tensorboard, logdir
        self._front = f"{prefix.rstrip('/')}/"

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, asked = environ["PATH_INFO"], environ.get("QUERY_STRING")
        if path == self._front and not asked:
            start_response("302 Found", [("Location", f"?{query(shown_runs(self._logdir))}")])
            return []
        if path.endswith(EXPERIMENT):
            return self._experiment(environ)(environ, start_response)
        return self._tensorboard(environ, start_response)

    def _experiment(self, environ: WSGIEnvironment) -> Response:
        """Return the description of the HParams table, its columns in order."""
        answer = self._answer(environ)
        if answer.status_code == 200:
            columns = json.loads(answer.data)
            answer.data = json.dumps(in_order(columns, self._rows(environ), shown_runs(self._logdir)))
        return answer

    def _rows(self, environ: WSGIEnvironment) -> list[Any]:
        path = environ["PATH_INFO"].removesuffix(EXPERIMENT) + SESSION_GROUPS
        answer = self._answer(EnvironBuilder(path, method="POST", json=EVERY_ROW).get_environ())
        rows: list[Any] = (
            json.loads(answer.data).get("sessionGroups", []) if answer.status_code == 200 else []
        )
        return rows

    def _answer(self, environ: WSGIEnvironment) -> Response:
        plain = {**environ, "HTTP_ACCEPT_ENCODING": ""}
        return Response.from_app(self._tensorboard, plain, buffered=True)
