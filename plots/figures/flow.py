"""The density and the flow of the score in the plane: `log_density` [n] and `score` [n][2] at the points `at` of the
spec, which must make a grid; a panel a job. Data points of the target stand as dots.

`draw` takes: names, columns, depth (how far below the highest log density the colours reach), caption."""
import numpy as np

import style
from series import caption, shown

NAME = "flow"
OPTIONS = ("names", "columns", "depth", "caption", "order")


def draw(run):
    run.require_options(OPTIONS)
    depth = float(run.option("depth", 6))
    panels = [_panel(run, i) for i in range(len(run.jobs))]
    columns = min(int(run.option("columns", 3)), len(panels))
    left, right, between = 0.5, 0.72, 0.14
    each = (style.TWO_COLUMNS - left - right - between * (columns - 1)) / columns
    found = ["lines: the flow of the score"] + (["dots: data points, times alpha"] if panels[0][5] is not None else [])
    figure, grid = style.grid(style.TWO_COLUMNS, each, caption(run, found), -(-len(panels) // columns), columns,
                              len(panels), left=left, right=right, between=between, between_rows=0.34, top=0.26)
    for i, (axes, (title, x, y, log_density, score, data)) in enumerate(zip(grid, panels)):
        image = axes.pcolormesh(x, y, log_density - log_density.max(), cmap="cividis", vmin=-depth, vmax=0,
                                shading="gouraud", rasterized=True, gid="density")
        _flow(axes, x, y, score)
        if data is not None:
            axes.plot(*data.T, "o", color="#D55E00", markersize=2, markeredgewidth=0.3, markeredgecolor="white", gid="data")
        axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
        axes.set_title(title, fontsize=6.5, pad=3)
        style.label_plane(axes, i, columns, len(panels))
    top, bottom = grid[0].get_position().y1, grid[-1].get_position().y0
    bar = figure.colorbar(image, cax=figure.add_axes([1 - 0.62 / style.TWO_COLUMNS, bottom, 0.1 / style.TWO_COLUMNS,
                                                      top - bottom]), extend="min")
    bar.set_label("log density, less its highest value", fontsize=6.5)
    bar.outline.set_linewidth(0.6)
    return figure


# streamplot makes each line of hundreds of pieces; joined, they are a tenth of the file.
def _flow(axes, x, y, score):
    lines = axes.streamplot(x, y, score[..., 0], score[..., 1], color="white", linewidth=0.55, arrowsize=0.5, density=0.9).lines
    joined = []
    for piece in lines.get_segments():
        if joined and (joined[-1][-1] == piece[0]).all():
            joined[-1].extend(piece[1:])
        else:
            joined.append(list(piece))
    lines.set_segments(joined)
    lines.set_gid("flow")


def _panel(run, i):
    spec = run.jobs[i]["spec"]
    try:
        at = np.array(spec.get("at"), dtype=float)
        x, y = np.unique(at[:, 0]), np.unique(at[:, 1])
        place = np.lexsort((at[:, 0], at[:, 1]))
        if len(x) * len(y) != len(at) or not (at[place] == np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)).all():
            raise ValueError
    except (TypeError, ValueError, IndexError):
        raise run.error("/jobs/%d/spec/at" % i, "must be the points of a grid in the plane")
    log_density, score = run.array(i, "log_density", [1]), run.array(i, "score", [2])
    if len(log_density) != len(at) or score.shape != (len(at), 2):
        raise run.error("/jobs/%d: score" % i, "does not fit the points")
    target = spec.get("target")
    data = None
    if isinstance(target, dict) and "points" in target and "alpha" in spec:
        data = spec["alpha"] * np.array(target["points"], dtype=float)
    shape = (len(y), len(x))
    title = ", ".join(shown(run, v, c) for c, v in (run.jobs[i].get("vary") or {}).items())
    return title, x, y, log_density[place].reshape(shape), score[place].reshape(*shape, 2), data
