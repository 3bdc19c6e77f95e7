"""What may be asked of a plot: size, axes, smoothing, one file or several."""

from __future__ import annotations

from dataclasses import dataclass

WIDTHS = {"column": 3.25, "text": 6.75}
"""Widths in inches of a column and of the text of a paper in two columns."""

NARROW = 2.6
"""Panels of a given width stand side by side if each has as many inches."""

WIDTH, HEIGHT = 4.6, 3.6
"""Size of a panel in inches if no width is given."""

MOST_COLUMNS = 3


@dataclass(frozen=True)
class PlotOptions:
    """How a plot is drawn."""

    smooth: float = 0.0
    """Weight of the moving average, 0 for none."""

    x: str = "step"
    """`step` or `epoch`: the x axis of curves."""

    log: str = ""
    """Logarithmic axes of curves: `x`, `y` or `xy`."""

    width: float | None = None
    """Width of the picture in inches."""

    split: bool = False
    """Whether each panel has a file of its own."""

    def columns(self, panels: int) -> int:
        """Return how many panels stand side by side."""
        most = MOST_COLUMNS if self.width is None else max(1, int(self.width / NARROW))
        return min(most, panels)

    def size(self, columns: int, lines: int) -> tuple[float, float]:
        """Return width and height of the picture in inches."""
        if self.width is None:
            return WIDTH * columns, HEIGHT * lines
        return self.width, self.width / columns * HEIGHT / WIDTH * lines
