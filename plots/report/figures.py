"""Figures inside the page, as data: each once, and after that a link to it."""
import base64
import struct
import urllib.parse
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
        return "data:image/svg+xml," + urllib.parse.quote(data.decode("utf-8"), safe=" =:/,;.()-_!*'\n"), width, height
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ResultError(path, "", "is no PNG")
    width, height = struct.unpack(">II", data[16:24])
    return "data:image/png;base64," + base64.b64encode(data).decode(), width * 96 // 300, height * 96 // 300


def figure(experiment, shown):
    name = experiment["experiment"]
    if name in shown:
        return '<p>Figure: <a href="#figure-%s">%s</a></p>' % (esc(name), prose(experiment["title"]))
    shown.add(name)
    uri, width, height = embedded(experiment["image"])
    caption = "%s %s" % (prose(experiment["title"].rstrip(".") + "."), prose(experiment.get("question", "")))
    return ('<figure id="figure-%s"><img src="%s" width="%d" height="%d" alt="%s"><figcaption>%s <code>./lml run %s</code>'
            '</figcaption></figure>') % (esc(name), uri, width, height, esc(experiment["title"]), caption, esc(name))
