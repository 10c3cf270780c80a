"""Densities in the plane: the arrays `density` and `target_density` on cells at `x`, `y` (each [ny][nx], or [nx] and
[ny]), a panel a job, colours in one scale, and the target's contours over each.

`draw` takes: target ("first": the target has a panel of its own, or "none"), names, columns, caption, measures (shown
under a panel's title)."""
import numpy as np
from matplotlib.ticker import MaxNLocator

import style
from series import caption, shown, strings

NAME = "plane"
OPTIONS = ("target", "names", "columns", "caption", "measures", "order")
NEGLIGIBLE = 1e-3  # of the highest value: what is below is not worth a place in the panel
CONTOURS = (0.1, 0.5, 0.9)  # of the target's highest value


def draw(run):
    run.require_options(OPTIONS)
    panels = [(_title(run, i), *_fields(run, i)) for i in range(len(run.jobs)) if run.has_files(i)]
    if not panels:
        raise run.error("/jobs", "no figure: no job has files (files = true in the experiment)")
    if run.option("target", "first", str) == "first":
        title, x, y, _, target = panels[0]
        panels.insert(0, ("target $p$", x, y, target, target))
    highest = max(law.max() for _, _, _, law, _ in panels)
    drawn = [(x[m], y[m]) for _, x, y, law, target in panels
             for m in [(law > NEGLIGIBLE * law.max()) | (target > NEGLIGIBLE * target.max())]]
    spans = [(min(v[k].min() for v in drawn), max(v[k].max() for v in drawn)) for k in (0, 1)]
    columns = min(int(run.option("columns", 4)), len(panels))
    left, right, between = 0.5, 0.72, 0.12
    each = (style.TWO_COLUMNS - left - right - between * (columns - 1)) / columns
    height = min(each * (spans[1][1] - spans[1][0]) / (spans[0][1] - spans[0][0]), 2.6)
    found = ["dashed: the target at %s of its highest value" % ", ".join("%g" % c for c in CONTOURS)]
    figure, grid = style.grid(style.TWO_COLUMNS, height, caption(run, found), -(-len(panels) // columns), columns,
                              len(panels), left=left, right=right, between=between, between_rows=0.4, top=0.4)
    for i, (axes, (title, x, y, law, target)) in enumerate(zip(grid, panels)):
        image = axes.pcolormesh(x, y, law, cmap="cividis", vmin=0, vmax=highest, shading="gouraud", rasterized=True,
                                gid="density")
        axes.set_facecolor(image.cmap(0.0))  # beyond the grid there is nothing
        axes.contour(x, y, target, levels=target.max() * np.array(CONTOURS), colors="white", linewidths=0.5,
                     linestyles="--")
        axes.set(xlim=spans[0], ylim=spans[1])
        axes.set_aspect("equal", adjustable="box")
        axes.set_title(title, fontsize=6.5, pad=3)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(4))
        style.label_plane(axes, i, columns, len(panels))
    figure.canvas.draw()  # settles where the equal scale puts the panels
    top, bottom = grid[0].get_position().y1, grid[-1].get_position().y0
    bar = figure.colorbar(image, cax=figure.add_axes([1 - 0.62 / style.TWO_COLUMNS, bottom, 0.1 / style.TWO_COLUMNS,
                                                      top - bottom]))
    bar.set_label("density (dimensionless)", fontsize=6.5)
    bar.outline.set_linewidth(0.6)
    return figure


def _title(run, i):
    values = run.jobs[i].get("vary") or {}
    text = ", ".join(shown(run, v, c) for c, v in values.items())
    numbers = []
    for measure in strings(run, "measures"):
        same = [r for r in run.rows if r["measure"] == measure and all(r[c] == v for c, v in values.items())]
        if same and same[0]["value"] != "":
            numbers.append("%s %.3g" % (shown(run, measure), run.number(same[0], "value")))
    return "\n".join(t for t in (text, ", ".join(numbers)) if t)


def _fields(run, i):
    law, target = run.array(i, "density", [2]), run.array(i, "target_density", [2])
    x, y = run.array(i, "x", [1, 2]), run.array(i, "y", [1, 2])
    if law.shape != target.shape or min(law.shape) < 2 or not (law.max() > 0 and target.max() > 0):
        raise run.error("/jobs/%d: density" % i, "must be a density of the target's shape")
    x = np.broadcast_to(x, law.shape) if x.ndim == 1 else x
    y = np.broadcast_to(y[:, None], law.shape) if y.ndim == 1 else y
    if x.shape != law.shape or y.shape != law.shape:
        raise run.error("/jobs/%d: x" % i, "does not fit the density")
    return x, y, law, target
