"""Corrections on a network out of `lml compare` with a model: the same start noise down every column, and beside each
row how much nearer to the finest solution than the plain sampler its images end."""
import os
import textwrap

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

import style
from result import ResultError

NAME = "corrections_on_a_network"

STRIP, LABEL, CHART, GAP = 3.2, 1.25, 2.1, 0.12  # inches
MARKERS = (("black", "o"), ("#D55E00", "s"), ("#0072B2", "^"), ("#009E73", "D"), ("#CC79A7", "v"), ("#E69F00", "P"))
USUAL_KAPPA = 1e-8  # the paper's, which need not be said
FORMS = {"printed": "as printed", "stable": "in exact arithmetic", "increment": "as published (increment)",
         "adaptive": "eps extrapolated", "noise": "noise of its size"}


def fits(result):
    runs = result.document.get("runs")
    return isinstance(runs, list) and any(isinstance(r, dict) and "network_seconds" in r for r in runs)


def draw(result):
    groups, rows, samples, reference = _read(result)
    if len(groups) > len(MARKERS):
        raise result.error("/runs", "no figure: has %d samplers and numbers of steps, at most %d can be told apart"
                           % (len(groups), len(MARKERS)))
    first = next(iter(groups))
    strips = [_strip(result, groups[first][None].get("reference_image"))]
    strips += [_strip(result, groups[first][key].get("image")) if key in groups[first] else None for key in rows]
    shown = next((s for s in strips if s is not None), None)
    spec = result.spec or {}
    lost = sum(isinstance(run, dict) and run.get("error") == "inf" for run in result.document["runs"])
    caption = style.provenance(result, [
        "images: %s; error: distance to the finest solution of the same noise, root mean square over pixels, mean of %d "
        "images, over that of the plain sampler; bars: standard error of the ratio; beside them the images "
        "that end nearer; the finest solution's own error is below %s" % (
            _group(first), samples, style.error_sign(reference))] + (
        ["runs that ended in no finite number and are not shown: %d" % lost] if lost else []), leave_out=("samplers", "steps", "lml"))
    width = STRIP + LABEL + CHART + 3 * GAP
    height = STRIP * shown.shape[0] / shown.shape[1] if shown is not None else 0.4
    height = min(height, 0.6)
    lines = textwrap.wrap(caption, int((width - 0.16) * 72 / (0.53 * style.CAPTION_POINTS)), break_on_hyphens=False)
    below, top, between = 0.5 + style.LINE * len(lines), 0.3, 0.05
    n = len(rows) + 1
    whole = below + top + n * height + (n - 1) * between
    figure = Figure(figsize=(width, whole))
    FigureCanvasAgg(figure)
    centres = [below + (n - 1 - i) * (height + between) + height / 2 for i in range(n)]
    for i, (centre, strip) in enumerate(zip(centres, strips)):
        if strip is not None:
            axes = figure.add_axes([GAP / width, (centre - height / 2) / whole, STRIP / width, height / whole])
            axes.imshow(strip, cmap="gray", interpolation="nearest", gid="images-%d" % i)
            axes.set_anchor("W")
            axes.set_axis_off()
        text = "finest solution" if i == 0 else _words(rows[i - 1])
        figure.text((2 * GAP + STRIP) / width, centre / whole, "\n".join(textwrap.wrap(text, 20)), va="center",
                    fontsize=6.5, parse_math=False, gid="row-%d" % i)
    chart = figure.add_axes([(3 * GAP + STRIP + LABEL) / width, (below - between) / whole, (CHART - 2.5 * GAP) / width,
                             (centres[0] + height / 2 - below) / whole])
    chart.set_xscale("log")
    chart.axvline(1, color=style.GREY, linewidth=0.6, zorder=1)
    spread = 0.5 * height / max(len(groups), 2)
    low, high = 0.9, 1.1
    for g, (group, runs) in enumerate(groups.items()):
        color, marker = MARKERS[g]
        points = [(r, runs[key]) for r, key in enumerate(rows) if key in runs and key is not None]
        x = [run["ratio"] for _, run in points]
        y = [centres[r + 1] - below + between + spread * ((len(groups) - 1) / 2 - g) for r, _ in points]
        error = [run["ratio_error"] for _, run in points]
        chart.errorbar(x, y, xerr=error, fmt=marker, color=color, markersize=3, elinewidth=0.7, label=_group(group),
                       gid="ratio-%d" % g)
        for xi, yi, ei, (_, run) in zip(x, y, error, points):
            chart.annotate("%d" % run["wins"], (xi + ei, yi), xytext=(3, 0), textcoords="offset points", va="center",
                           fontsize=5, color=color)
        low, high = min([low] + [a - b for a, b in zip(x, error)]), max([high] + [a + b for a, b in zip(x, error)])
    chart.set_xlim(max(low, 0.02) / 1.1, high * 1.35)
    chart.set_ylim(0, centres[0] + height / 2 - below + between)
    chart.set_yticks([])
    chart.spines["left"].set_visible(False)
    # As many as fit beside one another.
    ticks = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if high > 3 * low else (0.5, 0.8, 1, 1.25, 1.5, 2)
    ticks = [t for t in ticks if low / 1.1 <= t <= high * 1.3]
    chart.xaxis.set_major_locator(FixedLocator(ticks))
    chart.xaxis.set_major_formatter(FuncFormatter(lambda v, _: "%g" % v))
    chart.xaxis.set_minor_formatter(NullFormatter())
    chart.set_xlabel("error over the plain sampler's")
    figure.legend(loc="upper right", ncol=min(3, len(groups)), bbox_to_anchor=(1, 1), borderaxespad=0.3, fontsize=6)
    figure.text(0.08 / width, 0.06 / whole, "\n".join(lines), fontsize=style.CAPTION_POINTS, color="#404040",
                va="bottom", linespacing=1.25, parse_math=False, gid="caption")
    return figure


