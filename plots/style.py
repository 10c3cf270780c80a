"""How every figure looks: the width of a column, colours that the colour-blind tell apart (Okabe and Ito 2008) and
line styles that differ in grey, and under each figure the command that made it."""
import json
import textwrap

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

COLUMN, TWO_COLUMNS = 3.4, 6.9  # inches
BLUE, VERMILLION, GREY = "#0072B2", "#D55E00", "#6B6B6B"
CAPTION_POINTS, LINE = 5.8, 0.105  # inches a line

RC = {
    "font.family": "DejaVu Sans", "mathtext.fontset": "dejavusans", "font.size": 7.5, "axes.labelsize": 7.5,
    "legend.fontsize": 6.5, "xtick.labelsize": 6.5, "ytick.labelsize": 6.5, "axes.linewidth": 0.6,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "ytick.minor.width": 0.4, "lines.linewidth": 1.2,
    "lines.markersize": 3, "legend.frameon": False, "legend.handlelength": 2.6, "axes.spines.top": False,
    "axes.spines.right": False, "savefig.dpi": 300, "pdf.fonttype": 42,
    "svg.fonttype": "path", "svg.hashsalt": "lml",  # the same picture everywhere, the same bytes every time
}


def plain():
    """matplotlib as it ships, not as the user's matplotlibrc has it, and with our settings."""
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(RC)


def brief(value):
    text = "%.4g" % value
    return text.replace("-", "−")


def error_sign(error):
    return ("%.1e" % error if error else "0").replace("-", "−")


def error_text(error):
    return "errors below " + error_sign(error)


def provenance(result, found, leave_out=()):
    """The caption: which command on which spec, then what it found."""
    head = "lml %s" % result.command if result.command else "from a document without manifest.json"
    pairs = ["%s=%s" % (k, _short(v)) for k, v in (result.spec or {}).items() if k not in leave_out]
    how = [result.document.get("method"), result.document.get("detail")]
    method = ": ".join(w for w in how if isinstance(w, str))
    tail = found + [t for t in (method, result.version and "lml %s" % result.version) if t]
    return _printable(" ".join([head] + pairs) + ". " + "; ".join(tail) + ".")


def _short(value, longest=90):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False).replace('"', "")
    return text if len(text) <= longest else text[:longest - 1] + "…"


def _printable(text):
    return "".join(c if c.isprintable() else "?" for c in text)


def ticks(axis, limits):
    """Enough numbers on a logarithmic axis of less than two decades, which matplotlib gives one or none."""
    low, high = limits
    if axis.get_scale() != "log" or not 0 < low < high or high / low > 100:
        return
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low > 8 else (1, 1.5, 2, 3, 4, 5, 7)))
    axis.set_major_formatter(FuncFormatter(lambda v, _: "%g" % v))
    axis.set_minor_formatter(NullFormatter())


def canvas(width, height, caption, panels=1, left=0.56, right=0.1, top=0.1, bottom=0.42, between=0.3):
    """A figure of `width` inches with `panels` axes of `height` inches beside each other and the caption under them."""
    return grid(width, height, caption, 1, panels, panels, left, right, top, bottom, between)


def grid(width, height, caption, rows, columns, count, left=0.56, right=0.1, top=0.1, bottom=0.42, between=0.3,
         between_rows=0.3):
    """`count` of them in rows, `between_rows` inches apart."""
    lines = textwrap.wrap(caption, int((width - 0.16) * 72 / (0.53 * CAPTION_POINTS)), break_on_hyphens=False)
    below = bottom + LINE * len(lines) + 0.1
    whole = height * rows + between_rows * (rows - 1) + below + top
    figure = Figure(figsize=(width, whole))
    FigureCanvasAgg(figure)
    each = (width - left - right - between * (columns - 1)) / columns
    axes = []
    for i in range(count):
        row, column = divmod(i, columns)
        x, y = left + column * (each + between), below + (rows - 1 - row) * (height + between_rows)
        axes.append(figure.add_axes([x / width, y / whole, each / width, height / whole]))
    figure.text(0.08 / width, 0.06 / whole, "\n".join(lines), fontsize=CAPTION_POINTS, color="#404040",
                va="bottom", linespacing=1.25, parse_math=False, gid="caption")
    return figure, axes


def label_plane(axes, i, columns, panels):
    """x_1 and x_2 of panel i of a grid over the plane, at its left and lower edges only."""
    axes.tick_params(labelleft=i % columns == 0, labelbottom=i + columns >= panels)
    if i % columns == 0:
        axes.set_ylabel("$x_2$ (dimensionless)")
    if i + columns >= panels:
        axes.set_xlabel("$x_1$ (dimensionless)")
