"""Measurements of named cases, as dots with their errors on a row a case: what a table would say.

`draw` takes: rows (columns that name a row), series (columns; the measure unless given), panel, y (measures), only,
order, names, band (what the bars are), lines = {"text" = value}, beside (a measure whose number stands beside each dot)
and beside_text, limits, row_height, caption. The value's axis is `value`'s or that of the one measure; an infinite value
is a triangle at the right edge, and a missing one is said so."""
import math

import style
from matplotlib.lines import Line2D

from series import (LOOKS, axis_label, caption, chosen_rows, label_of, legend, legend_height, order_of, shown, strings,
                    value_axis)

NAME = "dots"
OPTIONS = ("rows", "series", "panel", "y", "only", "order", "names", "band", "lines", "beside", "beside_text", "limits",
           "row_height", "caption", "width", "missing")


def draw(run):
    run.require_options(OPTIONS)
    chosen = chosen_rows(run)
    row_columns, series, panel = strings(run, "rows"), strings(run, "series") or ["measure"], strings(run, "panel")
    for key, columns in (("rows", row_columns), ("series", series), ("panel", panel)):
        for c in columns:
            run.require_column(c, "/draw/" + key)
    if not row_columns:
        raise run.error("/draw/rows", "is missing: the columns that name a row")
    panels = order_of(run, chosen, lambda r: tuple(r[c] for c in panel))
    places = order_of(run, chosen, lambda r: label_of(run, row_columns, r))
    names = order_of(run, chosen, lambda r: label_of(run, series, r))
    if len(names) > len(LOOKS):
        raise run.error("/draw/series", "makes %d kinds of dots; at most %d can be told apart" % (len(names), len(LOOKS)))
    band, beside = run.option("band", "", str), run.option("beside", "", str)
    if any(r["error"] not in ("", "0") for r in chosen) and not band:
        raise run.error("/draw/band", "must say what the errors are, which are drawn as bars")
    has_error = any(r["error"] not in ("", "0") for r in chosen)
    marks = list(run.option("lines", {}, dict).items())
    width = float(run.option("width", style.TWO_COLUMNS if len(panels) > 1 else 5.2))
    left = min(0.45 * width, 0.15 + 0.052 * max(map(len, places)))
    spread = float(run.option("row_height", max(0.17, 0.075 * len(names) + 0.06)))
    height = spread * len(places) + 0.1
    found = [run.option("beside_text", "", str)] if beside else []
    texts = (names if len(names) > 1 else []) + [t for t, _ in marks] + (["bar: " + band] if has_error else [])
    figure, grid = style.canvas(width, height, caption(run, found), len(panels), left=left, right=0.12, between=0.16,
                                top=legend_height(texts, width) + (0.17 if panel else 0.05))
    scale = (run.axes.get(value_axis(run)) or {}).get("scale", "linear")
    for axes, at in zip(grid, panels):
        axes.set_xscale(scale)
        axes.set_ylim(len(places) - 0.5, -0.5)
        axes.set_yticks(range(len(places)), places if axes is grid[0] else [])
        axes.tick_params(axis="y", length=0, labelsize=6.5)
        axes.spines["left"].set_visible(False)
        for k in range(0, len(places), 2):
            axes.axhspan(k - 0.5, k + 0.5, color="#F3F3F3", linewidth=0, zorder=0)
        for i, (_, value) in enumerate(marks):
            axes.axvline(float(value), color=style.GREY, linewidth=0.8, linestyle=((0, (1, 2)), (0, (6, 2)))[i % 2], zorder=1)
        mine = [r for r in chosen if tuple(r[c] for c in panel) == at]
        for k, name in enumerate(names):
            offset = 0.72 * ((k + 0.5) / len(names) - 0.5)
            _dots(run, axes, [r for r in mine if label_of(run, series, r) == name], row_columns, places, offset, LOOKS[k],
                  scale, beside, at, panel, series)
        limits = run.option("limits")
        if limits:
            axes.set_xlim(*limits)
        axes.margins(x=0.06)
        axes.set_xlabel(axis_label(run, value_axis(run)))
        if panel:
            axes.text(0, 1.01, ", ".join(shown(run, v, c) for c, v in zip(panel, at)), transform=axes.transAxes, ha="left", va="bottom",
                      fontsize=7.5, gid="panel")
    handles = [Line2D([], [], linestyle="", color=LOOKS[k][0], marker=LOOKS[k][1], markersize=4,
                      markerfacecolor=_face(LOOKS[k])) for k in range(len(names))] if len(names) > 1 else []
    handles += [Line2D([], [], color=style.GREY, linewidth=0.8, linestyle=((0, (1, 2)), (0, (6, 2)))[i % 2])
                for i in range(len(marks))]
    handles += [Line2D([], [], color="black", linewidth=0.8)] if has_error else []
    legend(figure, handles, texts, width)
    return figure


def _face(look):
    return look[0] if look[1] == "o" else "white"


def _dots(run, axes, rows, row_columns, places, offset, look, scale, beside, at, panel, series):
    for r in rows:
        value, error = run.number(r, "value"), run.number(r, "error")
        y = places.index(label_of(run, row_columns, r)) + offset
        if value is None:
            text = run.option("missing", "", str)
            if text:
                axes.text(0.01, y, text, transform=axes.get_yaxis_transform(), va="center", fontsize=5.5, color=look[0])
            continue
        if math.isinf(value):
            axes.plot([0.99], [y], marker=9, transform=axes.get_yaxis_transform(), color=look[0], markersize=4,
                      linestyle="", clip_on=False, gid="infinite")
            continue
        if scale == "log" and value <= 0:
            axes.plot([0.01], [y], marker=8, transform=axes.get_yaxis_transform(), color=look[0], markersize=4,
                      linestyle="", clip_on=False, gid="zero")
            continue
        if error:
            low = value - error if scale != "log" or error < value else value * 1e-3
            axes.plot([low, value + error], [y, y], "-", color=look[0], linewidth=0.8, zorder=2, gid="bar")
        axes.plot([value], [y], linestyle="", marker=look[1], color=look[0], markersize=3.6, markeredgewidth=0.8,
                  markerfacecolor=_face(look), zorder=3, gid="dot")
        if beside:
            same = [b for b in run.rows if b["measure"] == beside and b["value"] != ""
                    and all(b[c] == r[c] for c in row_columns + [c for c in panel + series if c != "measure"])]
            if same:
                axes.annotate(same[0]["value"], (value + (error or 0), y), xytext=(4, 0), textcoords="offset points",
                              va="center", fontsize=5, color=look[0], gid="beside")
