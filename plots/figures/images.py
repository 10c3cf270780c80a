"""Grids of images: the array `samples` [n][C][H][W] of each job on a row, the same start noise in each column.

`draw` takes: names, shown (images a row), range = [lowest, highest] of a pixel, measures (written beside the rows),
caption."""
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import textwrap

import style
from series import caption, shown, strings

NAME = "images"
OPTIONS = ("names", "shown", "range", "measures", "caption", "order")
LABEL, CELL, BETWEEN = 1.75, 0.6, 0.03  # inches


def draw(run):
    run.require_options(OPTIONS)
    low, high = run.option("range", [-1, 1], list)
    rows = [(i, run.array(i, "samples", [4])) for i in range(len(run.jobs))]
    count = min([int(run.option("shown", 10))] + [len(r) for _, r in rows])
    width = style.TWO_COLUMNS
    cell = min(CELL, (width - LABEL - 0.1) / count - BETWEEN)
    text = caption(run, ["the same start noise in every column"])
    lines = textwrap.wrap(text, int((width - 0.16) * 72 / (0.53 * style.CAPTION_POINTS)), break_on_hyphens=False)
    below = 0.12 + style.LINE * len(lines)
    whole = below + len(rows) * (cell + BETWEEN) + 0.05
    figure = Figure(figsize=(width, whole))
    FigureCanvasAgg(figure)
    for k, (i, images) in enumerate(rows):
        if images.shape[1] not in (1, 3):
            raise run.error("/jobs/%d: samples" % i, "must have 1 or 3 channels, has %d" % images.shape[1])
        bottom = whole - 0.05 - (k + 1) * (cell + BETWEEN) + BETWEEN
        figure.text(0.08 / width, (bottom + cell / 2) / whole, _label(run, i), va="center", fontsize=6.5, gid="row")
        for j in range(count):
            axes = figure.add_axes([(LABEL + j * (cell + BETWEEN)) / width, bottom / whole, cell / width, cell / whole])
            pixels = np.clip((np.moveaxis(images[j], 0, -1) - low) / (high - low), 0, 1)
            axes.imshow(pixels[..., 0] if pixels.shape[2] == 1 else pixels, cmap="gray", vmin=0, vmax=1,
                        interpolation="nearest", gid="image")
            axes.set_axis_off()
    figure.text(0.08 / width, 0.06 / whole, "\n".join(lines), fontsize=style.CAPTION_POINTS, color="#404040",
                va="bottom", linespacing=1.25, parse_math=False, gid="caption")
    return figure


def _label(run, i):
    values = run.jobs[i].get("vary") or {}
    text = [", ".join(shown(run, v, c) for c, v in values.items())]
    for measure in strings(run, "measures"):
        same = [r for r in run.rows if r["measure"] == measure and all(r[c] == v for c, v in values.items())]
        if same and same[0]["value"] != "":
            text.append("%s %.3g" % (shown(run, measure), run.number(same[0], "value")))
    return "\n".join("\n".join(textwrap.wrap(t, 30)) for t in text)
