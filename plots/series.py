"""What the figures of experiments share: series out of the rows of measurements.csv, their looks, axes and captions."""
import textwrap

import style

# Okabe and Ito's colours; each with a marker and dashes of its own, so that grey tells them apart too.
LOOKS = (("black", "o", "-"), ("#0072B2", "s", (0, (5, 1.5))), ("#D55E00", "^", (0, (3, 1, 1, 1))),
         ("#009E73", "D", (0, (1, 1))), ("#CC79A7", "v", (0, (7, 2))), ("#E69F00", "P", (0, (5, 1, 1, 1, 1, 1))),
         ("#56B4E9", "X", (0, (2, 2))), ("#6B6B6B", "*", (0, (8, 1.5, 1, 1.5))))
SIZES = {"quick": " --quick", "normal": "", "full": " --full"}
COUNTED = ("samples", "images", "particles")  # keys of specs that say how many


def strings(run, key, otherwise=()):
    """A draw option that is a text or a list of texts, as a list."""
    value = run.option(key, list(otherwise))
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise run.error("/draw/" + key, "must be a text or a list of texts")
    return value


def shown(run, text, column=None):
    """What a figure calls a value or a measure: draw.names has it, as "column:value" or "value", else its own name."""
    names = run.option("names", {}, dict)
    return str(names.get("%s:%s" % (column, text), names.get(text, text.replace("_", " "))))


def chosen_rows(run):
    """Those that draw.y (measures) and draw.only (values of columns) ask for."""
    measures, only = strings(run, "y"), run.option("only", {}, dict)
    wanted = {run.require_column(c, "/draw/only"): [v] if isinstance(v, str) else [str(x) for x in v]
              for c, v in only.items()}
    known = {r["measure"] for r in run.rows}
    for m in measures:
        if m not in known:
            raise run.error("/draw/y", "there is no measure %s; there are %s" % (m, ", ".join(sorted(known))))
    rows = [r for r in run.rows if (not measures or r["measure"] in measures)
            and all(r[c] in v for c, v in wanted.items())]
    if not any(r["value"] != "" for r in rows):
        raise run.error("", "no figure: there is no measurement of what it draws")
    return rows


def order_of(run, rows, key):
    """Distinct values of key(row): as draw.order has them, then as they come."""
    found = list(dict.fromkeys(key(r) for r in rows))
    first = [v for w in strings(run, "order") for v in dict.fromkeys((w, shown(run, w), (w,))) if v in found]
    return first + [v for v in found if v not in first]


def label_of(run, columns, row):
    return ", ".join(t for t in (shown(run, row[c], c) for c in columns) if t)


def axis_label(run, name, otherwise=None):
    axis = run.axes.get(name) or {}
    label = axis.get("label", otherwise if otherwise is not None else name.replace("_", " "))
    return "%s (%s)" % (label, axis.get("unit", "dimensionless")) if axis.get("unit") != "" else label


def value_axis(run):
    """The axes entry of the values drawn: that of the one measure, else of `value`."""
    measures = strings(run, "y") or list(dict.fromkeys(r["measure"] for r in run.rows))
    return measures[0] if len(measures) == 1 and measures[0] in run.axes else "value"


def caption(run, found=()):
    """Under the figure: the command that makes it, how many samples and seeds, what else must be known."""
    counts = []
    for key in COUNTED:
        numbers = sorted({job["spec"][key] for job in run.jobs if isinstance(job["spec"].get(key), int)})
        if numbers:
            counts.append("%s %s" % (" to ".join("%d" % n for n in dict.fromkeys((numbers[0], numbers[-1]))), key))
    n = len({r["seed"] for r in run.rows}) if "seed" in run.columns() else None
    averaged = run.manifest.get("averaged")
    n = averaged.get("seed", n) if isinstance(averaged, dict) else n
    if counts or n:
        n = n or 1
        counts.append("%d seed%s" % (n, "" if n == 1 else "s"))
    said = [str(run.option("caption", "", str))] + list(found) + [", ".join(counts)]
    head = "lml run %s%s: " % (run.name, SIZES.get(run.manifest["size"], ""))
    tail = "; ".join(t for t in said if t)
    return style._printable(head + (tail + "; " if tail else "") + "lml %s." % run.manifest["version"])


def legend(figure, handles, texts, width, top=0.0, columns=None):
    """Above the panels; `top`: inches kept free above it."""
    if len(texts) < 2 and not any(texts):
        return
    figure.legend(handles, texts, loc="upper center", ncol=columns or legend_columns(texts, width),
                  bbox_to_anchor=(0.5, 1 - top / figure.get_figheight()), borderaxespad=0.3, columnspacing=1.4)


def legend_columns(texts, width):
    widest = max(len(_plain(t)) for t in texts) * 0.052 + 0.55
    return max(1, min(len(texts), int((width - 0.1) / widest)))


def legend_height(texts, width):
    return 0.14 + 0.135 * -(-len(texts) // legend_columns(texts, width)) if texts else 0.1


def _plain(text):
    return "".join(c for c in text if c not in "$\\{}_^")


def wrapped(text, inches, points):
    return "\n".join(textwrap.wrap(text, max(4, int(inches * 72 / (0.53 * points)))))
