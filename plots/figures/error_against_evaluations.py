"""Error against evaluations out of `lml compare`: a panel a sampler, each with and without the correction."""
import numpy as np

import style

NAME = "error_against_evaluations"

COLUMNS, HEIGHT, BESIDE, BELOW = 3, 1.35, 0.12, 0.26  # panels in a row; inches of a panel and between two
SHORT = {"solver_order": "order %s", "final_sigmas_type": None, "lower_order_final": None, "solver_type": "%s",
         "timestep_spacing": "%s", "use_karras_sigmas": "Karras", "skip_prk_steps": "no Runge-Kutta start",
         "variant": "%s"}
# Okabe and Ito's colours, light to dark in grey too, with markers of their own.
CORRECTED = (("#E69F00", "s", (0, (5, 1.5))), ("#009E73", "^", (0, (3, 1, 1, 1))), ("#D55E00", "D", (0, (1, 1))),
             ("#CC79A7", "v", (0, (5, 1, 1, 1, 1, 1))))


def fits(result):
    return result.command == "compare" if result.command else "runs" in result.document


class Curve:
    def __init__(self):
        self.nfe, self.error, self.standard_error = [], [], []

    def add(self, run):
        for key in ("nfe", "error", "standard_error"):
            getattr(self, key).append(run[key])


def draw(result):
    panels, corrections, reference = _read(result)
    if len(corrections) > len(CORRECTED):
        raise result.error("/runs", "no figure: has %d corrections, at most %d can be told apart"
                           % (len(corrections), len(CORRECTED)))
    everything = [c for curves in panels.values() for c in curves.values()]
    samples, dim = int(result.number("samples", at_least=1)), int(result.number("dim", at_least=1))
    found = ["error: root mean square distance to the end of the exact flow over %d starts in R^%d, bars: standard "
             "error; the reference's own error is below %s" % (samples, dim, style.error_sign(reference)),
             "thin grey: all the others uncorrected"]
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    named = isinstance((result.spec or {}).get("target"), str)  # a target written out would fill the caption
    leave_out = ("samplers", "steps", "lml") + (() if named else ("target",))
    caption = style.provenance(result, found, leave_out=leave_out)
    figure, grid = style.grid(style.TWO_COLUMNS, HEIGHT, caption, rows, columns, len(panels), between=BESIDE,
                              between_rows=BELOW, top=0.45)
    low, high = _limits(everything)
    evaluations = [n for c in everything for n in c.nfe]
    for i, (label, axes) in enumerate(zip(panels, grid)):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        axes.set_xlim(min(evaluations) * 0.85, max(evaluations) * 1.18)
        for other, curves in panels.items():
            if other != label:
                axes.plot(curves[None].nfe, curves[None].error, "-", color="#C8C8C8", linewidth=0.6, zorder=1)
        _slopes(axes)
        for j, correction in enumerate(corrections):
            if correction in panels[label]:
                color, marker, dashes = CORRECTED[j]
                _curve(axes, panels[label][correction], color, marker, dashes, "corrected-%d" % j, _beta(correction))
        _curve(axes, panels[label][None], "black", "o", "-", "base", "no correction")
        axes.text(0.02, 1.03, _name(label), transform=axes.transAxes, ha="left", va="bottom", fontsize=7.5,
                  parse_math=False, gid="sampler")
        axes.tick_params(labelbottom=i + columns >= len(panels), labelleft=i % columns == 0)
        if i + columns >= len(panels):
            axes.set_xlabel("evaluations of the model")
        if i % columns == 0:
            axes.set_ylabel("error (dimensionless)")
    handles = {}
    for axes in grid:
        for handle, text in zip(*axes.get_legend_handles_labels()):
            handles.setdefault(text, handle)
    texts = ["no correction"] + [t for t in (_beta(c) for c in corrections)]
    figure.legend([handles[t] for t in texts], texts, loc="upper center", ncol=min(len(texts), 4),
                  bbox_to_anchor=(0.5, 1), borderaxespad=0.4, columnspacing=1.6)
    return figure


