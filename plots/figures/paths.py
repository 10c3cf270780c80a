"""Paths of samples in the plane: the array `trajectory` [steps+1][n][2] of each job, from the start noise (dots) along
the steps to where they end (circles); a panel a job, with the same starts in each.

`draw` takes: names, columns, paths (how many are drawn as lines; all end points are drawn), finest = {column = label}:
the job whose end points stand in every panel as crosses, limits, animated (true: a GIF too, a frame a step), caption."""
import numpy as np

import style
from series import caption, shown

NAME = "paths"
OPTIONS = ("names", "columns", "paths", "finest", "limits", "animated", "caption", "frames", "order")
PATH, START, END, FINEST = "#0072B2", "#6B6B6B", "#D55E00", "black"


def draw(run):
    run.require_options(OPTIONS)
    panels, finest = _panels(run)
    figure, grid = _canvas(run, panels, finest)
    shown_paths = int(run.option("paths", 24))
    for axes, (_, steps) in zip(grid, panels):
        for k in range(min(shown_paths, steps.shape[1])):
            axes.plot(steps[:, k, 0], steps[:, k, 1], "-", color=PATH, linewidth=0.5, alpha=0.7, zorder=2, gid="path")
        if len(steps) <= 24:
            axes.plot(*steps[1:-1, :shown_paths].reshape(-1, 2).T, ".", color=PATH, markersize=1.2, zorder=2)
        axes.plot(*steps[0].T, ".", color=START, markersize=1.5, alpha=0.6, zorder=1, gid="start")
        axes.plot(*steps[-1].T, "o", color=END, markersize=2, markerfacecolor="none", markeredgewidth=0.5, zorder=4, gid="end")
        if finest is not None:
            axes.plot(*finest[-1].T, "+", color=FINEST, markersize=2.2, markeredgewidth=0.4, zorder=3, gid="finest")
    return figure


def animate(run):
    """(figure, update(frame), frames): every panel at the same share of its steps."""
    panels, finest = _panels(run)
    figure, grid = _canvas(run, panels, finest, animated=True)
    frames = int(run.option("frames", min(48, max(len(s) for _, s in panels))))
    moving = []
    for axes, (_, steps) in zip(grid, panels):
        if finest is not None:
            axes.plot(*finest[-1].T, "+", color=FINEST, markersize=2.2, markeredgewidth=0.4, zorder=2)
        tails = [axes.plot([], [], "-", color=PATH, linewidth=0.4, alpha=0.6)[0]
                 for _ in range(min(int(run.option("paths", 24)), steps.shape[1]))]
        moving.append((steps, axes.plot([], [], "o", color=END, markersize=2, markeredgewidth=0)[0], tails))

    def update(frame):
        for steps, dots, tails in moving:
            at = round(frame / (frames - 1) * (len(steps) - 1))
            dots.set_data(*steps[at].T)
            for k, tail in enumerate(tails):
                tail.set_data(*steps[:at + 1, k].T)

    return figure, update, frames


def wants_animation(run):
    return run.option("animated", False, bool)


def _panels(run):
    panels, finest, wanted = [], None, run.option("finest", {}, dict)
    for i, job in enumerate(run.jobs):
        steps, values = run.array(i, "trajectory", [3]), job.get("vary") or {}
        if steps.shape[2] != 2:
            raise run.error("/jobs/%d: trajectory" % i, "must be of points in the plane, has %d numbers a point" % steps.shape[2])
        if wanted and all(values.get(c) == str(v) for c, v in wanted.items()):
            finest = steps
        panels.append((", ".join(shown(run, v, c) for c, v in values.items()), steps))
    if wanted and finest is None:
        raise run.error("/draw/finest", "names no job")
    return panels, finest


def _canvas(run, panels, finest, animated=False):
    columns = min(int(run.option("columns", 4)), len(panels))
    limits = run.option("limits")
    if not limits:
        ends = np.concatenate([s.reshape(-1, 2) for _, s in panels])
        reach = float(np.abs(ends).max()) * 1.04
        limits = [-reach, reach]
    left, between = 0.5, 0.12
    each = (style.TWO_COLUMNS - left - 0.1 - between * (columns - 1)) / columns
    marks = ["blue: paths" if not animated else "blue: paths so far", "grey dots: start noise" if not animated else "",
             "red circles: where they end" if not animated else "red: samples", "black crosses: where the finest solution "
             "takes the same starts" if finest is not None else ""]
    figure, grid = style.grid(style.TWO_COLUMNS, each, caption(run, [", ".join(m for m in marks if m)]),
                              -(-len(panels) // columns), columns, len(panels), left=left, between=between,
                              between_rows=0.32, top=0.28)
    for i, (axes, (title, _)) in enumerate(zip(grid, panels)):
        axes.set(xlim=limits, ylim=limits)
        axes.set_title(title, fontsize=6.5, pad=3)
        style.label_plane(axes, i, columns, len(panels))
    return figure, grid
