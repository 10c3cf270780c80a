"""What the paper consists of, from paper_checks: parts, equations, claims as their files state them, and the answer."""
import os
import tomllib
import xml.etree.ElementTree as ElementTree

from files import ResultError, bytes_of
from measurements import ROOT


def toml(path):
    try:
        return tomllib.loads(bytes_of(path).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ResultError(path, "", "is no TOML: %s" % e)


def _starts(claim_id, prefix):
    return claim_id == prefix or claim_id.startswith(prefix + "-")


class Paper:
    def __init__(self, folder=os.path.join(ROOT, "paper_checks")):
        self.folder = folder
        self.file = os.path.join(folder, "paper.toml")
        described = toml(self.file)
        self.parts, self.answer = described["part"], described["answer"]
        self.equation_of, self.repaired_by = described["equation_of"], described["repaired_by"]

    def place(self, claim_id):
        """(number of the part that a claim belongs to, of the beginning of its id there, id): the paper's order."""
        fits = [(len(p), i, k) for i, part in enumerate(self.parts) for k, p in enumerate(part["claims"])
                if _starts(claim_id, p)]
        if not fits:
            raise ResultError(self.file, "/part", "no part has the claim %s" % claim_id)
        return max(fits)[1:] + (claim_id,)

    def equation_name(self, claim_id):
        named = [(len(p), name) for p, name in self.equation_of.items() if _starts(claim_id, p)]
        filed = [(len(name), name) for name in self.equations() if _starts(claim_id, name)]
        return max(named + filed, default=(0, ""))[1]

    def equations(self):
        folder = os.path.join(self.folder, "equations")
        return sorted(f[:-len(".mathml")] for f in os.listdir(folder) if f.endswith(".mathml"))

    def equation(self, name):
        """The <math> elements of a fragment; "" where the claim has none."""
        if not name:
            return ""
        path = os.path.join(self.folder, "equations", name + ".mathml")
        text = bytes_of(path).decode("utf-8").strip()
        try:
            ElementTree.fromstring("<all>%s</all>" % text)
        except ElementTree.ParseError as e:
            raise ResultError(path, "", "is no MathML: %s" % e)
        return text

    def claim_files(self):
        folder = os.path.join(self.folder, "claims")
        return {f[:-5]: toml(os.path.join(folder, f)) for f in sorted(os.listdir(folder)) if f.endswith(".toml")}
