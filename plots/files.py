"""JSON files of `lml`, read strictly, and files written all or none. Standard library only."""
import json
import os
import re
import sys
import tempfile
import traceback


class ResultError(Exception):
    """One line, `file: /pointer: message`."""

    def __init__(self, file, pointer, message):
        super().__init__(one_line("%s: %s%s" % (file, pointer + ": " if pointer else "", message)))


def one_line(text, longest=400):
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= longest else text[:longest - 1] + "…"


def document(data, file):
    def unique(pairs):
        out = dict(pairs)
        if len(out) != len(pairs):
            raise ValueError("a key is given twice")
        return out

    def refuse(name):
        raise ValueError("%s is no JSON" % name)

    try:
        out = json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse)
    except json.JSONDecodeError as e:
        at_end = not data[len(data.decode("utf-8")[:e.pos].encode("utf-8")):].strip()
        raise ResultError(file, "", "is cut short" if data.strip() and at_end else
                          "is no JSON document (line %d, column %d)" % (e.lineno, e.colno))
    except UnicodeDecodeError:
        raise ResultError(file, "", "is no JSON document (not UTF-8)")
    except (ValueError, RecursionError) as e:
        raise ResultError(file, "", "is no JSON document (%s)" % (e or "nested too deeply"))
    if not isinstance(out, dict):
        raise ResultError(file, "/", "must be an object: a result of lml")
    return out


def bytes_of(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError as e:
        raise ResultError(path, "", e.strerror)


def write(files):
    """All or none: each file is written beside its place, then all are renamed into it."""
    pending = []
    try:
        for path, data in files:
            handle, beside = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix=".lml-")
            pending.append((beside, path))
            with os.fdopen(handle, "wb") as f:
                f.write(data)
                f.flush()
                os.fsync(f.fileno())
        mask = os.umask(0)
        os.umask(mask)
        while pending:
            os.chmod(pending[0][0], 0o666 & ~mask)
            os.replace(*pending[0])
            pending.pop(0)
    finally:
        for beside, _ in pending:
            os.unlink(beside)


def tell(text):
    """On standard error, whose reader may have left. Commands read as one types them: `./lml` where the launcher called."""
    if os.environ.get("LML_LAUNCHER"):
        text = re.sub(r"(?<![^ (`])lml (?=(check|run|report|plot)[ `])", "./lml ", text)
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _forget(sys.stderr)


def _forget(stream):
    """The interpreter would write again, when it ends, what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def answer(text):
    """On standard output."""
    try:
        print(text, flush=True)
    except OSError as e:
        _forget(sys.stdout)
        raise ResultError("standard output", "", "cannot be written: %s" % e.strerror)


def with_statuses_of_lml(main):
    """Runs a program: what is wrong ends with status 2, Ctrl-C with 130. An uncaught exception would end with 1, which in
    lml says that a verdict differs."""
    status = 2
    try:
        main()
    except SystemExit as e:
        if not isinstance(e.code, str):
            raise
        message = e.code
    except KeyboardInterrupt:
        message, status = "stopped; nothing half-written is left", 130
    except Exception:
        message = traceback.format_exc()
    else:
        return
    tell(message)
    sys.exit(status)
