"""What every figure keeps to, so that it can be read in print, and by people who see no colours."""

from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.lines import Line2D
from matplotlib.text import Text

from strongltn.figures.style import MIN_POINTS, PAGE_INCHES


def violations(figure):
    """Return what is wrong with a figure; it is drawn for this."""
    figure.canvas.draw()
    return [*_of_sizes(figure), *_of_places(figure), *_of_axes(figure)]


def _of_sizes(figure):
    if figure.get_size_inches()[0] > PAGE_INCHES:
        yield f"{figure.get_size_inches()[0]} inches wide"
    for text in _texts(figure):
        if text.get_fontsize() < MIN_POINTS:
            yield f"{text.get_fontsize()} points: {text.get_text()!r}"


def _texts(figure):
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def _of_places(figure):
    """Yield what lies over something else, or beyond the figure."""
    renderer = figure.canvas.get_renderer()
    whole = figure.bbox.padded(2)
    boxes = {f"axes {k}": one.get_tightbbox(renderer) for k, one in enumerate(figure.axes)}
    boxes |= {f"legend {k}": one.get_window_extent() for k, one in enumerate(figure.legends)}
    boxes |= {repr(one.get_text()[:20]): one.get_window_extent() for one in figure.texts}
    names = list(boxes)
    for k, name in enumerate(names):
        box = boxes[name]
        if not (whole.x0 <= box.x0 and whole.y0 <= box.y0 and box.x1 <= whole.x1):
            yield f"{name} is beyond the figure"
        for other in names[k + 1 :]:
            if box.padded(-1).overlaps(boxes[other].padded(-1)):
                yield f"{name} lies over {other}"


def _of_axes(figure):
    for k, axes in enumerate(figure.axes):
        if axes.axison and not (axes.get_xlabel() and axes.get_ylabel()):
            yield f"axes {k} without a label"
        looks = {}
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            look = _look(handle)
            if look is not None and looks.setdefault(look, label) != label:
                yield f"axes {k}: only colours tell {label!r} and {looks[look]!r} apart"


def _look(handle):
    """Return what a grey copy shows of a curve, of points or of bars."""
    if isinstance(handle, BarContainer):
        if not handle.patches:
            return None
        patch = handle.patches[0]
        return "bar", patch.get_hatch(), patch.get_facecolor()[:3] == (1, 1, 1)
    if isinstance(handle, ErrorbarContainer):
        handle = handle.lines[0]
    if not isinstance(handle, Line2D):
        return type(handle).__name__
    marker, dashes = handle.get_marker(), handle._unscaled_dash_pattern
    is_empty = handle.get_markerfacecolor() in ("none", "white")
    has_line = handle.get_linestyle() not in ("None", "none", "")
    return str(marker), str(dashes) if has_line else "no line", is_empty
