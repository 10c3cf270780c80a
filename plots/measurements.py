"""The folder of an experiment (`lml run`), read strictly: what is incomplete, altered or from a newer version is named,
never half-plotted."""
import csv
import hashlib
import io
import math
import os
import re
import shlex

from files import ResultError, bytes_of, document

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VERSION = (0, 1, 0)  # of lml, whose results are known here; a test holds both together


class Run:
    """`rows`: the measurements, a dictionary a row, its texts as they stand in the file."""

    def __init__(self, folder, manifest, rows, files=()):
        self.folder, self.manifest, self.rows, self.files = folder, manifest, rows, files
        self.name = manifest["experiment"]
        self.draw, self.axes = manifest.get("draw") or {}, manifest.get("axes") or {}
        self.jobs = manifest["jobs"]
        self.file = os.path.join(folder, "measurements.csv")

    def error(self, pointer, message):
        return ResultError(os.path.join(self.folder, "manifest.json"), pointer, message)

    def option(self, key, otherwise=None, kind=None):
        value = self.draw.get(key, otherwise)
        if kind is not None and key in self.draw and not isinstance(value, kind):
            raise self.error("/draw/" + key, "is of the wrong kind")
        return value

    def require_options(self, known):
        for key in self.draw:
            if key not in known:
                raise self.error("/draw/" + key, "is no option of the figure %s; there are %s" % (
                    self.manifest["figure"], ", ".join(sorted(known))))

    def columns(self):
        return list(self.rows[0]) if self.rows else []

    def require_column(self, name, pointer):
        if name not in self.columns():
            raise self.error(pointer, "there is no column %s; there are %s" % (name, ", ".join(self.columns())))
        return name

    def number(self, row, column):
        """None where the field is empty; infinities as such."""
        text = row[column]
        if text == "":
            return None
        try:
            value = float(text)
            if not math.isnan(value):
                return value
        except ValueError:
            pass
        raise ResultError(self.file, "line %d" % (self.rows.index(row) + 2), "%s must be a number, is %s" % (column, text))

    def has_files(self, job):
        return isinstance(self.jobs[job].get("folder"), str)

    def array(self, job, name, axes):
        """Array `name` of the answer to the job with that index, which must have one of those numbers of axes."""
        import numpy as np  # here, so that the report can read measurements without it

        folder = self.jobs[job].get("folder")
        if not isinstance(folder, str) or folder + "/result.json" not in self.files:
            raise self.error("/jobs/%d/folder" % job, "is missing: the experiment must say files = true")
        path = os.path.join(self.folder, folder, "result.json")
        value = document(bytes_of(path), path).get(name)
        if isinstance(value, str) and folder + "/" + value in self.files:
            path = os.path.join(self.folder, folder, value)
        elif not isinstance(value, list):
            raise ResultError(path, "/" + name, "is missing, or no array")
        try:
            # Mapped, so that a header that lies about its size is an error, not an allocation.
            if isinstance(value, list):
                out = np.array(value, dtype=float)
            elif value.endswith(".safetensors"):
                out = _tensor(bytes_of(path))
            else:
                out = np.load(path, mmap_mode="r", allow_pickle=False)
        except OSError as e:
            raise ResultError(path, "", e.strerror or "is cut short")
        except (ValueError, KeyError, TypeError, EOFError, SyntaxError):
            raise ResultError(path, "" if isinstance(value, str) else "/" + name, "holds no whole array")
        if out.dtype not in (np.float64, np.float32) or out.ndim not in axes:
            raise ResultError(path, "", "must hold floating-point numbers with %s" % " or ".join("%d axes" % n for n in axes))
        if out.size == 0 or not np.isfinite(out).all():
            raise ResultError(path, "", "holds what is no finite number")
        return np.array(out)


def _tensor(data):
    """The one tensor of a safetensors file."""
    import numpy as np

    length = int.from_bytes(data[:8], "little")
    head = document(data[8:8 + length], "")
    (entry,) = [v for k, v in head.items() if k != "__metadata__"]
    begin, end = entry["data_offsets"]
    kind = {"F32": np.float32, "F64": np.float64}[entry["dtype"]]
    return np.frombuffer(data[8 + length + begin:8 + length + end], dtype=kind).reshape(entry["shape"])


def arguments(manifest):
    """Of `lml run`, that make these measurements again: by name, or by the file where it is one of the reader's own."""
    name = manifest["experiment"]
    own = not os.path.exists(os.path.join(ROOT, "experiments", name + ".toml"))
    words = [name + (".toml" if own else "")] + {"quick": ["--quick"], "full": ["--full"]}.get(manifest.get("size"), [])
    return words + [w for s in manifest.get("set") or () for w in ("--set", str(s))]


def command(manifest, folder):
    """That makes the folder."""
    folder = os.path.normpath(folder)
    results = os.path.join(folder, "..") if os.path.basename(folder) in (".", "..") else os.path.dirname(folder) or "."
    program = "./lml" if os.environ.get("LML_LAUNCHER") else "lml"
    return shlex.join([program, "run", *arguments(manifest), *([] if results == "results" else ["--out", results])])


def refuse_newer(version, manifest_file):
    """Raises ResultError where results of that version may mean something else."""
    digits = re.match(r"(\d+)\.(\d+)\.(\d+)", version) if isinstance(version, str) else None
    if not digits or tuple(map(int, digits.groups())) > VERSION:
        raise ResultError(manifest_file, "/version", "is %s, newer than this program (%d.%d.%d), which may misread it" % (
            version, *VERSION))


def read_run(folder):
    """Raises ResultError."""
    path = os.path.join(folder, "manifest.json")
    manifest = document(bytes_of(path), path)
    for key, kind in (("experiment", str), ("title", str), ("figure", str), ("size", str), ("version", str),
                      ("claims", list), ("jobs", list), ("files", dict)):
        if not isinstance(manifest.get(key), kind):
            raise ResultError(path, "/" + key, "is missing or of the wrong kind")
    refuse_newer(manifest["version"], path)
    if not all(isinstance(c, str) for c in manifest["claims"]):
        raise ResultError(path, "/claims", "must be names")
    if manifest.get("complete") is not True:
        raise ResultError(folder, "", "is incomplete: `%s` goes on with it" % command(manifest, folder))
    contents = {}
    for name, digest in manifest["files"].items():
        file = os.path.join(folder, name)
        if os.path.isabs(name) or ".." in name.split("/"):
            raise ResultError(path, "/files", "must stand in the folder: " + name)
        contents[name] = bytes_of(file)
        if hashlib.sha256(contents[name]).hexdigest() != digest:
            raise ResultError(file, "", "was altered: its digest is not the one in manifest.json")
    if "measurements.csv" not in contents:
        raise ResultError(path, "/files", "does not list measurements.csv")
    return Run(folder, manifest, _rows(contents["measurements.csv"], os.path.join(folder, "measurements.csv")),
               set(contents))


def _rows(data, path):
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as e:
        raise ResultError(path, "", "is no CSV: %s" % e)
    if not lines or lines[0][-3:] != ["measure", "value", "error"]:
        raise ResultError(path, "line 1", "must end in measure,value,error")
    for i, line in enumerate(lines[1:]):
        if len(line) != len(lines[0]):
            raise ResultError(path, "line %d" % (i + 2), "has %d fields of %d" % (len(line), len(lines[0])))
    return [dict(zip(lines[0], line)) for line in lines[1:]]
