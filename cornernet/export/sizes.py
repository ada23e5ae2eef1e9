"""The size of the images that go into an exported file: one, or all that the network takes."""

from collections.abc import Sequence
from typing import Any

from torch.export import Dim, ExportedProgram

from cornernet.ops.corner_pool import CELLS
from cornernet.prediction import Fits, FixedCanvas, OpenCanvas

MOST = CELLS  # pixels of a side; a map has no more cells


def canvas_of(detector: Fits, size: Sequence[int] | str) -> FixedCanvas | OpenCanvas:
    """(height, width) or DYNAMIC -> the canvases of a file; raises ValueError as what makes them does."""
    return open_canvas(detector) if isinstance(size, str) else FixedCanvas(check_size(detector, size))


def check_size(detector: Fits, size: Sequence[int]) -> tuple[int, int]:
    """(height, width) if the detector takes such a canvas; raises ValueError naming the nearest that it takes."""
    height, width = size
    if min(size) >= 1 and detector.fit_size(height, width) == (height, width):
        return height, width
    nearest = [_near(n, lambda m, i=i: detector.fit_size(m, m)[i]) for i, n in enumerate(size)]
    raise ValueError(
        f"size {height},{width} does not suit this network; nearest: height {' or '.join(map(str, nearest[0]))}, "
        f"width {' or '.join(map(str, nearest[1]))}"
    )


def _near(length: int, fitted) -> list[int]:
    """The lengths around one that a network takes, `fitted(n)` being the smallest that holds n."""
    below = next((n for n in range(length, 0, -1) if fitted(n) == n), None)
    return sorted({n for n in (below, fitted(max(length, 1))) if n})


def open_canvas(detector: Fits) -> OpenCanvas:
    """All canvases of a detector up to MOST; raises ValueError where they do not grow in equal steps.

    A side has two steps or more, since torch.export takes maps of one row or column to be cases of their own.
    """
    first = detector.fit_size(1, 1)
    second = detector.fit_size(first[0] + 1, first[1] + 1)
    sides = [_canvases(*side) for side in zip(first, second, strict=True)]
    found = OpenCanvas(*zip(*sides, strict=True))
    if any(found.fit_size(n, n) != detector.fit_size(n, n) for n in range(max(found.least), min(found.most) + 1)):
        raise ValueError("size=dynamic is for networks whose canvases grow in equal steps: give one size as size=H,W")
    return found


def _canvases(first: int, second: int) -> tuple[int, int, int, int]:
    """The two smallest lengths of a side -> its part of an OpenCanvas."""
    multiple = second - first
    less = -first % multiple
    return multiple, less, max(first, 2 * multiple - less), (MOST + less) // multiple * multiple - less


def example(canvas: FixedCanvas | OpenCanvas) -> tuple[int, int]:
    """(height, width) on which a file is traced and run: of several the second, since a size of one cell is special."""
    if isinstance(canvas, FixedCanvas):
        return canvas.size
    return canvas.fit_size(canvas.least[0] + 1, canvas.least[1] + 1 + 2 * canvas.multiple[1])


def open_sides(canvas: FixedCanvas | OpenCanvas) -> dict[int, Any]:
    """Canvases -> what torch.export is told of the axes of images [B, 3, H, W] that are open among the last two."""
    if isinstance(canvas, FixedCanvas):
        return {}
    sides = zip(("rows", "columns"), *canvas, strict=True)
    return {2 + i: _axis(*side) for i, side in enumerate(sides)}


def traced(canvas: FixedCanvas | OpenCanvas, program: ExportedProgram) -> FixedCanvas | OpenCanvas:
    """Canvases that were asked for -> those of the program: the least may have grown, see `open_canvas`."""
    if isinstance(canvas, FixedCanvas):
        return canvas
    (images,) = [node for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
    low = {key: held.lower for key, held in program.range_constraints.items() if key.is_symbol}  # not expressions
    height, width = (int(side.node.expr.subs(low)) for side in images.meta["val"].shape[2:])
    return canvas._replace(least=(height, width))


def _axis(name: str, multiple: int, less: int, least: int, most: int) -> Any:
    steps = Dim(name, min=(least + less) // multiple, max=(most + less) // multiple)
    return multiple * steps - less if less else multiple * steps
