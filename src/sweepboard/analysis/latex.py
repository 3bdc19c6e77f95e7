"""A table in LaTeX, with the rules of booktabs."""

from __future__ import annotations

from collections.abc import Sequence

from sweepboard.formatting import printable

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "±": r"$\pm$",
}  # fmt: skip


def latex(headers: Sequence[str], rows: Sequence[Sequence[str]], best: int | None = None) -> str:
    """Return a tabular for `\\usepackage{booktabs}`; row `best` is bold, and columns of numbers are right."""
    columns = "".join(map(_alignment, zip(*rows, strict=True))) or "l" * len(headers)
    lines = [_line(row, bold=number == best) for number, row in enumerate(rows)]
    return "\n".join(
        [
            "% \\usepackage{booktabs}",
            f"\\begin{{tabular}}{{{columns}}}",
            "\\toprule",
            _line(headers),
            "\\midrule",
            *lines,
            "\\bottomrule",
            "\\end{tabular}",
        ]
    )


def _line(cells: Sequence[str], bold: bool = False) -> str:
    texts = [_escaped(cell) for cell in cells]
    return " & ".join(f"\\textbf{{{text}}}" if bold and text else text for text in texts) + r" \\"


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(letter, letter) for letter in printable(text))


def _alignment(cells: Sequence[str]) -> str:
    known = [cell for cell in cells if cell]
    return "r" if known and all(cell.strip()[0].isdigit() or cell[0] in "-n" for cell in known) else "l"
