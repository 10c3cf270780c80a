"""Figures inside the page, as data, each once."""
import base64
import re
import shlex
import struct
import xml.etree.ElementTree as ElementTree

from files import ResultError, bytes_of
from measurements import arguments
from report.words import esc, prose, seconds


SCREEN = 120  # pixels of the page for an inch of a figure: its letters are as small as those of a printed column
LONGER = 1.5
STILL = "print, (prefers-reduced-motion: reduce)"


def _svg_size(data, path):
    try:
        root = ElementTree.fromstring(data)
        return tuple(round(float(root.get(k).rstrip("pt")) * SCREEN / 72) for k in ("width", "height"))
    except (ElementTree.ParseError, AttributeError, ValueError):
        raise ResultError(path, "", "is no SVG of matplotlib")


NUMBERS = re.compile(r' (d|x|y|points|transform)="([^"]*)"')
SCALE, LONG_NUMBER = r"(?:scale|matrix)\([^)]*\)", r"-?\d+\.\d{3,}"


def _shorter(match):
    """Coordinates to a hundredth of a point; scales as they are."""
    name, value = match.group(1), " ".join(match.group(2).split())
    if name == "d":
        value = re.sub(r" ?([MLHVCSQTAZ]) ?", r"\1", value, flags=re.I)
    return ' %s="%s"' % (name, re.sub(SCALE + "|(" + LONG_NUMBER + ")", lambda m: (
        "%.2f" % float(m.group(1))).rstrip("0").rstrip(".") if m.group(1) else m.group(0), value))


def compact(svg):
    """An SVG of matplotlib without what only programs that edit it need."""
    svg = re.sub(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.S)
    used = set(re.findall(r"#([\w-]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: m.group(0) if m.group(1) in used else "", svg)
    svg = re.sub(r' style="[^"]*"', lambda m: m.group(0).replace(": ", ":").replace("; ", ";"), svg)
    return re.sub(r">\s+<", "><", NUMBERS.sub(_shorter, svg)).strip()


def embedded(path):
    """(data URI, width, height) of an SVG, PNG or GIF file."""
    data = bytes_of(path)
    if path.endswith(".svg"):
        width, height = _svg_size(data, path)
        # Shorter than base64: inside, quotes are single, and only what the address or the attribute would end at is encoded.
        text = compact(data.decode("utf-8")).replace("'", "&apos;").replace('"', "'").replace("&", "&amp;")
        return "data:image/svg+xml," + text.replace("%", "%25").replace("#", "%23").replace("\n", " "), width, height
    if path.endswith(".gif") and data[:6] in (b"GIF87a", b"GIF89a"):
        kind, dots, (width, height) = "gif", 110, struct.unpack("<HH", data[6:10])
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        kind, dots, (width, height) = "png", 200, struct.unpack(">II", data[16:24])
    else:
        raise ResultError(path, "", "is no PNG" if path.endswith(".png") else "is no GIF")
    return "data:image/%s;base64,%s" % (kind, base64.b64encode(data).decode()), width * SCREEN // dots, height * SCREEN // dots


def _still(paths):
    """The first of the files, unless another is much shorter: lines stay sharp, clouds of points stay small."""
    found = [embedded(p) for p in paths]
    shortest = min(len(uri) for uri, _, _ in found)
    return next(f for f in found if len(f[0]) <= LONGER * shortest)


def _image(experiment):
    """What moves stands still on paper and where the reader asked for less motion, and can be stopped."""
    still, alt = _still(experiment["images"]), ' alt="%s"' % esc(experiment["title"])
    if not experiment.get("moving"):
        return '<img src="%s" width="%d" height="%d"' % still + alt + ">"
    return ('<picture><source media="%s" srcset="%s" width="%d" height="%d"><img src="%s" width="%d" height="%d"%s></picture>'
            '<p class="buttons"><button type="button" class="stop" hidden>Stop</button></p>') % (
        STILL, still[0].replace(" ", "%20"), *still[1:], *embedded(experiment["moving"]), alt)


def command(experiment):
    return "./lml run " + shlex.join(arguments(experiment))


def figure(experiment):
    name, title = experiment["experiment"], prose(experiment["title"])
    about = ["computed in " + seconds(experiment["computing_seconds"])] if "computing_seconds" in experiment else []
    if "numbers" in experiment:
        about.append("%d number%s in <code>%s</code>" % (
            experiment["rows"], "s" * (experiment["rows"] != 1), esc(experiment["numbers"])))
    return ('<figure id="figure-%s"><div class="scroll" tabindex="0" role="group" aria-label="figure">%s</div>'
            '<figcaption>%s. %s <code>%s</code>%s</figcaption></figure>') % (
        esc(name), _image(experiment), title.rstrip("."), prose(experiment.get("question", "")),
        esc(command(experiment)), " (%s)" % ", ".join(about) if about else "")


def of_claim(material, experiment, claim_id):
    """The figure where it belongs, in the section of the first of its claims, and a link to it in the others."""
    if claim_id == next(c for c in experiment["claims"] if c in material.by_id):
        return figure(experiment)
    return '<p>Figure: <a href="#figure-%s">%s</a></p>' % (esc(experiment["experiment"]), prose(experiment["title"]))


def others(material):
    """Experiments that are about no claim of the page: the reader's own, mostly."""
    found = material.other_experiments()
    if not found:
        return ""
    return '<section id="others" aria-labelledby="others-h"><h2 id="others-h">Other experiments</h2>%s</section>' % "".join(
        '<section class="claim" id="experiment-%s" aria-labelledby="experiment-%s-h"><h3 id="experiment-%s-h">%s</h3>%s</section>' % (
            esc(e["experiment"]), esc(e["experiment"]), esc(e["experiment"]), prose(e["title"]), figure(e)) for e in found)
