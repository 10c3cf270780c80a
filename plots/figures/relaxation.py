"""How laws on the line relax: `x` [n], `density` [times][n] and `target_density` [n] of each job of `lml converge`, with
its chi-squared; a line a job.

`draw` takes: names, shown (times whose densities are drawn), animated (true: a GIF too, a frame a time), order, caption."""
import numpy as np

import style
from series import LOOKS, axis_label, caption, legend, legend_height, shown

NAME = "relaxation"
OPTIONS = ("names", "shown", "animated", "order", "caption")
NEGLIGIBLE, POINTS = 1e-3, 160


class _Law:
    def __init__(self, run, i):
        self.name = ", ".join(shown(run, v, c) for c, v in (run.jobs[i].get("vary") or {}).items())
        self.times, self.chi2 = run.array(i, "times", [1]), run.array(i, "chi2", [1])
        self.x, self.target = run.array(i, "x", [1]), run.array(i, "target_density", [1])
        self.density = run.array(i, "density", [2])
        if self.density.shape != (len(self.times), len(self.x)) or self.target.shape != self.x.shape or \
                self.chi2.shape != self.times.shape:
            raise run.error("/jobs/%d: density" % i, "does not fit the times and places")
        seen = np.flatnonzero(np.maximum(self.density.max(0), self.target) > NEGLIGIBLE * self.target.max())
        # Of thousands of nodes those that a line of the figure's width can show.
        places = np.linspace(self.x[seen[0]], self.x[seen[-1]], POINTS)
        kept = np.unique(np.clip(np.searchsorted(self.x, places), 0, len(self.x) - 1))
        self.x, self.target, self.density = self.x[kept], self.target[kept], self.density[:, kept]


def draw(run):
    laws, looks = _laws(run)
    times = run.option("shown", [], list) or [float(t) for t in laws[0].times[[0, len(laws[0].times) // 2, -1]]]
    indices = []
    for t in times:
        found = np.flatnonzero(laws[0].times == t)
        if not found.size:
            raise run.error("/draw/shown", "%s is none of the times" % t)
        indices.append(int(found[0]))
    figure, top = style.grid(style.TWO_COLUMNS, 1.25, caption(run), 2, len(times), len(times), between=0.12,
                             between_rows=0.55, top=_legend_height(laws) + 0.17)
    for k, (axes, at) in enumerate(zip(top, indices)):
        _target(axes, laws[0])
        for law, look in zip(laws, looks):
            axes.plot(law.x, law.density[at], color=look[0], linestyle=look[2], gid="density")
        _density_axes(axes, laws, k == 0)
        axes.set_title("$t=%g$" % laws[0].times[at], fontsize=7, pad=3)
    left, right = top[0].get_position(), top[-1].get_position()
    bottom = figure.add_axes([left.x0, left.y0 - (1.25 + 0.55) / figure.get_figheight(), right.x1 - left.x0, left.height])
    _decay(run, bottom, laws, looks)
    for t in times:
        bottom.axvline(t, color=style.GREY, linewidth=0.6, linestyle=(0, (1, 2)), zorder=1)
    _legend(figure, laws, looks)
    return figure


def animate(run):
    laws, looks = _laws(run)
    figure, (density, decay) = style.canvas(style.TWO_COLUMNS, 2.3, caption(run), 2, between=0.55,
                                            top=_legend_height(laws) + 0.17)
    _target(density, laws[0])
    lines = [density.plot([], [], color=look[0], linestyle=look[2])[0] for look in looks]
    _density_axes(density, laws, True)
    clock = density.set_title(" ", fontsize=7, pad=3)
    _decay(run, decay, laws, looks)
    dots = [decay.plot([], [], look[1], color=look[0], markersize=5, zorder=4)[0] for look in looks]
    _legend(figure, laws, looks)

    def update(frame):
        clock.set_text("$t=%.2f$" % laws[0].times[frame])
        for law, line, dot in zip(laws, lines, dots):
            line.set_data(law.x, law.density[frame])
            dot.set_data(law.times[frame:frame + 1], law.chi2[frame:frame + 1])

    return figure, update, len(laws[0].times)


def wants_animation(run):
    return run.option("animated", False, bool)


def _laws(run):
    run.require_options(OPTIONS)
    laws = [_Law(run, i) for i in range(len(run.jobs))]
    if len(laws) >= len(LOOKS):
        raise run.error("/jobs", "make %d lines; at most %d can be told apart" % (len(laws), len(LOOKS) - 1))
    if any(not np.array_equal(law.times, laws[0].times) for law in laws):
        raise run.error("/jobs", "no figure: they have different times")
    looks = [LOOKS[k] for k in range(len(laws), 0, -1)]
    return laws, looks[:-1] + [(*looks[-1][:2], "-")]


def _legend_height(laws):
    return legend_height([law.name for law in laws] + ["p"], style.TWO_COLUMNS)


def _legend(figure, laws, looks):
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    legend(figure, [Line2D([], [], color=look[0], linestyle=look[2]) for look in looks] + [Patch(color="#D0D0D0")],
           [law.name for law in laws] + ["target $p_t$"], style.TWO_COLUMNS)


def _target(axes, law):
    axes.fill_between(law.x, law.target, color="#D0D0D0", linewidth=0, gid="target")


def _density_axes(axes, laws, first):
    axes.set_xlim(min(law.x[0] for law in laws), max(law.x[-1] for law in laws))
    axes.set_ylim(0, 1.06 * max(max(law.density.max(), law.target.max()) for law in laws))
    axes.set_xlabel("$x$ (dimensionless)")
    axes.tick_params(labelleft=first)
    if first:
        axes.set_ylabel("density (dimensionless)")


def _decay(run, axes, laws, looks):
    axes.set_yscale((run.axes.get("value") or {}).get("scale", "linear"))
    for law, look in zip(laws, looks):
        axes.plot(law.times, law.chi2, color=look[0], linestyle=look[2], gid="chi2")
    axes.set_xlim(0, laws[0].times[-1])
    axes.set_xlabel(axis_label(run, "time"))
    axes.set_ylabel(axis_label(run, "value"))
    style.ticks(axes.yaxis, axes.get_ylim())
