#!/usr/bin/env python3
"""Draws the figure of a result file, or of the folder of an experiment. Computes nothing.

    plot.py RESULT [--out FILE.svg|.pdf|.png|.gif]"""
import argparse
import base64
import importlib.util
import io
import os
import re
import sys

SUFFIXES = (".svg", ".pdf", ".png")
ANIMATED = ".gif"
DOTS_AN_INCH = 200  # of an experiment's figure, many of which go into one page
SEEN_RMS = 2  # of 255, in one colour: what a palette may change
FRAME_DOTS, FRAME_COLOURS, FRAME_MILLISECONDS, LAST_MILLISECONDS = 110, 48, 90, 1500


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


def draw_run(run):
    import figures
    import style

    kind = {k.NAME: k for k in figures.OF_EXPERIMENTS}.get(run.manifest["figure"])
    if kind is None:
        raise run.error("/figure", "no figure is called %s; there are %s" % (
            run.manifest["figure"], ", ".join(k.NAME for k in figures.OF_EXPERIMENTS)))
    style.plain()
    return kind, kind.draw(run)


def palette(data):
    """A PNG with a palette in place of 24 bits a pixel, where no eye sees the difference; unchanged where it would, or
    where pillow is not here."""
    try:
        from PIL import Image, ImageChops, ImageStat
    except ImportError:
        return data
    with Image.open(io.BytesIO(data)) as image:
        if image.mode == "RGBA" and image.getextrema()[3] != (255, 255):
            return data
        about = {k: image.info[k] for k in ("dpi",) if k in image.info}
        image = image.convert("RGB")
    small = image.quantize(256, kmeans=2, dither=0)
    difference = ImageStat.Stat(ImageChops.difference(image, small.convert("RGB")))
    if max(difference.rms) > SEEN_RMS:
        return data
    out = io.BytesIO()
    small.save(out, format="PNG", optimize=True, **about)
    return min(out.getvalue(), data, key=len)


def _with_palettes(svg):
    """Pictures inside an SVG."""
    return re.sub(rb"(data:image/png;base64,)([^\"]*)", lambda m: m.group(1) + base64.b64encode(
        palette(base64.b64decode(m.group(2)))), svg)


def render(figure, suffix, **how):
    nothing_that_changes = {".svg": {"Date": None, "Creator": "lml plot"}, ".png": {"Software": "lml plot"},
                            ".pdf": {"CreationDate": None, "Creator": "lml plot", "Producer": None}}
    out = io.BytesIO()
    figure.savefig(out, format=suffix[1:], metadata=nothing_that_changes[suffix], **how)
    return {".png": palette, ".svg": _with_palettes}.get(suffix, bytes)(out.getvalue())


def _whiter(colour):
    return [255] * len(colour) if min(colour, default=0) > 247 else colour


def render_animation(figure, update, frames):
    """A GIF; None where pillow is not here."""
    try:
        from PIL import Image
    except ImportError:
        return None
    figure.set_dpi(FRAME_DOTS)
    images = []
    for frame in range(frames):
        update(frame)
        figure.canvas.draw()
        size = figure.canvas.get_width_height()
        images.append(Image.frombytes("RGBA", size, bytes(figure.canvas.buffer_rgba())).convert("RGB"))
    palette = images[-1].quantize(FRAME_COLOURS, kmeans=2)
    images = [i.quantize(palette=palette, dither=0) for i in images]
    for image in images:  # what pillow takes for white is nearly so
        image.putpalette([c for k in range(0, 3 * FRAME_COLOURS, 3) for c in _whiter(image.getpalette()[k:k + 3])])
    out = io.BytesIO()
    images[0].save(out, format="GIF", save_all=True, append_images=images[1:], loop=0, optimize=True,
                   duration=[FRAME_MILLISECONDS] * (frames - 1) + [LAST_MILLISECONDS])
    return out.getvalue()


def files_of(path, out):
    """[(file, its bytes)]"""
    from files import tell
    from measurements import read_run
    from result import is_experiment, read

    if is_experiment(path):
        run = read_run(path)
        kind, figure = draw_run(run)
        moving = hasattr(kind, "animate") and kind.wants_animation(run)
        stem = os.path.join(run.folder, "figure")
        wanted = [out] if out else [stem + ".svg", stem + ".png"] + ([stem + ANIMATED] if moving else [])
        if ANIMATED in [os.path.splitext(p)[1] for p in wanted] and not moving:
            raise run.error("/draw", "the figure does not move; take .svg, .pdf or .png")
        files = []
        for p in wanted:
            suffix = os.path.splitext(p)[1]
            if suffix == ANIMATED:
                data = render_animation(*kind.animate(run))
                if data is None:
                    tell("no %s: it needs pillow (sudo apt-get install -y python3-pil)" % p)
                    continue
            else:
                data = render(figure, suffix, dpi=DOTS_AN_INCH)
            files.append((p, data))
        return files
    result = read(path)
    if out and out.endswith(ANIMATED):
        raise result.error("", "the figure does not move: --out must end in .svg, .pdf or .png")
    name, figure = draw(result)
    stem = os.path.join(result.folder or "", result.figure_stem or name)
    return [(p, render(figure, os.path.splitext(p)[1])) for p in ([out] if out else [stem + ".svg", stem + ".png"])]


def main():
    parser = argparse.ArgumentParser(prog="lml plot", allow_abbrev=False)
    parser.add_argument("result", metavar="RESULT")
    parser.add_argument("--out", metavar="FILE")
    options = parser.parse_args()
    if options.out is not None and os.path.splitext(options.out)[1] not in SUFFIXES + (ANIMATED,):
        sys.exit("--out %r: must end in .svg, .pdf or .png (or .gif, where the figure moves)" % options.out)
    require_matplotlib()
    from files import ResultError, answer, one_line, write

    try:
        files = files_of(options.result, options.out)
        paths = [path for path, _ in files]
        try:
            write(files)
        except OSError as e:
            raise ResultError(paths[0], "", "cannot be written: %s" % e.strerror)
        answer("\n".join(one_line(path) for path in paths))
    except ResultError as e:
        sys.exit(str(e))


if __name__ == "__main__":
    from files import with_statuses_of_lml

    with_statuses_of_lml(main)
