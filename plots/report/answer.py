"""The first screen: what holds, what does not, what to use instead. A sentence whose claims came out otherwise is not
shown as the answer."""
import re

from files import ResultError
from report.words import VERDICT, esc, number, prose

COLUMNS = (("holds", "What holds"), ("fails", "What does not"), ("instead", "What to use instead"))
OPEN = "What stays open"
SYMBOLS = prose("The paper's symbols: p_t the noisy law of the data, p any law, s the score, D the damped metric, div D its divergence, C the"
                " Poincare constant, D_y the diameter of the data, d the dimension, eps the noise prediction.")
VALUE = re.compile(r"\{([\w-]+)(:%)?\}")


def _standing(material, claims):
    """True: as said. False: this run found otherwise. None: not all of it was run."""
    verdicts = [(material.by_id.get(c, {}).get("verdict", "not_run"), v) for c, v in claims.items()]
    if any(found not in (said, "not_run") for found, said in verdicts):
        return False
    return True if all(found == said for found, said in verdicts) else None


def _filled(material, text):
    def value(match):
        claim = material.by_id.get(match.group(1))
        if claim is None or not isinstance(claim.get("value"), (int, float)):
            raise ResultError(material.paper.file, "/answer", "has no value to show of %s" % match.group(1))
        return number(100 * claim["value"], 3) + "%" if match.group(2) else number(claim["value"], 3)

    return VALUE.sub(value, prose(text))


def sentences(material, column):
    """(HTML, ids of its claims) of every sentence that this material bears out."""
    return [(_filled(material, s["text"]), list(s["claims"])) for s in material.paper.answer[column]
            if _standing(material, s["claims"])]


def contradicted(material):
    answer = material.paper.answer
    said = [answer["rests_on"]] + [s["claims"] for column in ("holds", "fails", "instead", "open") for s in answer[column]]
    return sorted({c for claims in said if _standing(material, claims) is False for c, v in claims.items()
                   if material.by_id.get(c, {}).get("verdict", v) not in (v, "not_run")})


def verdict_sentence(material):
    answer = material.paper.answer
    return prose(answer["sentence"]) if _standing(material, answer["rests_on"]) else ""


def counts(claims):
    """Of the paper's claims and this project's, not of the reader's own."""
    claims = [c for c in claims if not c["id"].startswith("own-")]
    number_of = {v: sum(c["verdict"] == v for c in claims) for v in VERDICT}
    words = ["%d hold" % number_of["supported"], "%d fail" % number_of["refuted"]]
    if number_of["inconclusive"]:
        words.append("%d undecided" % number_of["inconclusive"])
    if number_of["not_run"]:
        words.append("%d not run" % number_of["not_run"])
    return "%d statements: %s" % (len(claims), ", ".join(words[:-1]) + " and " + words[-1])


def section(material):
    """What stands under the page's heading."""
    if material.target:
        return '<p class="lead">Asked of the target %s alone. %s.</p>' % (esc(material.target), esc(counts(material.claims)))
    sentence = verdict_sentence(material)
    out = ['<p class="lead">%s</p>' % sentence] if sentence else []
    out.append('<p class="soft">arXiv 2505.24222, settled on exact targets and on trained networks; every check also had to give'
               ' the opposite verdict where that is known to be right. %s, several of them readings of one sentence of the'
               ' paper%s. <a href="#verdicts">All verdicts</a></p>' % (esc(counts(material.claims)), _origin(material.claims)))
    columns = []
    for column, heading in COLUMNS:
        items = sentences(material, column)
        if items:
            columns.append('<div class="%s"><h2>%s</h2><ul>%s</ul></div>' % (column, heading, "".join(
                '<li>%s %s</li>' % (text, _links(ids)) for text, ids in items)))
    if columns:
        out.append('<div class="columns">%s</div>' % "".join(columns))
    if columns:
        out.append('<p class="soft">%s</p>' % SYMBOLS)
    unsettled = sentences(material, "open")
    if unsettled:
        out.append('<details><summary>%s</summary><ul>%s</ul></details>' % (OPEN, "".join(
            "<li>%s %s</li>" % (text, _links(ids)) for text, ids in unsettled)))
    wrong = contradicted(material)
    if wrong:
        out.append('<p class="warn">Not as recorded in this run: %s</p>' % ", ".join(
            '<a href="#%s">%s</a>' % (esc(c), esc(c)) for c in wrong))
    return "".join(out)


def _origin(claims):
    ran = sum("seconds" in c for c in claims if c["verdict"] != "not_run")
    kept = sum("seconds" not in c for c in claims if c["verdict"] != "not_run")
    return " (%d computed here, %d results kept in the repository)" % (ran, kept) if kept else ""


def _links(ids):
    return '<span class="why">%s</span>' % " ".join(
        '<a href="#%s" aria-label="evidence: %s">%s</a>' % (esc(i), esc(i), n) for n, i in enumerate(ids, 1))
