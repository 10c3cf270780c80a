"""Measurements against a column, as lines: a panel a value of `panel`, a line a value of `series`.

`draw` takes: x, y (measures; all unless given), series, panel (columns; series is the measure unless given), repeat (a
column, like seed, whose values make lines of the same look), only = {column = [values]}, order, names = {value =
"text"}, band (what the error is), slopes (reference orders), lines = {"text" = value}, dotted (measures, like bounds,
that stand dotted and without markers beside those of their series), scatter (true: marks without lines), share_y, columns, height, ylim, xlim, legend_columns, caption. A row whose x is empty is drawn across."""
import math

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

import style
from series import (LOOKS, axis_label, caption, chosen_rows, label_of, legend, legend_columns, legend_height, order_of,
                    shown, strings, value_axis)

NAME = "lines"
OPTIONS = ("x", "y", "series", "panel", "repeat", "only", "order", "names", "band", "slopes", "lines", "dotted", "share_y",
           "columns", "height", "width", "ylim", "xlim", "caption", "scatter")
BETWEEN, BELOW = 0.16, 0.3
DOTTED = (0, (1, 1.2))


def draw(run):
    run.require_options(OPTIONS)
    rows = [r for r in chosen_rows(run) if r["value"] != ""]
    x = run.require_column(run.option("x", "", str), "/draw/x")
    series, panel, repeat = (strings(run, k) for k in ("series", "panel", "repeat"))
    series = series or ["measure"]
    for key, columns in (("series", series), ("panel", panel), ("repeat", repeat)):
        for c in columns:
            run.require_column(c, "/draw/" + key)
    dotted = strings(run, "dotted")
    panels = order_of(run, rows, lambda r: tuple(r[c] for c in panel))
    names = order_of(run, rows, lambda r: label_of(run, series, r))
    if len(names) > len(LOOKS):
        raise run.error("/draw/series", "makes %d lines; at most %d can be told apart" % (len(names), len(LOOKS)))
    looks = dict(zip(names, LOOKS))

    width = float(run.option("width", style.TWO_COLUMNS if len(panels) > 1 else 4.6))
    height = float(run.option("height", 1.5 if len(panels) > 3 else 2.1 if len(panels) > 1 else 2.6))
    band = run.option("band", "", str)
    has_error = any(r["error"] not in ("", "0") for r in rows)
    if has_error and not band:
        raise run.error("/draw/band", "must say what the errors are, which are drawn as bands")
    marks = list(run.option("lines", {}, dict).items())
    texts = names + [shown(run, m) for m in dotted] + [t for t, _ in marks] + (["band: " + band] if has_error else [])
    share_y = run.option("share_y", True, bool)
    columns = min(int(run.option("columns", 3)), len(panels))
    found = ["triangles above: infinite"] if any(r["value"] == "inf" for r in rows) else []
    figure, grid = style.grid(width, height, caption(run, found), -(-len(panels) // columns), columns, len(panels),
                              between=BETWEEN if share_y else 0.45, between_rows=BELOW if panel else 0.3,
                              top=legend_height(texts, width) + (0.17 if panel else 0.05))
    x_axis, y_axis = run.axes.get(x) or {}, run.axes.get(value_axis(run)) or {}
    everything = []
    for axes, at in zip(grid, panels):
        axes.set_xscale(x_axis.get("scale", "linear"))
        axes.set_yscale(y_axis.get("scale", "linear"))
        mine = [r for r in rows if tuple(r[c] for c in panel) == at]
        values = []
        for name in names:
            for measures_dotted in (True, False):
                for again in order_of(run, mine, lambda r: tuple(r[c] for c in repeat)):
                    points = [(run.number(r, x), run.number(r, "value"), run.number(r, "error")) for r in mine
                              if label_of(run, series, r) == name and tuple(r[c] for c in repeat) == again
                              and (r["measure"] in dotted) == measures_dotted]
                    color, marker, dashes = looks[name]
                    look = (color, None, DOTTED) if measures_dotted else (
                        color, marker, "" if run.option("scatter") else dashes)
                    values += _line(axes, points, look, y_axis.get("scale") == "log")
        for i, (text, value) in enumerate(marks):
            axes.axhline(float(value), color=style.GREY, linewidth=0.8, linestyle=((0, (1, 2)), (0, (6, 2)))[i % 2], zorder=1)
        everything.append(values)
        if panel:
            axes.text(0.02, 1.03, ", ".join(shown(run, v, c) for c, v in zip(panel, at)), transform=axes.transAxes, ha="left", va="bottom",
                      fontsize=7.5, gid="panel")
    _limits(run, grid, everything, share_y, y_axis.get("scale") == "log")
    lefts, rights = zip(*(axes.get_xlim() for axes in grid))
    for axes in grid:  # their numbers stand below the lowest only
        axes.set_xlim(min(lefts), max(rights))
        style.ticks(axes.yaxis, axes.get_ylim())
        style.ticks(axes.xaxis, axes.get_xlim())
    for i, axes in enumerate(grid):
        _slopes(run, axes)
        last = i + columns >= len(panels)
        axes.tick_params(labelbottom=last, labelleft=not share_y or i % columns == 0)
        if last:
            axes.set_xlabel(axis_label(run, x))
        if i % columns == 0:
            axes.set_ylabel(axis_label(run, value_axis(run)))
    _legend(run, figure, names, looks, marks, band if has_error else "", width)
    return figure


# Infinite values stand as triangles at the upper edge; what is not positive has no place on a logarithmic axis. Returns
# the finite values drawn.
def _line(axes, points, look, logarithmic):
    color, marker, dashes = look
    across = [p for p in points if p[0] is None and p[1] is not None and math.isfinite(p[1])]
    for _, value, error in across:
        axes.axhline(value, color=color, linestyle=dashes, linewidth=1, gid="across", zorder=2)
        if error:
            axes.axhspan(value - error, value + error, color=color, alpha=0.15, linewidth=0)
    points = sorted(p for p in points if p[0] is not None and p[1] is not None)
    for at, value, _ in points:
        if value == math.inf:
            axes.plot([at], [0.985], marker=6, transform=axes.get_xaxis_transform(), color=color, markersize=4,
                      clip_on=False, gid="infinite", linestyle="")
    drawn = [(a, v, e or 0) for a, v, e in points if math.isfinite(v) and (v > 0 or not logarithmic)]
    if drawn:
        at, value, error = zip(*drawn)
        if any(error):
            floor = 1e-300 if logarithmic else -math.inf
            axes.fill_between(at, [max(v - e, floor) for v, e in zip(value, error)],
                              [v + e for v, e in zip(value, error)], color=color, alpha=0.2, linewidth=0, gid="band")
        hollow = {} if marker == "o" else {"markerfacecolor": "white", "markeredgewidth": 0.8}
        axes.plot(at, value, color=color, linestyle=dashes, marker=None if len(at) > 60 else marker,
                  gid="line", zorder=3, **hollow)
    return [v for _, v, _ in drawn] + [v for _, v, _ in across if v > 0 or not logarithmic]


def _limits(run, grid, everything, share_y, logarithmic):
    asked, xlim = run.option("ylim"), run.option("xlim")
    for axes, values in zip(grid, everything):
        if xlim:
            axes.set_xlim(*xlim)
        values = [v for many in everything for v in many] if share_y else values
        if asked:
            axes.set_ylim(*asked)
        elif values and logarithmic:
            low, high = min(values), max(values)
            axes.set_ylim(low / max(1.2, (high / low) ** 0.05), high * max(1.2, (high / low) ** 0.05))
        elif values and share_y:
            low, high = min(values), max(values)
            margin = 0.06 * (high - low or 1)
            axes.set_ylim(low - margin, high + margin)


# A fan from one place near the left edge, in the lower third: what falls has passed above it.
def _slopes(run, axes):
    orders = run.option("slopes", [], list)
    if not orders:
        return
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    start, width, top = x0 * (x1 / x0) ** 0.05, (x1 / x0) ** 0.22, y0 * (y1 / y0) ** 0.33
    for order in orders:
        end = top * width ** -order
        if end < y0 * 1.05:
            continue
        axes.plot([start, start * width], [top, end], "-", color=style.GREY, linewidth=0.6, gid="slope-%g" % order,
                  zorder=1)
        axes.annotate("order %g" % order if order == orders[0] else "%g" % order, (start * width, end), xytext=(1.5, 0),
                      textcoords="offset points", fontsize=5.5, color=style.GREY, va="center")


def _legend(run, figure, names, looks, marks, band, width):
    handles, texts = [], []
    for name in names:
        color, marker, dashes = looks[name]
        hollow = {} if marker == "o" else {"markerfacecolor": "white", "markeredgewidth": 0.8}
        handles.append(Line2D([], [], color=color, linestyle="" if run.option("scatter") else dashes, marker=marker,
                              **hollow))
        texts.append(name)
    for measure in strings(run, "dotted"):
        handles.append(Line2D([], [], color="#404040", linestyle=DOTTED))
        texts.append(shown(run, measure))
    for i, (text, _) in enumerate(marks):
        handles.append(Line2D([], [], color=style.GREY, linewidth=0.8, linestyle=((0, (1, 2)), (0, (6, 2)))[i % 2]))
        texts.append(text)
    if band:
        handles.append(Patch(color="black", alpha=0.2, linewidth=0))
        texts.append("band: " + band)
    legend(figure, handles, texts, width, columns=legend_columns(texts, width))
