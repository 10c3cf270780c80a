"""The stationary law of `lml stationary` beside the target, two dimensions: `density` and `target_density` [ny][nx] at
the centres of cells, whose places `x` and `y` are [nx] and [ny], or [ny][nx] each where the axes are turned."""
import numpy as np
from matplotlib.ticker import MaxNLocator

import style
from figures.law_on_line import divergences

NAME = "stationary"
NEGLIGIBLE = 1e-3  # as on the line
CONTOURS = (0.1, 0.5, 0.9)  # of the target's highest value


def fits(result):
    of_the_command = result.command == "stationary" if result.command else "target_moments" in result.document
    return of_the_command and "y" in result.document


def _and(fractions):
    texts = ["%g" % f for f in fractions]
    return ", ".join(texts[:-1]) + " and " + texts[-1]


def draw(result):
    law, target = result.array("density", [2], at_least=0), result.array("target_density", [2], at_least=0)
    x, y = result.array("x", [1, 2]), result.array("y", [1, 2])
    error = result.number("error_estimate", at_least=0)
    if min(law.shape) < 2:
        raise result.error("/density", "must have two cells or more along each axis")
    if target.shape != law.shape:
        raise result.error("/target_density", "has the shape %s, the law %s" % (list(target.shape), list(law.shape)))
    for key, values, along in (("x", x, law.shape[1]), ("y", y, law.shape[0])):
        if values.shape not in ((along,), law.shape):
            raise result.error("/" + key, "has the shape %s for densities %s" % (list(values.shape), list(law.shape)))
    if x.ndim == 1:
        x = np.broadcast_to(x, law.shape)
    if y.ndim == 1:
        y = np.broadcast_to(y[:, None], law.shape)
    highest = max(law.max(), target.max())
    if not min(law.max(), target.max()) > 0:
        raise result.error("/density" if not law.max() > 0 else "/target_density", "is 0 everywhere")

    drawn = (law > NEGLIGIBLE * law.max()) | (target > NEGLIGIBLE * target.max())
    spans = [(v[drawn].min(), v[drawn].max()) for v in (x, y)]
    wide, tall = (b - a if b > a else 1.0 for a, b in spans)
    left, right, between = 0.56, 0.75, 0.32
    each = (style.TWO_COLUMNS - left - right - between) / 2
    # Both axes in one scale; a law much longer than wide gets blank sides rather than a page of its own.
    height = min(max(each * tall / wide, 1.2), 3.6)
    contours = "dashed: p at %s of its highest value" % _and(CONTOURS)
    caption = style.provenance(result, divergences(result, error) + [contours])
    figure, panels = style.canvas(style.TWO_COLUMNS, height, caption, 2, left=left, right=right, top=0.25,
                                  between=between)
    for axes, values, name in zip(panels, (law, target), ("stationary law $q$", "target $p$")):
        image = axes.pcolormesh(x, y, values, cmap="cividis", vmin=0, vmax=highest, shading="gouraud", rasterized=True,
                                gid=name.split()[0])
        axes.set_facecolor(image.cmap(0.0))  # beyond the grid there is nothing
        axes.contour(x, y, target, levels=target.max() * np.array(CONTOURS), colors="white", linewidths=0.6,
                     linestyles="--")
        axes.set(xlim=spans[0], ylim=spans[1], xlabel="$x_1$ (dimensionless)")
        axes.set_title(name, fontsize=7.5, pad=3)
        axes.set_aspect("equal", adjustable="box")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5))
    panels[0].set_ylabel("$x_2$ (dimensionless)")
    panels[1].tick_params(labelleft=False)
    figure.canvas.draw()  # settles where the equal scale puts the panels
    beside = panels[1].get_position()
    bar = figure.colorbar(image, cax=figure.add_axes([beside.x1 + 0.012, beside.y0, 0.012, beside.height]))
    bar.set_label("density (dimensionless)", fontsize=6.5)
    bar.outline.set_linewidth(0.6)
    return figure
