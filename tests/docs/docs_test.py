"""Pages of docs/, executed: what a reader would paste.

    docs_test.py PAGE PROGRAM [numpy|pandas|R]    every block `sh`, and the blocks of that library; 3 where it is not here
    docs_test.py PAGE --sources DIR               only writes into DIR what the page would change in a clone

A block of toml, json or cpp goes to the file that the line before it names. A block `text` is what the block `sh` before it
prints, but for seconds. Everything happens in a folder of its own, where ./lml is PROGRAM."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BLOCK = re.compile(r"(?P<before>[^\n]*)\n\n```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.S | re.M)
REGISTRY = os.path.join("paper_checks", "registry.cpp")


def blocks(page):
    with open(page, encoding="utf-8") as f:
        text = f.read()
    found = [(m["kind"], m["before"], m["text"]) for m in BLOCK.finditer(text)]
    if 2 * len(found) != len(re.findall(r"^```", text, re.M)):
        raise SystemExit("%s: a block without a kind, or without an empty line before it" % page)
    return found


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def file_block(folder, before, text):
    named = re.search(r"`([\w./-]+)`:$", before)
    if not named:
        raise SystemExit("the line before a block must name its file, is: " + before)
    write(os.path.join(folder, named[1]), text)


def run(command, folder):
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", NO_COLOR="1")
    done = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit("status %d of\n%s\n%s%s" % (done.returncode, command[-1], done.stdout, done.stderr))
    return done.stdout


def without_seconds(text):
    return [re.sub(r"\d+(\.\d+)? s\b", "_ s", line.rstrip()) for line in text.strip().splitlines()]


def start(folder):
    os.makedirs(os.path.join(folder, "paper_checks"), exist_ok=True)
    shutil.copy(os.path.join(ROOT, REGISTRY), os.path.join(folder, REGISTRY))


def sources(page, folder):
    start(folder)
    for kind, before, text in blocks(page):
        if kind in ("toml", "json", "cpp"):
            file_block(folder, before, text)
        elif kind == "sh" and "./lml" not in text:
            run(["bash", "-ec", text], folder)


def interpreter(library):
    """What runs its blocks; None where the library is not here. Another python3 may stand before the system's."""
    if library == "R":
        return shutil.which("Rscript")
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            if subprocess.run([python, "-c", "import " + library], stderr=subprocess.DEVNULL).returncode == 0:
                return python
        except OSError:
            pass
    return None


def execute(page, program, library):
    with_library = interpreter(library) if library else None
    if library and not with_library:
        print("%s is not here: its lines of %s were not run" % (library, os.path.basename(page)))
        raise SystemExit(3)
    names_exist(page)
    ran = 0
    with tempfile.TemporaryDirectory() as folder:
        start(folder)
        write(os.path.join(folder, "lml"), '#!/bin/sh\nexec "%s" "$@"\n' % os.path.abspath(program))
        os.chmod(os.path.join(folder, "lml"), 0o755)
        printed = ""
        for kind, before, text in blocks(page):
            if kind == "sh":
                printed = run(["bash", "-ec", text], folder)
            elif kind == "text":
                if without_seconds(text) != without_seconds(printed):
                    raise SystemExit("%s says\n%s\nbut it prints\n%s" % (page, text, printed))
            elif kind in ("toml", "json", "cpp"):
                file_block(folder, before, text)
            elif kind == "python" and library and "import " + library in text:
                run([with_library, "-c", text], folder)
            elif kind == "r" and library == "R":
                run([with_library, "-e", text], folder)
            elif kind not in ("python", "r"):
                raise SystemExit("%s: a block of kind %s" % (page, kind))
            else:
                continue
            ran += 1
    if ran == 0:
        raise SystemExit(page + ": has nothing to run")
    print("%s: %d blocks" % (os.path.basename(page), ran))


def names_exist(page):
    """What a page says of experiments: those it names are there; a table or figure of the paper that has one is named."""
    with open(page, encoding="utf-8") as f:
        text = f.read()
    named = set(re.findall(r"lml run (?:--\w+ )*([a-z][\w-]*)(?![\w.-])", text)) - {"all"}
    folder = os.path.join(ROOT, "experiments")
    there = {n[:-5] for n in os.listdir(folder) if n.endswith(".toml")}
    if named - there:
        raise SystemExit("%s names experiments that are not there: %s" % (page, ", ".join(sorted(named - there))))
    if os.path.basename(page) == "reproduce-the-paper.md":
        wanted = {n for n in there if re.match(r"(table|fig)\d", n)}
        if wanted - named:
            raise SystemExit("%s leaves out %s" % (page, ", ".join(sorted(wanted - named))))
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        if not os.path.exists(os.path.join(os.path.dirname(page), target)):
            raise SystemExit("%s: no %s" % (page, target))


if __name__ == "__main__":
    if sys.argv[2] == "--sources":
        sources(sys.argv[1], sys.argv[3])
    else:
        execute(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "")
