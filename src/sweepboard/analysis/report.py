"""A report: one HTML file with all of a comparison, that needs no network and no other file.

What comes from run folders is in the page as JSON alone, and the page's own script makes text of it, never
HTML. The content security policy of the page forbids everything but its own scripts and styles.
"""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from sweepboard.analysis.compare import Comparison
from sweepboard.analysis.report_data import report_data
from sweepboard.files import as_json
from sweepboard.version import __version__

_SCRIPTS = (
    "uPlot.iife.min.js",
    "format.js",
    "table.js",
    "curves.js",
    "swept.js",
    "parallel.js",
    "runs.js",
    "main.js",
)
_STYLES = ("uPlot.min.css", "report.css")
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_NOT_PLAIN = re.compile(r"[^ -%'-;=?-~]")
"""What is no printable ASCII, and `&`, `<`, `>`."""


def report(
    comparison: Comparison, title: str, command: str, importances: Mapping[str, Mapping[str, float]]
) -> str:
    """Return the page; `importances` of swept keys are by objective, for folders in which a search ran."""
    data = report_data(comparison) | {
        "title": title,
        "command": command,
        "importances": importances,
        "made": time.time(),
        "version": __version__,
    }
    parts = {
        "title": html.escape(title),
        "styles": "\n".join(map(_file, _STYLES)),
        "scripts": "\n".join(map(_file, _SCRIPTS)),
        "licence": html.escape(_file("uPlot.LICENSE")),
        "data": _script_json(data),
    }
    return _PLACE.sub(lambda found: parts[found[1]], _file("page.html"))


def _file(name: str) -> str:
    return (files("sweepboard.analysis") / "report_page" / name).read_text(encoding="utf-8")


def _script_json(value: Any) -> str:
    r"""Return JSON for the inside of a script element: ASCII, and `</script>` is `\u003c/script>`."""
    return _NOT_PLAIN.sub(lambda found: _escaped(found[0]), as_json(value, indent=None))


def _escaped(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) < 2**16 else json.dumps(letter)[1:-1]
