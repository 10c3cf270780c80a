"""A section a claim: statement, reading, numbers, second method, control, proof, counter-example, repair, command."""
import json
import re
import shlex

from report import figures
from report.words import VERDICT, esc, measured, needed, number, prose, seconds

NAME = re.compile(r"(?<![\w/-])(?<!check )[a-zA-Z]+\d*(?:-[a-zA-Z0-9]+)+(?![\w-])")
ROWS, LONG = 12, 24  # of tables: shown unfolded; not on paper either


def chip(verdict):
    return '<span class="verdict %s">%s</span>' % (verdict, VERDICT[verdict])


def replay(claim):
    """The counter-example as a command that any shell runs."""
    return "./lml %s - <<'SPEC'\n%s\nSPEC" % (shlex.quote(claim["smallest_command"]), json.dumps(claim["smallest"]))


def _is_word(value):
    return isinstance(value, str) and value not in ("inf", "-inf")


def table(t):
    words = [bool(t["rows"]) and _is_word(v) for v in (t["rows"] or [[]])[0]]
    words += [False] * (len(t["columns"]) - len(words))
    head = "".join('<th scope="col"%s>%s</th>' % (' class="word"' if w else "", prose(c)) for c, w in zip(t["columns"], words))
    rows = "".join("<tr>%s</tr>" % "".join(
        '<td class="word">%s</td>' % esc(v) if _is_word(v) else "<td>%s</td>" % number(v) for v in row) for row in t["rows"])
    body = ('<div class="scroll" tabindex="0" role="group" aria-label="%s"><table class="data"><thead><tr>%s</tr></thead>'
            "<tbody>%s</tbody></table></div>") % (esc(t["name"]), head, rows)
    if len(t["rows"]) <= ROWS:
        return '<p class="soft">%s</p>%s' % (prose(t["caption"]), body)
    return "<details%s><summary>%s (%d rows)</summary>%s</details>" % (
        ' class="long"' if len(t["rows"]) > LONG else "", prose(t["caption"]), len(t["rows"]), body)


def _rows(material, claim):
    if claim.get("assumptions"):
        yield "Reading tested", prose(claim["assumptions"])
    yield "Measured", "<b>%s</b>, where the claim needs %s (%s): %s." % (
        measured(claim), needed(claim), prose(claim["basis"].rstrip(".")), prose(claim["quantity"].rstrip(".")))
    yield "Method", prose(claim["method"])
    if claim.get("second_method"):
        text = prose(claim["second_method"])
        if "second" in claim:
            text = "<b>%s</b>, asked to agree within %s. %s" % (
                number(claim["second"]["value"]), number(claim["second"]["tolerance"], 2), text)
        yield "Second method", text
    control = claim["negative_control"]
    yield "Negative control", "<b>%s</b>, %s%s. %s" % (
        number(control["value"]), "told apart" if control["rejected"] else "NOT told apart",
        " (the second of two; the first, %s, comes out as the claim does)" % number(control["first"]) if "first" in control else "",
        prose(control["what"]))
    if claim.get("certificate"):
        yield "Proof", prose(claim["certificate"])
    if claim.get("smallest"):
        yield "Smallest counter-example", "%s<pre tabindex=0>%s</pre>" % (prose(claim["smallest_sentence"]), esc(replay(claim)))
    instead = ""
    if claim.get("repair"):
        instead = "%s <span class=soft>(survived %s attacks)</span>" % (
            prose(claim["repair"]["statement"]), number(claim["repair"]["attacks"]))
    if claim["verdict"] == "refuted":
        instead += _equation(material, material.paper.repaired_by.get(claim["id"], ""), "what holds instead")
    if instead:
        yield "What holds instead", instead


def _linked(material, text):
    """Names of other claims become links to them."""
    def link(match):
        name = match.group(0)
        return '<a href="#%s">%s</a>' % (name, name) if name in material.by_id else name

    return NAME.sub(link, text)


def _equation(material, name, label):
    equation = material.paper.equation(name)
    return '<div class="equation" tabindex="0" role="group" aria-label="%s">%s</div>' % (esc(label), equation) if equation else ""


def section(material, claim):
    out = ['<section id="%s" class="claim" aria-labelledby="%s-h"><h3 id="%s-h">%s %s</h3>' % (
        esc(claim["id"]), esc(claim["id"]), esc(claim["id"]), chip(claim["verdict"]), prose(claim["title"]))]
    if claim["verdict"] != claim["recorded"] and not material.target:
        out.append('<p class="warn">Recorded is: %s.</p>' % VERDICT[claim["recorded"]])
    if claim.get("finding"):
        out.append('<p class="finding">%s</p>' % _linked(material, prose(claim["finding"])))
    out.append(_equation(material, material.paper.equation_name(claim["id"]), claim["source"]))
    source = "The statement" if claim["source"] == "own" else esc(claim["source"])
    pairs = [(source, prose(claim["statement"]))]
    if claim["verdict"] != "not_run":
        pairs += _rows(material, claim)
    if claim.get("why"):
        pairs.append(("Why", prose(claim["why"])))
    took = '<code>./lml check %s</code>' % esc(claim["id"])
    if claim["verdict"] != "not_run":
        took += ' <span class="soft">(%s)</span>' % (
            "took " + seconds(claim["seconds"]) if "seconds" in claim else "a result kept in the repository, not run here")
    pairs.append(("Again", took))
    out.append("<dl>%s</dl>" % "".join("<div><dt>%s</dt><dd>%s</dd></div>" % (name, _linked(material, text)) for name, text in pairs))
    out += [figures.of_claim(material, e, claim["id"]) for e in material.figures_of(claim["id"])]
    out += [table(t) for t in claim.get("tables", ())]
    return "".join(out) + "</section>"
