"""Figures inside the page, as data, each once."""
import base64
import struct
import xml.etree.ElementTree as ElementTree

from files import ResultError, bytes_of
from report.words import esc, prose


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


def figure(material, experiment, claim_id):
    """The figure where it belongs, in the section of the first of its claims, and a link to it in the others."""
    name, title = experiment["experiment"], prose(experiment["title"])
    if claim_id != next(c for c in experiment["claims"] if c in material.by_id):
        return '<p>Figure: <a href="#figure-%s">%s</a></p>' % (esc(name), title)
    uri, width, height = embedded(experiment["image"])
    size = {"quick": " --quick", "full": " --full"}.get(experiment.get("size"), "")
    return ('<figure id="figure-%s"><div class="scroll" tabindex="0" role="group" aria-label="figure"><img src="%s" width="%d" height="%d" alt="%s"></div>'
            '<figcaption>%s. %s <code>./lml run %s%s</code></figcaption></figure>') % (
        esc(name), uri, width, height, esc(experiment["title"]), title.rstrip("."), prose(experiment.get("question", "")),
        esc(name), size)
