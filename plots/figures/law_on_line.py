"""The stationary law of `lml stationary` beside the target, one dimension."""
import numpy as np

import style

NAME = "stationary"
NEGLIGIBLE = 1e-3  # of its highest value: a density is drawn where it, or the other one, is above that


def fits(result):
    of_the_command = result.command == "stationary" if result.command else "target_moments" in result.document
    return of_the_command and "y" not in result.document


def draw(result):
    if "x" not in result.document:
        raise result.error("/x", "is missing: `lml stationary` writes the law of one or two dimensions with --out DIR")
    x = result.array("x", [1])
    law, target = result.array("density", [1], at_least=0), result.array("target_density", [1], at_least=0)
    error = result.number("error_estimate", at_least=0)
    for key, values in (("density", law), ("target_density", target)):
        if len(values) != len(x):
            raise result.error("/" + key, "has %d numbers for %d places" % (len(values), len(x)))
        if not values.max() > 0:
            raise result.error("/" + key, "is 0 everywhere")
    if not (np.diff(x) > 0).all():
        raise result.error("/x", "must rise")
    figure, (axes,) = style.canvas(style.COLUMN, 2.1, style.provenance(result, divergences(result, error)))
    axes.fill_between(x, target, color=style.VERMILLION, alpha=0.15, linewidth=0)
    axes.plot(x, law, "-", color=style.BLUE, label="stationary law $q$", gid="law", zorder=3)
    axes.plot(x, target, "--", color=style.VERMILLION, label="target $p$", gid="target")
    drawn = x[(law > NEGLIGIBLE * law.max()) | (target > NEGLIGIBLE * target.max())]
    if len(drawn) > 1:
        axes.set_xlim(drawn[0], drawn[-1])
    axes.set_ylim(0, 1.25 * max(law.max(), target.max()))
    axes.set_xlabel("$x$ (dimensionless)")
    axes.set_ylabel("density (dimensionless)")
    axes.legend(loc="upper right", ncol=2)
    return figure


def divergences(result, error):
    names = (("chi2", "χ²(q‖p)"), ("kl", "KL(q‖p)"), ("total_variation", "total variation"))
    out = []
    for key, name in names:
        value = result.document.get(key)
        if value is not None:
            out.append("%s %s" % (name, "infinite" if value == "inf" else style.brief(result.number(key))))
    return out + [style.error_text(error)]
