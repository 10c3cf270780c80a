"""The report and FINDINGS.md as files: what stands in them, that they are current, and what is refused how.

    report_test.py PROGRAM"""
import copy
import hashlib
import html
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import xml.etree.ElementTree as ElementTree

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "plots"))
from files import ResultError  # noqa: E402
from report import answer, figures, findings, material, page, paper, recorded, words  # noqa: E402

PROGRAM = ""  # path of lml
CLAIM = {"id": "prop3-exact", "source": "Prop. 3", "group": "laws", "title": "The law is p <b>", "statement": "s & t",
         "verdict": "refuted", "recorded": "refuted", "assumptions": "Ito reading", "quantity": "total variation",
         "value": 0.0576, "uncertainty": 1e-12, "relation": "<=", "threshold": 1e-9, "basis": "up to quadrature",
         "method": "spectral elements", "second_method": "a plain sum", "second": {"value": 0.0577, "tolerance": 1e-3},
         "negative_control": {"value": 2e-16, "rejected": True, "what": "All of div D."}, "certificate": "Exact algebra.",
         "smallest": {"target": "double_well_1d", "alpha": 0.6, "sigma": 0.8, "at": [[0]]}, "smallest_command": "score",
         "smallest_sentence": "At x = 0.", "repair": {"statement": "With div D.", "attacks": 1440}, "finding": "False.",
         "seconds": 0.84, "tables": [{"name": "laws", "caption": "Laws", "columns": ["t", "tv"], "rows": [[1, 0.5], [2, "inf"]]}]}


def claim(**changes):
    return {k: v for k, v in dict(copy.deepcopy(CLAIM), **changes).items() if v is not None}


class Words(unittest.TestCase):
    def test_symbols_stand_for_their_names_and_code_stays(self):
        for plain, shown in (("lambda' <= sigma^2", "λ′ ≤ σ<sup>2</sup>"), ("||eps_{i+1}||", "‖ε<sub>i+1</sub>‖"),
                             ("D_LM^-1", "D<sub>LM</sub><sup>−1</sup>"), ("(F + lambda I)^-1", "(F + λ I)<sup>−1</sup>"),
                             ("`lambda_x`", "<code>lambda_x</code>"), ("lower_order_final", "lower_order_final"),
                             ("prop3-corrected", "prop3-corrected"), ("d - 1", "d − 1"), ("kappa = 1e-8, 2.5e3", "κ = 10<sup>−8</sup>, 2.5·10<sup>3</sup>"), ("-sigma grad log p_t", "−σ ∇log p<sub>t</sub>"), ("a < b & c", "a &lt; b &amp; c")):
            with self.subTest(plain=plain):
                self.assertEqual(words.prose(plain), shown)

    def test_numbers_read_well(self):
        for value, shown in ((None, "–"), ("inf", "∞"), (3.0, "3"), (-0.5257, "−0.5257"), (1e-9, "10<sup>-9</sup>"),
                             (2.5e-16, "2.5·10<sup>-16</sup>")):
            self.assertEqual(words.number(value).replace("−9", "-9").replace("−16", "-16"), shown)


    def test_times_read_well(self):
        self.assertEqual([words.seconds(v) for v in (0.004, 0.84, 61)], ["less than 0.1 s", "0.8 s", "61 s"])


class ThePaper(unittest.TestCase):
    def setUp(self):
        self.paper = paper.Paper()
        self.claims = self.paper.claim_files()

    def test_every_claim_has_its_part(self):
        for claim_id in self.claims:
            self.paper.place(claim_id)
        with self.assertRaises(ResultError):
            self.paper.place("nowhere")

    def test_every_equation_is_whole_and_stands_above_a_claim(self):
        used = {self.paper.equation_name(c) for c in self.claims} | set(self.paper.repaired_by.values())
        self.assertEqual(set(self.paper.equations()), used - {""})
        for name in self.paper.equations():
            for element in ElementTree.fromstring("<all>%s</all>" % self.paper.equation(name)):
                self.assertEqual(element.tag, "{http://www.w3.org/1998/Math/MathML}math")

        self.assertEqual(set(self.paper.repaired_by) - set(self.claims), set())

    def test_claims_about_the_papers_formulas_have_one(self):
        bare = [c for c in self.claims if re.match("eq|prop|alg|def|remark", c) and not self.paper.equation_name(c)]
        self.assertEqual(bare, [])

    def test_the_answer_rests_on_recorded_verdicts(self):
        said = self.paper.answer
        for claims in [said["rests_on"]] + [s["claims"] for k, v in said.items() if isinstance(v, list) for s in v]:
            for claim_id, verdict in claims.items():
                self.assertEqual((claim_id, self.claims[claim_id]["recorded"]), (claim_id, verdict))


