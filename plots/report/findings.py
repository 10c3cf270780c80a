"""FINDINGS.md: the same as the page, for readers of the repository. Made from the results that are kept there."""
import os

from report import answer
from report.paper import ROOT, toml
from report.words import VERDICT, measured, needed, number, prose

GENERATED = "<!-- Written by `./lml report --findings FINDINGS.md` from experiments/results/claims.json and paper_checks. -->"
INTRO = """Of arXiv 2505.24222, "Unleashing High-Quality Image Generation in Diffusion Sampling Using Second-Order
Levenberg-Marquardt-Langevin", for readers who know it. Symbols are the paper's; F = −∇² log p<sub>t</sub>, D is the metric
of the damped dynamics, β = κ‖ε‖²/λ′ what the parameters of Algorithm 1 amount to. A statement that can be read in several
ways is a claim in each of them, and a claim marked *own* is ours: a repair, or a question that the paper raises. Every claim
was computed on exact targets (mixtures, point sets, the images of Fashion-MNIST) or on trained networks, by code that also
gave the opposite verdict on a control. *Proven* means by interval arithmetic or exact algebra, or by a proof in `theory/`.
How many claims hold or fail says little: a proposition that is false in six readings is six claims."""


def _figures():
    """claim -> names of experiments whose figure belongs to it."""
    out, folder = {}, os.path.join(ROOT, "experiments")
    for name in sorted(f[:-5] for f in os.listdir(folder) if f.endswith(".toml")):
        for claim in toml(os.path.join(folder, name + ".toml")).get("claims", ()):
            out.setdefault(claim, []).append(name)
    return out


def _figure(name):
    picture = "plots/gallery/%s.png" % name
    if os.path.exists(os.path.join(ROOT, picture)):
        return "[figure](%s), `./lml run %s`" % (picture, name)
    return "figure: `./lml run %s && ./lml plot results/%s`" % (name, name)


def _plain(text):
    return prose(text).replace("*", "\\*").replace("|", "\\|") if "`" not in text else prose(text)


def _numbers(claim):
    said = ["%s: **%s**, needed %s" % (_plain(claim["quantity"].rstrip(".")), measured(claim), needed(claim))]
    if "second" in claim:
        said.append("second method %s" % number(claim["second"]["value"]))
    control = claim["negative_control"]
    said.append("control %s" % number(control["value"]) + (
        " (the second of two; the first, %s, comes out as the claim does)" % number(control["first"]) if "first" in control else ""))
    if claim.get("certificate"):
        said.append("proven")
    return "; ".join(said)


def _claim(claim, figures):
    out = ['<a id="%s"></a>**%s: %s** (%s)' % (
        claim["id"], VERDICT[claim["verdict"]].capitalize(), _plain(claim["title"]), claim["source"])]
    out.append("*Claim.* " + _plain(claim["statement"]))
    if claim["verdict"] == "not_run":
        return out + ["*Why not.* " + claim["why"][:1].upper() + _plain(claim["why"].rstrip("."))[1:] + "."]
    out.append("*Found.* " + _plain(claim["finding"]))
    if claim.get("repair"):
        out.append("*Instead.* %s." % _plain(claim["repair"]["statement"].rstrip(".")))
    out.append("*Numbers.* %s." % _numbers(claim))
    again = ["`./lml check %s`" % claim["id"]] + [_figure(n) for n in figures.get(claim["id"], ())]
    out.append("*Again.* %s" % ", ".join(again))
    return out


def _list(material, column):
    return ["- %s (%s)" % (text.replace("*", "\\*"), ", ".join("[%s](#%s)" % (i, i) for i in ids))
            for text, ids in answer.sentences(material, column)]


def text(material):
    out = [GENERATED, "# Is the paper right?", answer.verdict_sentence(material), INTRO, answer.counts(material.claims) + "."]
    for column, heading in answer.COLUMNS + (("open", answer.OPEN),):
        out += ["## " + heading, "\n".join(_list(material, column))]
    figures, last = _figures(), None
    for claim in material.claims:
        part = material.paper.place(claim["id"])[0]
        if part != last:
            out.append("## " + prose(material.paper.parts[part]["title"]))
        out.append("  \n".join(_claim(claim, figures)))
        last = part
    return "\n\n".join(o for o in out if o) + "\n"
