"""What there is to report: results of claims, results of experiments, and what of both cannot be shown, with why."""
import hashlib
import os
import subprocess
import sys

from files import ResultError, bytes_of, document, one_line
from measurements import read_run, refuse_newer
from report.paper import ROOT, Paper

RECORD = os.path.join(ROOT, "experiments", "results", "claims.json")
NEEDED = {"id": str, "source": str, "title": str, "statement": str, "verdict": str, "recorded": str}


class Material:
    """`target` names a target of the user's own: then the verdicts are about it, not about the paper."""

    def __init__(self, claims, target=""):
        self.paper, self.claims, self.target, self.experiments, self.notes = Paper(), claims, target, [], []
        self.by_id = {c["id"]: c for c in claims}

    def figures_of(self, claim_id):
        return [e for e in self.experiments if claim_id in e["claims"]]

    def other_experiments(self):
        """Those that belong to no claim here."""
        return [e for e in self.experiments if not any(c in self.by_id for c in e["claims"])]


def of_check(folder, target=""):
    """One run of `lml check`."""
    path = os.path.join(folder, "result.json")
    claims = document(bytes_of(path), path).get("claims")
    if not isinstance(claims, list):
        raise ResultError(path, "/claims", "is missing or no list: this is no result of lml check")
    for i, claim in enumerate(claims):
        for key, kind in NEEDED.items():
            if not isinstance(claim, dict) or not isinstance(claim.get(key), kind):
                raise ResultError(path, "/claims/%d/%s" % (i, key), "is missing or no string")
    return Material(claims, target)


def of_repository():
    """The results that are kept in the repository, with the words of the claims' files."""
    if not os.path.exists(RECORD):
        return Material([])
    kept = document(bytes_of(RECORD), RECORD)["claims"]
    paper, claims = Paper(), []
    files = paper.claim_files()
    for claim_id, result in kept.items():
        if claim_id in files:
            claims.append(_joined(files[claim_id], result))
    claims.sort(key=lambda c: paper.place(c["id"]))
    return Material(claims)


def _joined(words, result):
    out = {k: v for k, v in words.items() if k not in ("control", "cost", "needs", "takes_target")}
    out.update(result)
    if "negative_control" in result:
        out["negative_control"] = dict(result["negative_control"], what=words["control"])
    out.setdefault("tables", [])
    return out


def of_results(folder):
    """Everything under `folder`; where a claim did not run there, what the repository has of it."""
    kept, check, paper = of_repository().claims, os.path.join(folder, "check"), Paper()
    fresh, note = [], None
    if os.path.exists(os.path.join(check, "result.json")):
        try:
            require_whole(check)
            fresh = sorted(of_check(check).claims, key=lambda c: paper.place(c["id"]))
        except ResultError as e:
            note = str(e)
    ran = {c["id"] for c in fresh if c["verdict"] != "not_run"}
    old = [c for c in kept if c["id"] not in ran]
    claims = [c for c in fresh if c["id"] in ran or c["id"] not in {o["id"] for o in old}] + old
    out = Material(sorted(claims, key=lambda c: paper.place(c["id"])))
    if not out.claims:
        raise ResultError(check, "", "has no result.json: run  lml check  first")
    out.notes.extend([note] if note else [])
    _experiments(out, folder)
    return out


def require_whole(check):
    """Raises ResultError where the results of a check are no answer about the paper, or not as lml check left them."""
    file = os.path.join(check, "manifest.json")
    manifest = document(bytes_of(file), file)
    words, version, files = (manifest.get(k) for k in ("arguments", "version", "files"))
    if not isinstance(words, list) or any(str(w).split("=")[0] == "--target" for w in words):
        raise ResultError(check, "", "is about a target of one's own (--target), not about the paper's claims")
    refuse_newer(version, file)
    if not isinstance(files, dict) or "result.json" not in files:
        raise ResultError(file, "/files", "has no digest of result.json: run  lml check  again")
    result = os.path.join(check, "result.json")
    if hashlib.sha256(bytes_of(result)).hexdigest() != files["result.json"]:
        raise ResultError(result, "", "was altered or is cut short: its digest is not the one in manifest.json")


def _experiments(out, folder):
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        run, file = os.path.join(folder, name), os.path.join(folder, name, "manifest.json")
        try:
            if os.path.exists(file) and document(bytes_of(file), file).get("command") == "run":
                out.experiments.append(_experiment(read_run(run)))
        except ResultError as e:
            out.notes.append(str(e))


def _experiment(run):
    return dict(run.manifest, numbers=run.file, rows=len(run.rows), **_figure(run.folder))


def _figure(run):
    """The figure's files, drawn now where they are missing or older than the numbers."""
    newest = max(os.path.getmtime(os.path.join(run, f)) for f in os.listdir(run) if f.endswith((".csv", ".json")))
    files = [os.path.join(run, "figure" + s) for s in (".svg", ".png")]
    if not all(os.path.exists(f) and os.path.getmtime(f) >= newest for f in files):
        done = subprocess.run([sys.executable, os.path.join(ROOT, "plots", "plot.py"), run], capture_output=True, text=True)
        if done.returncode:
            raise ResultError(run, "", "no figure: " + one_line(done.stderr.strip().split("\n")[-1]))
    moving = os.path.join(run, "figure.gif")
    return {"images": files, "moving": moving if os.path.exists(moving) else None}