class Kept(unittest.TestCase):
    """What is kept in the repository."""

    def test_every_recorded_verdict_is_that_of_the_kept_result(self):
        with open(material.RECORD, encoding="utf-8") as f:
            kept = json.load(f)["claims"]
        self.assertEqual({c: r["verdict"] for c, r in kept.items()},
                         {c: f["recorded"] for c, f in paper.Paper().claim_files().items()})

    def test_every_control_that_is_kept_came_out_the_other_way(self):
        for c in material.of_repository().claims:
            if c["verdict"] in ("supported", "refuted"):
                holds = [float(v) <= c["threshold"] if c["relation"] == "<=" else float(v) >= c["threshold"]
                         for v in (c["value"], c["negative_control"]["value"])]
                self.assertEqual(holds, [c["verdict"] == "supported", c["verdict"] == "refuted"], c["id"])

    def test_the_findings_are_current(self):
        with open(os.path.join(ROOT, "FINDINGS.md"), encoding="utf-8") as f:
            self.assertEqual(f.read(), findings.text(material.of_repository()), "./lml report --findings FINDINGS.md")

    def test_every_link_of_the_findings_leads_somewhere(self):
        text = findings.text(material.of_repository())
        anchors = set(re.findall('<a id="([^"]*)">', text))
        for target in re.findall(r"\]\(([^)]*)\)", text):
            with self.subTest(target=target):
                self.assertTrue(target[1:] in anchors if target[0] == "#" else os.path.exists(os.path.join(ROOT, target)))

    def test_the_whole_answer_is_borne_out(self):
        kept = material.of_repository()
        self.assertTrue(answer.verdict_sentence(kept))
        for column in ("holds", "fails", "instead", "open"):
            self.assertEqual(len(answer.sentences(kept, column)), len(kept.paper.answer[column]))
        self.assertEqual(answer.contradicted(kept), [])


class Answer(unittest.TestCase):
    def test_a_sentence_whose_claim_came_out_otherwise_is_not_said(self):
        kept = material.of_repository()
        changed = material.Material([dict(c, verdict="supported") if c["id"] == "prop2-fisher" else c for c in kept.claims])
        self.assertEqual(len(answer.sentences(changed, "fails")), len(answer.sentences(kept, "fails")) - 1)
        self.assertEqual(answer.contradicted(changed), ["prop2-fisher"])
        self.assertIn("prop2-fisher", answer.section(changed).split("Not as recorded")[1])

    def test_of_what_did_not_run_nothing_is_said(self):
        none = material.Material([claim(verdict="not_run", why="no data", value=None)])
        self.assertEqual([answer.sentences(none, c) for c in ("holds", "fails", "instead")], [[], [], []])
        self.assertEqual(answer.verdict_sentence(none), "")
        self.assertEqual(answer.contradicted(none), [])


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, content):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(content if isinstance(content, str) else json.dumps(content))

    def vouch(self, folder, **manifest):
        with open(self.path(folder, "result.json"), "rb") as f:
            digest = hashlib.sha256(f.read()).hexdigest()
        self.write(folder + "/manifest.json", {"command": "check", "version": "0.1.0", "arguments": ["check"],
                                               "files": {"result.json": digest}, **manifest})

    def check(self, folder, *claims, **manifest):
        """A folder as lml check leaves it."""
        self.write(folder + "/result.json", {"claims": list(claims)})
        self.vouch(folder, **manifest)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def lml(self, *arguments):
        return subprocess.run([PROGRAM, "report", *arguments], capture_output=True, text=True, cwd=self.folder)

    def refused(self, *arguments):
        before = {f: os.path.getmtime(os.path.join(d, f)) for d, _, fs in os.walk(self.folder) for f in fs}
        done = self.lml(*arguments)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1), done.stderr)
        self.assertEqual({f: os.path.getmtime(os.path.join(d, f)) for d, _, fs in os.walk(self.folder) for f in fs}, before)
        return done.stderr


