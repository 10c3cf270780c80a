"""The table of verdicts: to be filtered and sorted, by mouse or keyboard, by table.js."""
from report.section import chip
from report.words import VERDICT, esc, measured, needed, prose

ORDER = {"refuted": 0, "inconclusive": 1, "supported": 2, "not_run": 3}


def _row(i, claim, part):
    value = "%s<br><span class=soft>%s</span>" % (measured(claim), needed(claim)) if "value" in claim else "–"
    return ('<tr data-verdict="%s" data-part="%d"><td data-sort="%d">%s</td><td data-sort="%04d">'
            '<a href="#%s">%s</a><br><span class=soft>%s</span></td><td>%s</td><td class="n">%s</td><td>%s</td></tr>') % (
        claim["verdict"], part, ORDER[claim["verdict"]], chip(claim["verdict"]), i, esc(claim["id"]), prose(claim["title"]),
        prose(claim.get("finding") or claim.get("why", "")), esc(claim["source"]), value,
        "proven" if claim.get("certificate") else "")


def section(material):
    part = {c["id"]: material.paper.place(c["id"])[0] for c in material.claims}
    present = sorted(set(part.values()))
    boxes = "".join('<label><input type="checkbox" name="verdict" value="%s" checked> %s</label>' % (v, chip(v))
                    for v in VERDICT if any(c["verdict"] == v for c in material.claims))
    parts = "".join('<option value="%d">%s</option>' % (i, prose(material.paper.parts[i]["title"])) for i in present)
    head = "".join('<th scope="col"%s><button type="button" data-column="%d">%s<span aria-hidden="true" class="arrow"></span></button></th>' % (
        ' class="n"' if name == "Measured" else "", i, name) for i, name in enumerate(
            ("Verdict", "Claim, and what came out", "Source")))
    return ('<section id="verdicts" aria-labelledby="verdicts-h"><h2 id="verdicts-h">All verdicts</h2>'
            '<form class="filter" role="search"><label>Find <input type="search" name="text" autocomplete="off"></label>'
            '<label>Part <select name="part"><option value="">all of the paper</option>%s</select></label>'
            '<fieldset><legend class="hidden">Verdicts</legend>%s</fieldset><output aria-live="polite">%d of %d</output></form>'
            '<div class="scroll" tabindex="0" role="group" aria-label="table of verdicts"><table id="table"><thead><tr>%s'
            '<th scope="col" class="n">Measured, needed</th><th scope="col">Proof</th></tr></thead><tbody>%s</tbody></table></div></section>') % (
        parts, boxes, len(material.claims), len(material.claims), head,
        "".join(_row(i, c, part[c["id"]]) for i, c in enumerate(material.claims)))
