#!/usr/bin/env python3
"""Draws the figure of a result file. Computes nothing.

    plot.py RESULT [--out FILE.svg|.pdf|.png]"""
import argparse
import importlib.util
import io
import os
import sys
import traceback

SUFFIXES = (".svg", ".pdf", ".png")


def require_matplotlib():
    """Goes on under Debian's python3 where the one first in PATH (of a virtual environment, say) has no matplotlib."""
    if importlib.util.find_spec("matplotlib"):
        return
    debian = "/usr/bin/python3"
    if sys.executable != debian and os.access(debian, os.X_OK):
        os.execv(debian, [debian] + sys.argv)
    print("figures need matplotlib, which is not here:  sudo apt-get install -y --no-install-recommends "
          "python3-matplotlib", file=sys.stderr)
    sys.exit(3)


def draw(result):
    import figures
    import style

    if result.document.get("exists") is False:
        why = result.document.get("why")
        raise result.error("/exists", "no figure: there is no such law" + (": %s" % why if why else ""))
    for kind in figures.KINDS:
        if kind.fits(result):
            style.plain()
            return kind.NAME, kind.draw(result)
    raise result.error("/", "no figure: " + (
        "none is drawn of `lml %s`" % result.command if result.command else "this is no result of lml compare, "
        "lml converge or lml stationary"))


def render(figure, suffix):
    nothing_that_changes = {".svg": {"Date": None, "Creator": "lml plot"}, ".png": {"Software": "lml plot"},
                            ".pdf": {"CreationDate": None, "Creator": "lml plot", "Producer": None}}
    out = io.BytesIO()
    figure.savefig(out, format=suffix[1:], metadata=nothing_that_changes[suffix])
    return out.getvalue()


def main():
    parser = argparse.ArgumentParser(prog="lml plot", allow_abbrev=False)
    parser.add_argument("result", metavar="RESULT")
    parser.add_argument("--out", metavar="FILE")
    options = parser.parse_args()
    if options.out is not None and os.path.splitext(options.out)[1] not in SUFFIXES:
        sys.exit("--out %r: must end in .svg, .pdf or .png" % options.out)
    require_matplotlib()
    from files import ResultError, one_line, write
    from result import read

    try:
        result = read(options.result)
        name, figure = draw(result)
        stem = os.path.join(result.folder or "", result.figure_stem or name)
        paths = [options.out] if options.out else [stem + ".svg", stem + ".png"]
        files = [(path, render(figure, os.path.splitext(path)[1])) for path in paths]
        try:
            write(files)
        except OSError as e:
            raise ResultError(paths[0], "", "cannot be written: %s" % e.strerror)
        print("\n".join(one_line(path) for path in paths), flush=True)
    except ResultError as e:
        sys.exit(str(e))


# An uncaught exception would end with status 1, which in lml says that a verdict differs.
def bad_input(message):
    print(message, file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    try:
        main()
    except SystemExit as e:
        if isinstance(e.code, str):
            bad_input(e.code)
        raise
    except Exception:
        bad_input(traceback.format_exc())
