#!/usr/bin/env python3
"""results.json of `lml check` -> one self-contained HTML page. Standard library only; computes nothing.

    report.py RESULTS.json REPORT.html"""
import html
import json
import os
import sys
import tempfile

STYLE = """
:root { color-scheme: light dark; --ink:#1b1b1f; --soft:#5a5a66; --paper:#fff; --line:#d9d9e0; --panel:#f6f6f9;
  --yes:#0b6b3a; --no:#a3212b; --open:#7a5600; --off:#5a5a66; }
@media (prefers-color-scheme: dark) { :root { --ink:#ececf1; --soft:#b0b0bd; --paper:#17171b; --line:#3a3a44;
  --panel:#202027; --yes:#6fd09b; --no:#ff9a9f; --open:#f0c560; --off:#b0b0bd; } }
* { box-sizing: border-box }
body { margin:0 auto; padding:1.5rem 1rem 4rem; max-width:62rem; font:16px/1.55 system-ui, sans-serif; color:var(--ink);
  background:var(--paper) }
h1 { font-size:1.6rem; line-height:1.25; margin:.2rem 0 .6rem } h2 { font-size:1.2rem; margin:2.6rem 0 .4rem }
h3 { font-size:1rem; margin:1.1rem 0 .2rem }
p { margin:.35rem 0 } .soft { color:var(--soft) } a { color:inherit }
.verdict { font-weight:650; white-space:nowrap } .supported { color:var(--yes) } .refuted { color:var(--no) }
.inconclusive { color:var(--open) } .not_run { color:var(--off) }
.scroll { overflow-x:auto; margin:.5rem 0 } table { border-collapse:collapse; font-size:.9rem; width:100% }
th, td { text-align:left; padding:.3rem .7rem .3rem 0; border-bottom:1px solid var(--line); vertical-align:top }
td.n, th.n { text-align:right; font-variant-numeric:tabular-nums; white-space:nowrap }
table.data { width:auto } caption { text-align:left; color:var(--soft); padding-bottom:.3rem }
dl { display:grid; grid-template-columns:9rem minmax(0,1fr); gap:.3rem 1rem; margin:.6rem 0 } dt { color:var(--soft) } dd { margin:0 }
@media (max-width:34rem) { dl { grid-template-columns:minmax(0,1fr); gap:0 } dd { margin-bottom:.5rem } }
pre { background:var(--panel); padding:.6rem .8rem; overflow-x:auto; font-size:.85rem; border-radius:4px }
section { border-top:1px solid var(--line); margin-top:2rem } details { margin:.5rem 0 }
@media print { details { display:block } section { break-inside:avoid } }
"""

WORD = {"supported": "supported", "refuted": "refuted", "inconclusive": "inconclusive", "not_run": "not run"}


def esc(s):
    return html.escape(str(s), quote=True)


def num(v):
    if v is None:
        return "–"
    if isinstance(v, str):  # an infinity, or the name of a row
        return {"inf": "∞", "-inf": "−∞"}.get(v, esc(v))
    if isinstance(v, float) and v == int(v) and abs(v) < 1e6:
        v = int(v)
    return ("%d" % v if isinstance(v, int) else "%.4g" % v).replace("-", "−")


def verdict(c):
    return '<span class="verdict %s">%s</span>' % (c["verdict"], WORD[c["verdict"]])


def table(t):
    head = "".join('<th class="n" scope="col">%s</th>' % esc(c) for c in t["columns"])
    rows = "".join("<tr>%s</tr>" % "".join('<td class="n">%s</td>' % num(v) for v in r) for r in t["rows"])
    body = '<div class="scroll"><table class="data"><caption>%s</caption><thead><tr>%s</tr></thead><tbody>%s</tbody></table></div>' % (
        esc(t["caption"]), head, rows)
    if len(t["rows"]) > 14:
        return "<details><summary>%s (%d rows)</summary>%s</details>" % (esc(t["caption"]), len(t["rows"]), body)
    return body


