"""Results of `lml`, read strictly: what is missing, cut short or not finite is named, never half-plotted."""
import math
import os
import sys

import numpy as np

from files import ResultError, bytes_of, document, one_line


class Result:
    """`command`, `spec` and `version` are None where there is no manifest. `figure_stem` is where a figure goes unless
    told, less its suffix; None: in the current folder."""

    def __init__(self, file, document, folder=None, manifest=None, figure_stem=None):
        self.file, self.document, self.folder, self.figure_stem = file, document, folder, figure_stem
        manifest = manifest or {}
        self.command, self.spec, self.version = (manifest.get(k) for k in ("command", "spec", "version"))

    def error(self, pointer, message):
        return ResultError(self.file, pointer, message)

    def number(self, key, at_least=-math.inf):
        value = self._finite_or_inf(self._present(key), "/" + key)
        if not at_least <= value < math.inf:
            raise self.error("/" + key, "must be finite" + (" and >= %g" % at_least if at_least > -math.inf else ""))
        return value

    def array(self, key, axes, at_least=-math.inf, infinite=False):
        """Of one of the given numbers of axes; every number finite, or +inf where `infinite`."""
        value, pointer = self._present(key), "/" + key
        out = self._npy(key) if isinstance(value, str) else self._nested(value, pointer, max(axes))
        if out.ndim not in axes or out.size == 0:
            raise self.error(pointer, "must have %s, not the shape %s" % (
                " or ".join("1 axis" if n == 1 else "%d axes" % n for n in axes), list(out.shape)))
        bad = ~((out >= at_least) & (out > -math.inf) & ((out < math.inf) | infinite))
        if bad.any():
            place = np.argwhere(bad)[0]
            raise self.error(pointer + "".join("/%d" % i for i in place), "is %g, not %s" % (
                out[tuple(place)], "a finite number%s" % (" >= %g" % at_least if at_least > -math.inf else "")))
        return out

    def _present(self, key):
        if key not in self.document:
            raise self.error("/" + key, "is missing")
        return self.document[key]

    def _finite_or_inf(self, value, pointer):
        if value in ("inf", "-inf"):
            return float(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error(pointer, "must be a number")
        try:
            if math.isfinite(value):
                return float(value)
        except OverflowError:
            pass
        raise self.error(pointer, "is beyond the range of float64")

    def _nested(self, value, pointer, deepest):
        if not isinstance(value, list):
            raise self.error(pointer, "must be an array")
        if value and isinstance(value[0], list) and deepest > 1:
            rows = [self._nested(v, "%s/%d" % (pointer, i), deepest - 1) for i, v in enumerate(value)]
            for i, row in enumerate(rows):
                if row.shape != rows[0].shape:
                    raise self.error("%s/%d" % (pointer, i), "has another length than the rows before it")
            return np.array(rows)
        return np.array([self._finite_or_inf(v, "%s/%d" % (pointer, i)) for i, v in enumerate(value)])

    def _npy(self, key):
        if self.document[key] != key + ".npy" or self.folder is None:
            raise self.error("/" + key, "must be an array, or the file %s.npy beside the result" % key)
        path = os.path.join(self.folder, key + ".npy")
        try:
            # Mapped, so that a header that lies about its size is an error, not an allocation.
            out = np.load(path, mmap_mode="r", allow_pickle=False)
        except OSError as e:
            raise ResultError(path, "", e.strerror or "is cut short")
        except (ValueError, EOFError, SyntaxError):
            raise ResultError(path, "", "is no whole .npy file")
        if not isinstance(out, np.ndarray) or out.dtype != np.float64:
            raise ResultError(path, "", "must hold float64")
        return np.array(out)


def _manifest(path):
    out = document(bytes_of(path), path)
    for key, kind in (("command", str), ("spec", dict), ("version", str)):
        if not isinstance(out.get(key), kind):
            raise ResultError(path, "/" + key, "is missing or no %s" % ("object" if kind is dict else "string"))
    return out


def is_experiment(path):
    """Whether it is a folder that `lml run` wrote."""
    file = os.path.join(path, "manifest.json")
    return os.path.isdir(path) and os.path.exists(file) and document(bytes_of(file), file).get("command") == "run"


def read(path):
    """A folder that `--out` wrote, a result.json in one, a document that `--json` printed, or `-`: one on standard
    input. Raises ResultError."""
    if path == "-":
        return Result("-", document(sys.stdin.buffer.read(), "-"))
    folder = path if os.path.isdir(path) else os.path.dirname(path)
    file = os.path.join(path, "result.json") if os.path.isdir(path) else path
    manifest_file = os.path.join(folder, "manifest.json")
    if os.path.isdir(path):
        for needed in (manifest_file, file):
            if not os.path.exists(needed):
                raise ResultError(path, "", "is no folder of results: it has no " + os.path.basename(needed))
    in_folder = os.path.basename(file) == "result.json" and os.path.exists(manifest_file)
    manifest = _manifest(manifest_file) if in_folder else None
    stem = None if in_folder else os.path.splitext(os.path.basename(file))[0]
    return Result(file, document(bytes_of(file), file), folder, manifest, stem)
