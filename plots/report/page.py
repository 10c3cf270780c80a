"""The page: answer, interactive part, table of verdicts, a section a claim, experiments about none. One file, no network."""
import os

from report import answer, figures, mixture, section, verdicts
from report.words import esc, prose

HERE = os.path.dirname(os.path.abspath(__file__))
TITLE = "Is the Levenberg-Marquardt-Langevin paper right?"
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
<title>%s</title><style>%s</style></head>
<body><a class="skip" href="#verdicts">To the verdicts</a>
<header><h1>%s</h1>%s%s</header><main>"""


def source(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return f.read()


def _parts(material):
    out, last = [], None
    for claim in material.claims:
        part = material.paper.place(claim["id"])[0]
        if part != last:
            out.append('<h2 id="part-%d">%s</h2>' % (part, prose(material.paper.parts[part]["title"])))
        out.append(section.section(material, claim))
        last = part
    return "".join(out)


def _navigation(material):
    present = sorted({material.paper.place(c["id"])[0] for c in material.claims})
    links = ['<a href="#try">Try it</a>', '<a href="#verdicts">All verdicts</a>'] + [
        '<a href="#part-%d">%s</a>' % (i, prose(material.paper.parts[i]["title"].split(":")[0].split(" (")[0])) for i in present]
    if material.other_experiments():
        links.append('<a href="#others">Other experiments</a>')
    return '<nav aria-label="On this page">%s</nav>' % " ".join(links)


def text(material):
    title = TITLE if not material.target else TITLE.replace("Is the", "Do the claims of the").replace(" right?", " hold?")
    notes = "".join("<li>%s</li>" % esc(n) for n in material.notes)
    return "".join([
        HEAD % (title, source("style.css"), title, answer.section(material), _navigation(material)),
        mixture.section(), verdicts.section(material), _parts(material),
        figures.others(material),
        '<section id="not-shown"><h2>Not shown</h2><ul>%s</ul></section>' % notes if notes else "",
        "</main><script>%s</script></body></html>\n" % "\n".join(source(s) for s in ("table.js",) + mixture.SCRIPTS)])