def section(c):
    pairs = [("Claim", esc(c["statement"])), ("Source", esc(c["source"]))]
    if c.get("assumptions"):
        pairs.append(("Assuming", esc(c["assumptions"])))
    relation = {"<=": "at most", ">=": "at least"}.get(c.get("relation"), "")
    measured = "<b>%s</b>" % num(c["value"])
    if c.get("uncertainty"):
        measured += " ± %s" % num(c["uncertainty"])
    pairs.append(("Measured", "%s: %s; the claim needs %s %s (%s)" % (
        esc(c["quantity"]), measured, relation, num(c["threshold"]), esc(c["basis"]))))
    pairs.append(("Method", esc(c["method"])))
    if c.get("second_method"):
        text = esc(c["second_method"])
        if "second" in c:
            text += ": <b>%s</b>, agreement asked to %s" % (num(c["second"]["value"]), num(c["second"]["tolerance"]))
        pairs.append(("Second method", text))
    k = c["negative_control"]
    pairs.append(("Control", "%s Measured: <b>%s</b>, %s." % (
        esc(k["what"]), num(k["value"]), "told apart" if k["rejected"] else "NOT told apart")))
    if c.get("certificate"):
        pairs.append(("Proof", esc(c["certificate"])))
    if c.get("smallest"):
        pairs.append(("Smallest counter-example", "%s<pre>lml %s - &lt;&lt;'EOF'\n%s\nEOF</pre>" % (
            esc(c["smallest_sentence"]), esc(c["smallest_command"]), esc(json.dumps(c["smallest"])))))
    if c.get("repair"):
        pairs.append(("What holds instead", "%s <span class=soft>(survived %s attacks)</span>" % (
            esc(c["repair"]["statement"]), num(c["repair"]["attacks"]))))
    if c.get("why"):
        pairs.append(("Why", esc(c["why"])))
    pairs.append(("Again", "<code>./lml check %s</code> <span class=soft>(%.1f s)</span>" % (esc(c["id"]), c["seconds"])))
    body = "".join("<dt>%s</dt><dd>%s</dd>" % p for p in pairs)
    differs = "" if c["verdict"] == c["recorded"] else ' <span class="soft">(recorded: %s)</span>' % WORD[c["recorded"]]
    return '<section id="%s"><h2>%s</h2><p>%s%s. %s</p><dl>%s</dl>%s</section>' % (
        esc(c["id"]), esc(c["title"]), verdict(c), differs, esc(c["finding"]), body, "".join(table(t) for t in c["tables"]))


def page(claims):
    run = [c for c in claims if c["verdict"] != "not_run"]
    off = [c for c in claims if c["verdict"] == "not_run"]
    count = {v: sum(c["verdict"] == v for c in claims) for v in WORD}
    rows = "".join('<tr><td>%s</td><td><a href="#%s">%s</a><br><span class="soft">%s</span></td><td class="soft">%s</td></tr>' % (
        verdict(c), esc(c["id"]), esc(c["title"]), esc(c["finding"]), esc(c["source"])) for c in run)
    off_rows = "".join('<tr><td>%s</td><td>%s</td><td>%s</td></tr>' % (esc(c["id"]), esc(c["title"]), esc(c["why"])) for c in off)
    return """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>The Levenberg-Marquardt-Langevin paper, checked</title><style>%s</style><body><main>
<h1>The Levenberg-Marquardt-Langevin paper, claim by claim</h1>
<p class="soft">arXiv 2505.24222, checked on exact targets. %d claims ran: %d supported, %d refuted, %d inconclusive; %d were not run.</p>
<div class="scroll"><table><thead><tr><th scope="col">Verdict</th><th scope="col">Claim, and what came out</th><th scope="col">Source</th></tr></thead>
<tbody>%s</tbody></table></div>
%s%s</main></body></html>
""" % (STYLE, len(run), count["supported"], count["refuted"], count["inconclusive"], count["not_run"], rows,
       "".join(section(c) for c in run),
       "" if not off else '<section id="not-run"><h2>Not run</h2><div class="scroll"><table><tbody>%s</tbody></table></div></section>' % off_rows)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as f:
        claims = json.load(f)["claims"]
    folder = os.path.dirname(os.path.abspath(sys.argv[2]))
    handle, beside = tempfile.mkstemp(dir=folder, suffix=".html")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as f:
            f.write(page(claims))
        os.chmod(beside, 0o644)
        os.replace(beside, sys.argv[2])
    except BaseException:
        os.unlink(beside)
        raise


main()
