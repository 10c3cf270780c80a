"""Figures inside the page, as data, each once."""
import base64
import shlex
import struct
import xml.etree.ElementTree as ElementTree

from files import ResultError, bytes_of
from report.words import esc, prose, seconds


def _svg_size(data, path):
    try:
        root = ElementTree.fromstring(data)
        return tuple(round(float(root.get(k).rstrip("pt")) * 96 / 72) for k in ("width", "height"))
    except (ElementTree.ParseError, AttributeError, ValueError):
        raise ResultError(path, "", "is no SVG of matplotlib")


def embedded(path):
    """(data URI, width, height) of an SVG or PNG file."""
    data = bytes_of(path)
    if path.endswith(".svg"):
        width, height = _svg_size(data, path)
        # Shorter than base64: inside, quotes are single, and only what the address or the attribute would end at is encoded.
        text = data.decode("utf-8").replace("'", "&apos;").replace('"', "'").replace("&", "&amp;")
        return "data:image/svg+xml," + text.replace("%", "%25").replace("#", "%23").replace("\n", " "), width, height
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ResultError(path, "", "is no PNG")
    width, height = struct.unpack(">II", data[16:24])
    return "data:image/png;base64," + base64.b64encode(data).decode(), width * 96 // 300, height * 96 // 300


def command(experiment):
    """How the experiment is run again."""
    size = {"quick": ["--quick"], "full": ["--full"]}.get(experiment.get("size"), [])
    changed = [w for s in experiment.get("set") or () for w in ("--set", str(s))]
    return "./lml run " + " ".join(shlex.quote(w) for w in [experiment["experiment"]] + size + changed)


def figure(experiment):
    name, title = experiment["experiment"], prose(experiment["title"])
    uri, width, height = embedded(experiment["image"])
    about = ["computed in " + seconds(experiment["computing_seconds"])] if "computing_seconds" in experiment else []
    if "numbers" in experiment:
        about.append("%d number%s in <code>%s</code>" % (
            experiment["rows"], "s" * (experiment["rows"] != 1), esc(experiment["numbers"])))
    return ('<figure id="figure-%s"><div class="scroll" tabindex="0" role="group" aria-label="figure"><img src="%s" width="%d" height="%d" alt="%s"></div>'
            '<figcaption>%s. %s <code>%s</code>%s</figcaption></figure>') % (
        esc(name), uri, width, height, esc(experiment["title"]), title.rstrip("."), prose(experiment.get("question", "")),
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