def _group(group):
    label, steps = group
    return "%s, %d evaluations" % (label.replace("solver_order=", "order "), steps)


def _words(key):
    if key is None:
        return "no correction"
    form, precision, kappa, damping, like = key
    text = FORMS.get(form, form)
    if form == "noise":
        return text + (" (as printed%s)" % (", " + precision if precision else "") if like == "printed" else "")
    return text + (", " + precision if precision else "") + (", λ' %g" % damping if damping is not None else "") + (
        ", κ %g" % kappa if kappa is not None and kappa != USUAL_KAPPA else "")


def _strip(result, name):
    if name is None or result.folder is None:
        return None
    from matplotlib.image import imread
    path = os.path.join(result.folder, os.path.basename(name))
    try:
        return imread(path)
    except (OSError, ValueError, SyntaxError) as e:
        raise ResultError(path, "", "is no picture that can be read: %s" % (getattr(e, "strerror", None) or e))


# {(label, evaluations): {correction or None: run}}, the corrections in the order of the result, images, and the
# reference's largest error.
def _read(result):
    groups, rows, reference = {}, [], 0
    for i, run in enumerate(result.document["runs"]):
        at = "/runs/%d" % i
        if not isinstance(run, dict) or not isinstance(run.get("label"), str):
            raise result.error(at + "/label", "is missing or no string")
        if run.get("error") == "inf":  # its numbers ended; the caption counts such runs
            continue

        def number(holder, key, place):
            value = holder.get(key) if isinstance(holder, dict) else None
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
                raise result.error("%s%s/%s" % (at, place, key), "must be a finite number")
            return value

        nfe, error = int(number(run, "nfe", "")), number(run, "error", "")
        reference = max(reference, number(run, "reference_error", ""))
        out = {"image": run.get("image"), "reference_image": run.get("reference_image")}
        key, lml = None, run.get("lml")
        if lml is not None:
            if not isinstance(lml, dict) or not isinstance(lml.get("form"), str):
                raise result.error(at + "/lml", "must be an object with a form, or null")
            like = lml.get("like") if isinstance(lml.get("like"), dict) else {}
            of = like if lml["form"] == "noise" else lml
            key = (lml["form"], of.get("precision"), of.get("kappa"), of.get("lambda"), like.get("form"))
            against = run.get("against_base")
            out["ratio"] = number(against, "ratio", "/against_base")
            if not out["ratio"] > 0:
                raise result.error(at + "/against_base/ratio", "must be > 0")
            if not error > 0:
                raise result.error(at + "/error", "must be > 0")
            if "ratio_standard_error" in against:
                out["ratio_error"] = number(against, "ratio_standard_error", "/against_base")
            else:  # written before it was
                out["ratio_error"] = number(against, "standard_error", "/against_base") * out["ratio"] / error
            out["wins"] = int(number(against, "wins", "/against_base"))
        groups.setdefault((run["label"], nfe), {})[key] = out
        if key not in rows:
            rows.append(key)
    for group, runs in groups.items():
        if None not in runs:
            raise result.error("/runs", "has no run of %s without correction" % _group(group))
    return groups, rows, int(result.number("samples", at_least=1)), reference
