"""Words and numbers: claims are written in ASCII, readers want symbols."""
import html
import re

VERDICT = {"supported": "holds", "refuted": "fails", "inconclusive": "open", "not_run": "not run"}
RELATION = {"<=": "at most", ">=": "at least"}
GREEK = {"alpha": "α", "beta": "β", "delta": "δ", "eps": "ε", "epsilon": "ε", "kappa": "κ", "lambda": "λ", "mu": "μ",
         "rho": "ρ", "sigma": "σ", "theta": "θ", "chi2": "χ²", "pi": "π", "phi": "φ", "eta": "η"}
SIGNS = [("||", "‖"), ("<=", "≤"), (">=", "≥"), ("!=", "≠"), ("+-", "±"), ("->", "→")]
CODE = re.compile(r"`([^`]*)`")
INDEXED = re.compile(r"(?<!\w)(?<!\w-)(%s|sup|‖|[A-Za-z])([_^])(\{[^}<>]*\}|\([^()<>]*\)|-?[A-Za-z0-9]{1,5}(?![A-Za-z]))" % "|".join(GREEK))
GREEKS = re.compile(r"(?<!\w)(?<!\w-)(%s)(?![A-Za-z0-9])(?!-[a-z])" % "|".join(GREEK))
RAISED = re.compile(r"(?<=[)\]‖|′α-ω\w>])\^(-?[A-Za-z0-9]{1,3}|\([^()<>]*\)|\{[^}<>]*\})")
POWER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)e(-?\d+)(?![\w.]*\w)")
MINUS = re.compile(r"(?<![\w-])-(?=[\d.A-Zα-ω(∇√‖]|log )|(?<= )-(?= )|(?<=>)-(?=[\dα-ω])")


def esc(text):
    return html.escape(str(text), quote=True)


def _index(match):
    symbol, kind, index = match.groups()
    symbol, index = GREEK.get(symbol, symbol), index.strip("{}") if index[0] == "{" else index
    index = GREEK.get(index, index)
    tag = "sub" if kind == "_" else "sup"
    return "%s<%s>%s</%s>" % (symbol, tag, index, tag)


def _power(mantissa, exponent):
    return ("" if mantissa == "1" else mantissa + "·") + "10<sup>%d</sup>" % int(exponent)


def _symbols(text):
    for plain, sign in SIGNS:
        text = text.replace(html.escape(plain, quote=False), sign)
    text = INDEXED.sub(_index, text)
    text = GREEKS.sub(lambda m: GREEK[m.group(1)], text).replace("λ'", "λ′")
    text = RAISED.sub(lambda m: "<sup>%s</sup>" % m.group(1).strip("{}").replace("-", "−"), text)
    text = text.replace("sqrt(", "√(").replace("Hess ", "∇² ").replace("grad ", "∇")
    text = POWER.sub(lambda m: _power(*m.groups()), text).replace("<sup>-", "<sup>−")
    return MINUS.sub("−", text)


def prose(text):
    """Text of a claim as HTML, which Markdown takes too: symbols for their names, and `code` as it is."""
    parts = CODE.split(html.escape(str(text), quote=False))
    return "".join("<code>%s</code>" % p if i % 2 else _symbols(p) for i, p in enumerate(parts))


def number(value, digits=4):
    if value is None:
        return "–"
    if isinstance(value, str):  # an infinity, or the name of a row
        return {"inf": "∞", "-inf": "−∞"}.get(value, esc(value))
    if value == int(value) and abs(value) < 1e7:
        return ("%d" % value).replace("-", "−")
    text = "%.*g" % (digits, value)
    mantissa, _, exponent = text.partition("e")
    if exponent:
        text = _power(mantissa, exponent)
    return text.replace("-", "−")


def measured(claim):
    out = number(claim["value"])
    return out + " ± " + number(claim["uncertainty"], 2) if claim.get("uncertainty") else out


def needed(claim):
    return "%s %s" % (RELATION[claim["relation"]], number(claim["threshold"]))


def seconds(value):
    if value < 0.1:
        return "less than 0.1 s"
    return ("%.1f s" if value < 10 else "%.0f s") % value
