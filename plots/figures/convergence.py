"""chi2(mu_t || p) against time out of `lml converge`, beside the rate that Proposition 4 claims with its gap."""
import numpy as np

import style

NAME = "convergence"


def fits(result):
    return result.command == "converge" if result.command else "chi2_bound" in result.document


def draw(result):
    gap, error = result.number("gap", at_least=0), result.number("error_estimate", at_least=0)
    times, chi2 = result.array("times", [1], at_least=0), result.array("chi2", [1], at_least=-error, infinite=True)
    bound = result.array("chi2_bound", [1], at_least=0, infinite=True)
    for key, values in (("chi2", chi2), ("chi2_bound", bound)):
        if len(values) != len(times):
            raise result.error("/" + key, "has %d numbers for %d times" % (len(values), len(times)))
    order = np.argsort(times, kind="stable")
    times, chi2, bound = times[order], chi2[order], bound[order]
    finite = np.isfinite(chi2)
    told_apart = finite & (chi2 > 2 * error)
    if not told_apart.any():
        raise result.error("/chi2", "no figure: all is infinite or within twice the error estimate (%.2g)" % error)

    found = ["gap %s" % style.brief(gap), style.error_text(error)]
    figure, (axes,) = style.canvas(style.COLUMN, 2.2, style.provenance(result, found, leave_out=("times",)))
    axes.set_yscale("log")
    axes.set_xlabel("time $t$ (dimensionless)")
    axes.set_ylabel(r"$\chi^2(\mu_t\,\Vert\,p)$ (dimensionless)")

    t, v = times[finite], chi2[finite]
    low, high = _limits(v, bound, error)
    floor = low / 10  # out of sight: a logarithmic axis has no 0
    axes.fill_between(t, np.maximum(v - error, floor), np.maximum(v + error, floor), color=style.BLUE, alpha=0.25,
                      linewidth=0, gid="error-band")
    axes.plot(t, np.maximum(v, floor), "-", marker="o" if len(t) <= 60 else None, color=style.BLUE, gid="chi2",
              label=r"$\chi^2(\mu_t\,\Vert\,p)$, band: error estimate %s" % _power(error), zorder=3)
    _claimed_rate(axes, times, bound, gap, t[0], v[0])
    for at in times[~finite]:
        axes.plot([at], [0.965], "^", transform=axes.get_xaxis_transform(), color=style.BLUE, markersize=4,
                  clip_on=False, gid="infinite", label=r"$\chi^2$ is infinite" if at == times[~finite][0] else None)
    if low < error:
        axes.axhspan(floor, error, color=style.GREY, alpha=0.15, linewidth=0, gid="unresolved",
                     label="below the error estimate")
    axes.set_ylim(low, high * (4 if finite.all() else 30))
    if times[-1] > times[0]:
        axes.set_xlim(min(0, times[0]) - 0.02 * times[-1], 1.02 * times[-1])
    below_the_marks = 1 if finite.all() else 0.93
    axes.legend(loc="best", bbox_to_anchor=(0, 0, 1, below_the_marks))
    return figure


def _power(value):
    if value == 0:
        return "0"
    mantissa, exponent = ("%.0e" % value).split("e")
    return r"$%s\times10^{%d}$" % (mantissa, int(exponent))


# The claimed rate is a straight line here: two ends draw it. Where chi2 starts infinite, only its slope means anything.
def _claimed_rate(axes, times, bound, gap, first_time, first_value):
    finite = np.isfinite(bound) & (bound > 0)
    if finite.any():
        axes.plot(times[finite], bound[finite], "--", color=style.VERMILLION, gid="claimed-rate",
                  label=r"claimed: $e^{-2\,\mathrm{gap}\,t}\,\chi^2(\mu_0\,\Vert\,p)$, gap = %s" % style.brief(gap))
        return
    # Not below float64: exp(-700).
    last = min(times[-1], first_time + 300 / gap) if gap > 0 else times[-1]
    axes.plot([first_time, last], [first_value, first_value * np.exp(-2 * gap * (last - first_time))], "--",
              color=style.VERMILLION, gid="claimed-rate",
              label=r"slope of the claimed rate $e^{-2\,\mathrm{gap}\,t}$, gap = %s" % style.brief(gap))


# What chi2 reaches above its error fills the axis; the claimed rate may go beyond it by a quarter, not down to 1e-300.
def _limits(values, bound, error):
    bound = bound[np.isfinite(bound) & (bound > 0)]
    low, high = max(values[values > 0].min(), error), max([values.max()] + list(bound[:1]))
    if len(bound):
        low = min(low, max(bound.min(), low * 10 ** -max(1, 0.25 * np.log10(high / low))))
    return max(low / 2, error / 5), high
