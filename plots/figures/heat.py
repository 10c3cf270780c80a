"""Measurements over two columns, as maps: a panel a value of `panel`, the cells in the order of their columns' values.

`draw` takes: x, y (columns), value (a measure), panel, only, order, names, marked (a measure: cells where it is 1 or
more are left plain, the others hatched), marked_text and unmarked_text for the legend, middle (a value at which the
colours change sides, blue below and red above; without it they go from dark to light), columns, height, caption. Cells
without a value are white; infinite ones take the end of the colours."""
import math

import numpy as np
from matplotlib.colors import LogNorm, Normalize, TwoSlopeNorm
from matplotlib.patches import Patch

import style
from series import axis_label, caption, legend, legend_height, order_of, shown, strings

NAME = "heat"
OPTIONS = ("x", "y", "value", "panel", "only", "order", "names", "marked", "marked_text", "unmarked_text", "middle",
           "columns", "height", "caption", "limits")


def draw(run):
    run.require_options(OPTIONS)
    x, y = (run.require_column(run.option(k, "", str), "/draw/" + k) for k in ("x", "y"))
    panel = strings(run, "panel")
    for c in panel:
        run.require_column(c, "/draw/panel")
    only = run.option("only", {}, dict)
    rows = [r for r in run.rows if all(r[run.require_column(c, "/draw/only")] in [str(v) for v in values]
                                       for c, values in only.items())]
    value, marked = run.option("value", "", str), run.option("marked", "", str)
    for key, measure in (("value", value), ("marked", marked)):
        if measure and not any(r["measure"] == measure for r in rows):
            raise run.error("/draw/" + key, "there is no measure " + measure)
    panels = order_of(run, rows, lambda r: tuple(r[c] for c in panel))
    xs, ys = ({k: i for i, k in enumerate(sorted({r[c] for r in rows if r[c] != ""}, key=float))} for c in (x, y))

    def cells(at, measure):
        out = np.full((len(ys), len(xs)), math.nan)
        for r in rows:
            if r["measure"] == measure and tuple(r[c] for c in panel) == at and r["value"] != "":
                out[ys[r[y]], xs[r[x]]] = run.number(r, "value")
        return out

    maps = [cells(at, value) for at in panels]
    norm, cmap = _colours(run, np.concatenate([m.ravel() for m in maps]), value)
    columns = min(int(run.option("columns", 3)), len(panels))
    width = style.TWO_COLUMNS if len(panels) > 1 else 4.6
    texts = [t for t in (run.option("marked_text", "", str), run.option("unmarked_text", "", str)) if t] if marked else []
    figure, grid = style.grid(width, float(run.option("height", 1.5)), caption(run), -(-len(panels) // columns), columns,
                              len(panels), right=0.75, between=0.2, between_rows=0.32,
                              top=legend_height(texts, width) + (0.17 if panel else 0.05))
    for i, (axes, at, values) in enumerate(zip(grid, panels, maps)):
        image = axes.pcolormesh(np.arange(len(xs) + 1), np.arange(len(ys) + 1), np.ma.masked_invalid(values), cmap=cmap,
                                norm=norm, rasterized=True, gid="map")
        if marked:
            _hatch(axes, cells(at, marked))
        for axis, places, column in ((axes.xaxis, xs, x), (axes.yaxis, ys, y)):
            step = -(-len(places) // 7)
            axis.set_ticks([k + 0.5 for k in range(0, len(places), step)],
                           ["%.3g" % float(t) for t in list(places)[::step]])
        axes.set(xlim=(0, len(xs)), ylim=(0, len(ys)))
        last = i + columns >= len(panels)
        axes.tick_params(labelbottom=last, labelleft=i % columns == 0, length=2)
        if last:
            axes.set_xlabel(axis_label(run, x))
        if i % columns == 0:
            axes.set_ylabel(axis_label(run, y))
        if panel:
            axes.text(0, 1.03, ", ".join(shown(run, v, c) for c, v in zip(panel, at)), transform=axes.transAxes, ha="left", va="bottom",
                      fontsize=7, gid="panel")
    box = grid[min(columns, len(panels)) - 1].get_position()
    bottom = grid[-1].get_position().y0
    bar = figure.colorbar(image, cax=figure.add_axes([1 - 0.66 / width, bottom, 0.1 / width, box.y1 - bottom]),
                          extend="neither")
    bar.set_label(axis_label(run, value), fontsize=6.5)
    bar.outline.set_linewidth(0.6)
    bar.ax.tick_params(length=2)
    if texts:
        patches = [Patch(facecolor="#DDDDDD", edgecolor="#404040", linewidth=0.4),
                   Patch(facecolor="#DDDDDD", edgecolor="#404040", linewidth=0.4, hatch="////")][:len(texts)]
        legend(figure, patches, texts, width)
    return figure


def _colours(run, values, measure):
    finite = values[np.isfinite(values)]
    scale, middle, limits = (run.axes.get(measure) or {}).get("scale"), run.option("middle"), run.option("limits")
    if scale == "log":
        finite = finite[finite > 0]
    if not finite.size:
        raise run.error("/draw/value", "no figure: %s has no finite value" % measure)
    low, high = limits if limits else (finite.min(), finite.max())
    if scale == "log":
        if middle:  # as far below as above
            reach = max(middle / low, high / middle, 1.0001)
            return LogNorm(middle / reach, middle * reach, clip=True), "RdBu_r"
        return LogNorm(low, max(high, low * 1.0001), clip=True), "cividis"
    if middle is not None:
        return TwoSlopeNorm(middle, min(low, middle - 1e-9), max(high, middle + 1e-9)), "RdBu_r"
    return Normalize(low, high if high > low else low + 1, clip=True), "cividis"


def _hatch(axes, holds):
    for j, i in np.argwhere(holds < 1):
        axes.add_patch(_cell(i, j))


def _cell(i, j):
    from matplotlib.patches import Rectangle
    return Rectangle((i, j), 1, 1, fill=False, hatch="////", edgecolor="#404040", linewidth=0, gid="fails")
