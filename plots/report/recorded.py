"""experiments/results/claims.json: what the claims showed, without their words (those are in their files), times and
machine. FINDINGS.md is made from it."""
import json
import os

from files import ResultError, bytes_of, document
from report.paper import Paper

KEPT = ("verdict", "value", "uncertainty", "second", "certificate", "smallest", "smallest_command", "smallest_sentence",
        "repair", "why")
ROWS, DIGITS = 16, 6


def short(value):
    if isinstance(value, float):
        return float("%.*g" % (DIGITS, value))
    if isinstance(value, list):
        return [short(v) for v in value]
    return {k: short(v) for k, v in value.items()} if isinstance(value, dict) else value


def result(claim):
    out = {k: claim[k] if k == "smallest" else short(claim[k]) for k in KEPT if k in claim}
    if "negative_control" in claim:
        out["negative_control"] = {k: short(claim["negative_control"][k]) for k in ("value", "rejected", "first")
                                   if k in claim["negative_control"]}
    tables = [short(t) for t in claim.get("tables", ()) if len(t["rows"]) <= ROWS]
    return dict(out, tables=tables) if tables else out


def text(path, material):
    """The file with the claims of `material` put in place of what it had of them. A claim that did not run changes
    nothing, and a verdict that is not the recorded one is refused."""
    kept = document(bytes_of(path), path)["claims"] if os.path.exists(path) else {}
    paper = Paper()
    files = paper.claim_files()
    for claim in material.claims:
        said = files.get(claim["id"], {}).get("recorded")
        if claim["verdict"] == "not_run" and said != "not_run":
            continue
        if claim["verdict"] != said:
            raise ResultError(path, "", "%s came out as %s; its file records %s" % (claim["id"], claim["verdict"], said))
        kept[claim["id"]] = result(claim)
    order = sorted((c for c in kept if c in files), key=paper.place)
    lines = ["%s: %s" % (json.dumps(c), json.dumps(kept[c], ensure_ascii=False)) for c in order]
    return '{"claims": {\n%s\n}}\n' % ",\n".join(lines)
