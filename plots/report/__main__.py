"""    report [--results DIR] [--out FILE]        the page of everything under DIR
    report --check DIR --out FILE              the page of one run of `lml check` (--target T: on a target of the user's)
    report --findings FILE                     FINDINGS.md, from the results in the repository
    report --record FILE                       adds DIR/check's results to those in the repository"""
import argparse
import os
import sys

sys.dont_write_bytecode = True
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    parser = argparse.ArgumentParser(prog="lml report", allow_abbrev=False)
    parser.add_argument("--results", metavar="DIR", default="results")
    for name in ("check", "out", "findings", "record"):
        parser.add_argument("--" + name, metavar="FILE")
    parser.add_argument("--target", default="")
    options = parser.parse_args()
    try:
        import tomllib  # noqa: F401
    except ModuleNotFoundError:
        print("the report needs Python 3.11 or newer, this is %d.%d" % sys.version_info[:2], file=sys.stderr)
        sys.exit(3)
    from files import ResultError, answer, one_line, tell, write
    from report import findings, material, page, recorded

    try:
        if options.findings:
            target, text = options.findings, findings.text(material.of_repository())
        elif options.record:
            material.require_whole(options.results + "/check")
            target, text = options.record, recorded.text(options.record, material.of_check(options.results + "/check"))
        else:
            found = (material.of_check(options.check, options.target) if options.check
                     else material.of_results(options.results))
            target, text = options.out or os.path.join(options.results, "report.html"), page.text(found)
            for note in found.notes:
                tell("not shown: " + one_line(note))
            if not (options.check or os.path.isdir(options.results)):
                tell("no folder %s: only the results that the repository keeps are shown" % one_line(options.results))
        try:
            if not (options.out or options.findings or options.record):
                os.makedirs(options.results, exist_ok=True)
            write([(target, text.encode("utf-8"))])
        except OSError as e:
            raise ResultError(target, "", "cannot be written: %s" % e.strerror)
        if not options.check:
            answer(one_line(target))
    except ResultError as e:
        sys.exit(str(e))


if __name__ == "__main__":
    from files import with_statuses_of_lml

    with_statuses_of_lml(main)