class Page(Folder):
    def text(self, *claims):
        self.write("check/result.json", {"claims": list(claims)})
        return page.text(material.of_check(self.path("check")))

    def test_a_section_has_all_that_was_found(self):
        text = self.text(claim())
        section = text[text.index('<section id="prop3-exact"'):]
        for part in ("fails", "The law is p &lt;b&gt;", "s &amp; t", "<math", "Ito reading", "0.0576 ± 10", "up to quadrature",
                     "a plain sum", "<b>0.0577</b>", "All of div D.", "told apart", "Exact algebra.", "At x = 0.",
                     "./lml score - &lt;&lt;&#x27;SPEC&#x27;", "With div D.", "1440 attacks", "./lml check prop3-exact", "0.8 s",
                     "Laws</p>", "∞"):
            with self.subTest(part=part):
                self.assertIn(part, section)

    def test_a_counter_example_is_a_command_that_a_shell_runs(self):
        command = html.unescape(re.search("<pre[^>]*>(.*?)</pre>", self.text(claim()), re.S).group(1))
        done = subprocess.run(["sh", "-c", command.replace("./lml", "'%s'" % PROGRAM)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_on_a_target_of_ones_own_nothing_is_said_of_the_paper(self):
        self.write("check/result.json", {"claims": [claim(verdict="supported")]})
        text = page.text(material.of_check(self.path("check"), "mine.json"))
        self.assertIn("Asked of the target mine.json alone", text)
        for word in ("What does not", "Recorded is"):
            self.assertNotIn(word, text)

    def test_it_asks_nothing_of_the_network(self):
        text = self.text(claim())
        self.assertEqual(re.findall(r'(?:src|href)="(?!#|data:)[^"]*"|url\(|@import', text), [])

    def test_a_verdict_that_is_not_the_recorded_one_and_a_failed_control_are_said(self):
        text = self.text(claim(verdict="supported", negative_control={"value": 1, "rejected": False, "what": "w"}))
        self.assertIn("Recorded is: fails", text)
        self.assertIn("NOT told apart", text)


class Results(Folder):
    def run_folder(self, name="mine", moving=False, **changes):
        self.write(name + "/measurements.csv", "a,measure,value,error\n1,tv,0.5,0.01\n")
        with open(self.path(name, "measurements.csv"), "rb") as f:
            digest = hashlib.sha256(f.read()).hexdigest()
        self.write(name + "/manifest.json", dict({
            "command": "run", "experiment": name, "title": "A title", "question": "Why?", "claims": ["prop3-exact"],
            "figure": "lines", "size": "quick", "jobs": [], "version": "0.0.1", "complete": True,
            "files": {"measurements.csv": digest}}, **changes))
        self.write(name + "/figure.svg", """<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt">
            <style>*{fill:#fff;font-family:'A'}</style><text>50% &lt; 1 &amp; more</text></svg>""")
        with open(self.path(name, "figure.png"), "wb") as f:
            f.write(b"\x89PNG\r\n\x1a\n" + b"0" * 400)
        if moving:
            with open(self.path(name, "figure.gif"), "wb") as f:
                f.write(b"GIF89a" + bytes([110, 0, 55, 0]))

    def test_a_run_stands_in_its_claims_section_once(self):
        self.run_folder()
        text = page.text(material.of_results(self.folder))
        section = text[text.index('<section id="prop3-exact"'):]
        self.assertIn('width="120" height="60" alt="A title"', section[:section.index("</section>")])
        self.assertEqual(text.count('<img src="data:image'), 1)
        image = html.unescape(re.search('<img src="data:image/svg.xml,([^"]*)"', text).group(1))
        drawing = ElementTree.fromstring(urllib.parse.unquote(image))
        self.assertEqual([e.text for e in drawing], ["*{fill:#fff;font-family:'A'}", "50% < 1 & more"])

    def test_a_figure_that_moves_stands_still_on_paper_and_where_less_motion_is_asked_for(self):
        self.run_folder(moving=True)
        text = page.text(material.of_results(self.folder))
        picture = text[text.index("<picture>"):text.index("</picture>")]
        self.assertRegex(picture, '<source media="print, .prefers-reduced-motion: reduce." srcset="data:image/svg.xml,')
        self.assertRegex(picture, '<img src="data:image/gif;base64,[^"]*" width="120" height="60" alt="A title">')

    def test_an_experiment_of_the_repository_is_run_by_its_name(self):
        self.assertEqual(figures.command({"experiment": "fig9", "size": "full"}), "./lml run fig9 --full")

    def test_drawings_are_shortened_not_changed(self):
        shorter = figures.compact("""<?xml version="1.0"?><svg><metadata><a/></metadata><!-- x -->
            <g id="unused"><path id="p" d="M 0 1.23456
L -1 2
z
" style="stroke: #000000; fill: none"/></g>
            <use xlink:href="#p" transform="translate(1.23456 0) scale(0.015625)"/></svg>""")
        self.assertEqual(shorter, '<svg><g><path id="p" d="M0 1.23L-1 2z" style="stroke:#000000;fill:none"/></g>'
                                  '<use xlink:href="#p" transform="translate(1.23 0) scale(0.015625)"/></svg>')

    def test_a_run_about_no_claim_has_a_place_after_the_claims(self):
        for claims in ([], ["unheard-of"]):
            with self.subTest(claims=claims):
                self.run_folder(claims=claims, set=["target=ring 8"], computing_seconds=2.5)
                text = page.text(material.of_results(self.folder))
                self.assertEqual(text.count('<img src="data:image'), 1)
                self.assertIn('<a href="#others">', text[:text.index("<main>")])
                others = text[text.index('<section id="others"'):]
                self.assertNotIn('<section id="prop', others)
                for part in ("A title", "Why?", 'width="120" height="60" alt="A title"',
                             "./lml run mine.toml --quick --set &#x27;target=ring 8&#x27;", "computed in 2.5 s", "1 number in",
                             "mine/measurements.csv"):
                    self.assertIn(part, others)
        self.run_folder()
        self.assertNotIn('id="others"', page.text(material.of_results(self.folder)))

    def test_what_is_incomplete_altered_or_newer_is_named_and_not_shown(self):
        for changes, says in (({"complete": False}, "is incomplete"), ({"version": "99.0.0"}, "newer than this"),
                              ({"files": {"measurements.csv": "0" * 64}}, "was altered"), ({"claims": 3}, "/claims"),
                              ({"claims": ["a", 1]}, "/claims"), ({"files": {"measurements.csv": "x"}}, "was altered"),
                              ({"files": {"gone.csv": "0" * 64}}, "gone.csv")):
            with self.subTest(says=says):
                self.run_folder(**changes)
                found = material.of_results(self.folder)
                self.assertEqual(([], 1), (found.experiments, len(found.notes)))
                self.assertIn(says, found.notes[0])
                self.assertIn(words.esc(found.notes[0]), page.text(found))

    def test_files_of_jobs_belong_to_a_run(self):
        self.write("mine/000/result.json", {})
        with open(self.path("mine/000", "result.json"), "rb") as f:
            digest = hashlib.sha256(f.read()).hexdigest()
        self.run_folder()
        with open(self.path("mine", "manifest.json")) as f:
            files = json.load(f)["files"]
        self.run_folder(files={**files, "000/result.json": digest})
        found = material.of_results(self.folder)
        self.assertEqual((1, []), (len(found.experiments), found.notes))

    def test_a_check_of_ones_own_target_is_no_answer_about_the_paper(self):
        self.check("check", claim(value=0.0123), arguments=["check", "--target", "ring8"])
        found = material.of_results(self.folder)
        self.assertIn("a target of one's own", found.notes[0])
        self.assertNotEqual(found.by_id["prop3-exact"]["value"], 0.0123)

    def test_this_machines_results_come_before_those_kept(self):
        self.check("check", claim(value=0.0123), claim(id="prop3-scaled", verdict="not_run", why="w"))
        found = material.of_results(self.folder)
        self.assertEqual(found.by_id["prop3-exact"]["value"], 0.0123)
        self.assertIn("kept in the repository", page.text(found).split('<section id="prop3-scaled"')[1].split("</section>")[0])
        self.assertEqual(sorted(found.by_id), sorted(c["id"] for c in found.claims))

    def test_the_command_writes_the_page(self):
        self.check("results/check", claim())
        done = self.lml()
        self.assertEqual((done.returncode, done.stdout), (0, "results/report.html\n"), done.stderr)
        self.assertLess(os.path.getsize(self.path("results/report.html")), 5e6)

    def test_without_any_results_the_page_shows_those_kept(self):
        done = self.lml()
        self.assertEqual((done.returncode, done.stderr),
                         (0, "no folder results: only the results that the repository keeps are shown\n"))
        self.assertIn("kept in the repository", self.read("results/report.html"))
        self.assertEqual(self.lml().stderr, "")

    def test_a_file_may_begin_with_a_hyphen(self):
        done = self.lml("--out", "-x")
        self.assertEqual((done.returncode, done.stdout), (0, "-x\n"), done.stderr)

    def test_who_reads_may_leave(self):
        pipe = os.pipe()
        os.close(pipe[0])
        done = subprocess.run([PROGRAM, "report"], cwd=self.folder, stdout=pipe[1], stderr=subprocess.PIPE, text=True)
        os.close(pipe[1])
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr.split("\n")[1:], ["standard output: cannot be written: Broken pipe", ""])
        self.assertTrue(os.path.exists(self.path("results/report.html")))

    def test_stopped_by_ctrl_c_it_says_so_without_a_trace(self):
        stop = "import sys; sys.path.insert(0, %r); import files; raised = KeyboardInterrupt()\n" \
               "def main(): raise raised\nfiles.with_statuses_of_lml(main)" % os.path.join(ROOT, "plots")
        done = subprocess.run([sys.executable, "-c", stop], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (130, "", 1), done.stderr)
        self.assertIn("stopped", done.stderr)

    def test_a_check_that_cannot_be_trusted_is_named_and_the_kept_results_stand(self):
        result = {"claims": [claim(value=987651)]}
        for content, manifest, says in (
                ('{"claims": [', {}, "result.json: is cut short"), ({"claims": 3}, {}, "/claims: "),
                ({"claims": [3]}, {}, "/claims/0/id: "), ({"claims": [claim(verdict=None)]}, {}, "/claims/0/verdict: "),
                ({"claims": [claim(id="unheard-of")]}, {}, "no part has the claim unheard-of"),
                (result, {"files": {"result.json": "0" * 64}}, "was altered"), (result, {"files": {}}, "has no digest"),
                (result, {"version": "9.1.0"}, "newer than this program"), (result, {"version": None}, "/version")):
            with self.subTest(says=says):
                self.write("results/check/result.json", content)
                self.vouch("results/check", **manifest)
                done = self.lml()
                self.assertEqual((done.returncode, done.stderr.count("\n")), (0, 1), done.stderr)
                self.assertIn("not shown: ", done.stderr)
                self.assertIn(says, done.stderr)
                shown = self.read("results/report.html")
                self.assertFalse("987651" in shown)
                self.assertTrue("kept in the repository" in shown)
        os.unlink(self.path("results/check/manifest.json"))
        self.assertIn("manifest.json: No such file", self.lml().stderr)

    def test_where_the_page_cannot_be_written_nothing_is_left(self):
        self.check("results/check", claim())
        self.assertIn("cannot be written", self.refused("--out", "nowhere/report.html"))


class Record(Folder):
    def test_recording_again_changes_nothing_and_what_did_not_run_stays(self):
        self.check("results/check", claim(), claim(id="prop3-scaled"))
        self.assertEqual(self.lml("--record", "kept.json").returncode, 0)
        first = self.read("kept.json")
        self.assertNotIn("seconds", first)
        self.check("results/check", claim(), claim(id="prop3-scaled", verdict="not_run", why="w"))
        self.assertEqual(self.lml("--record", "kept.json").returncode, 0)
        self.assertEqual(self.read("kept.json"), first)

    def test_a_verdict_other_than_the_recorded_one_is_refused(self):
        self.check("results/check", claim(verdict="supported"))
        self.assertIn("its file records refuted", self.refused("--record", "kept.json"))

    def test_what_was_altered_is_refused(self):
        self.check("results/check", claim())
        self.write("results/check/result.json", {"claims": [claim(value=0.0123)]})
        self.assertIn("was altered", self.refused("--record", "kept.json"))

    def test_of_two_controls_both_are_kept_and_shown(self):
        two = claim(negative_control={"value": 0.18, "rejected": True, "first": 0.99, "what": "A, and B."})
        self.assertEqual(recorded.result(two)["negative_control"], {"value": 0.18, "rejected": True, "first": 0.99})
        self.check("check", two)
        shown = page.text(material.of_check(self.path("check")))
        self.assertIn("<b>0.18</b>, told apart (the second of two; the first, 0.99, comes out as the claim does)", shown)
        self.assertIn("control 0.18 (the second of two; the first, 0.99,", findings.text(material.of_check(self.path("check"))))

    def test_numbers_keep_six_digits_and_counter_examples_all(self):
        kept = recorded.result(claim(value=1 / 3, smallest={"at": [[1 / 3]]}))
        self.assertEqual((kept["value"], kept["smallest"]["at"]), (0.333333, [[1 / 3]]))


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