def _curve(axes, curve, color, marker, dashes, gid, label):
    hollow = {"markerfacecolor": "white", "markeredgewidth": 0.7} if gid != "base" else {}
    axes.errorbar(curve.nfe, curve.error, curve.standard_error, fmt="none", ecolor=color, elinewidth=0.5, zorder=2)
    axes.plot(curve.nfe, curve.error, linestyle=dashes, marker=marker, color=color, markersize=2.6, linewidth=1,
              label=label, gid=gid, zorder=4 if gid == "base" else 3, **hollow)


# A fan of slopes from one place in the lower left corner.
def _slopes(axes):
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    width = (x1 / x0) ** 0.2
    start, top = x0 * (x1 / x0) ** 0.04, y0 * (y1 / y0) ** 0.42
    for order in (1, 2, 3):
        if order * np.log(width) > 0.4 * np.log(y1 / y0):
            continue
        axes.plot([start, start * width], [top, top * width ** -order], "-", color=style.GREY, linewidth=0.6,
                  gid="slope-%d" % order, zorder=1)
        axes.annotate("%d" % order, (start * width, top * width ** -order), xytext=(1.5, 0),
                      textcoords="offset points", fontsize=5.5, color=style.GREY, va="center")


def _limits(curves):
    values = np.array([v for c in curves for v in c.error])
    return values[values > 0].min() / 1.6, values.max() * 2.2


def _name(label):
    name, *options = label.split(" ")
    words = []
    for option in options:
        key, _, value = option.partition("=")
        text = SHORT.get(key, key.replace("_", " ") + " %s")
        if text is not None and value != "false":
            words.append(text % value if "%s" in text else text)
    return ", ".join([name] + words)


def _beta(correction):
    form, beta, kappa, damping = correction
    if beta is not None:
        return r"%s, $\kappa d/\lambda'=%s$" % (form, style.brief(beta))
    return form.replace("_", " ") + ("" if damping is None else r", $\lambda=%s$" % style.brief(damping))


# {sampler: {correction or None: curve}}, corrections in the order of the result, and the reference's largest error.
def _read(result):
    runs = result.document.get("runs")
    if not isinstance(runs, list) or not runs:
        raise result.error("/runs", "must be a list of runs")
    panels, corrections, reference = {}, [], 0
    for i, run in enumerate(runs):
        at = "/runs/%d" % i
        if not isinstance(run, dict):
            raise result.error(at, "must be an object")
        numbers = {key: _number(result, run, at, key) for key in ("nfe", "error", "standard_error", "reference_error")}
        if numbers["nfe"] < 1:
            raise result.error(at + "/nfe", "must be at least 1")
        label, lml = run.get("label"), run.get("lml")
        if not isinstance(label, str):
            raise result.error(at + "/label", "is missing or no string")
        key = None
        if lml is not None:
            if not isinstance(lml, dict) or not isinstance(lml.get("form"), str):
                raise result.error(at + "/lml", "must be an object with a form, or null")
            # Not every form has every parameter, and beta takes both.
            kappa, damping = (_number(result, lml, at + "/lml", k) if k in lml else None for k in ("kappa", "lambda"))
            both = kappa is not None and damping is not None
            key = (lml["form"], _number(result, run, at, "beta") if both else None, kappa, damping)
            if key not in corrections:
                corrections.append(key)
        panels.setdefault(label, {}).setdefault(key, Curve()).add(numbers)
        reference = max(reference, numbers["reference_error"])
    for label, curves in panels.items():
        if None not in curves:
            raise result.error("/runs", "has no run of %s without correction" % label)
    if not any(v > 0 for curves in panels.values() for c in curves.values() for v in c.error):
        raise result.error("/runs", "no figure: every error is 0")
    return panels, corrections, reference


def _number(result, holder, at, key):
    value = holder.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise result.error("%s/%s" % (at, key), "must be a finite number >= 0")
    return float(value)
