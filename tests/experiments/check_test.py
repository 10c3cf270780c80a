"""`lml check` as a program: what it leaves in results/, and what happens where nobody reads, or somebody stops it.

    check_test.py PROGRAM"""
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM = ""  # path of lml
ONE, OTHER = "eq8-condition", "tables-best-first"  # the second has a table


class Check(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.results = self.folder / "results" / "check"

    def run_check(self, *arguments, **options):
        return subprocess.run([PROGRAM, "check", "--threads", "1", *arguments], cwd=self.folder, text=True,
                              **{"capture_output": True, **options})

    def check(self, *arguments):
        done = self.run_check(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def refused(self, *arguments):
        done = self.run_check(*arguments)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1), done.stderr)
        self.assertFalse(self.results.parent.is_dir())
        return done.stderr

    def ids(self, folder=None):
        text = ((folder or self.results) / "result.json").read_text()
        return [c["id"] for c in json.loads(text)["claims"]]

    def manifest(self):
        return json.loads((self.results / "manifest.json").read_text())

    def test_results_are_written_though_nobody_reads(self):
        read, written = os.pipe()
        os.close(read)
        with open("/dev/full", "w") as full, os.fdopen(written, "w") as gone:
            for out, err in ((gone, gone), (subprocess.DEVNULL, full), (full, gone)):
                with self.subTest(out=out, err=err):
                    done = self.run_check(ONE, "--out", "there", capture_output=False, stdout=out, stderr=err)
                    self.assertEqual(done.returncode, 0 if out == subprocess.DEVNULL else 2)
                    for name in ("result.json", "manifest.json", "report.html"):
                        (self.folder / "there" / name).unlink()

    def test_claims_that_did_not_run_keep_what_they_gave(self):
        self.check(ONE)
        first = json.loads((self.results / "result.json").read_text())["claims"][0]
        shown = json.loads(self.check(OTHER, "--json").stdout)
        self.assertEqual([c["id"] for c in shown["claims"]], [OTHER])
        self.assertEqual(sorted(self.ids()), sorted([ONE, OTHER]))
        self.assertIn(first, json.loads((self.results / "result.json").read_text())["claims"])
        self.assertEqual(self.manifest()["kept"], [ONE])
        self.check(ONE, "--out", str(self.results))
        self.assertEqual(self.ids(), [ONE])

    def test_the_manifest_vouches_for_every_file(self):
        self.check(OTHER)
        self.check(ONE)
        files = self.manifest()["files"]
        self.assertEqual(set(files), {p.name for p in self.results.iterdir()} - {"manifest.json", "report.html"})
        self.assertTrue(any(name.startswith(OTHER + "--") for name in files), files)
        for name, digest in files.items():
            self.assertEqual(hashlib.sha256((self.results / name).read_bytes()).hexdigest(), digest, name)

    def test_what_was_altered_or_is_of_another_version_is_not_kept(self):
        def altered():
            file = self.results / "result.json"
            file.write_text(file.read_text().replace("supported", "refuted"))

        def other_version():
            file = self.results / "manifest.json"
            file.write_text(json.dumps({**self.manifest(), "version": "0.0.9"}))

        for change, why in ((altered, "was altered: result.json"), (other_version, "is of another version")):
            with self.subTest(why=why):
                self.check(ONE, "--out", str(self.results))
                change()
                self.assertIn("results/check: what it held of other claims is not kept: it " + why, self.check(OTHER).stderr)
                self.assertEqual(self.ids(), [OTHER])

    def test_tables_that_are_no_longer_named_go(self):
        self.check(OTHER, "--out", "there")
        there = self.folder / "there"
        tables = set(there.glob("*.csv"))
        (there / "mine.csv").write_text("1\n")
        self.assertTrue(tables)
        self.check(ONE, "--out", "there")
        self.assertEqual(tables & set(there.glob("*.csv")), set())
        self.assertTrue((there / "mine.csv").exists())

    def test_a_target_of_ones_own_has_a_folder_of_its_own(self):
        self.check(ONE)
        self.check("prop1-sign", "--target", "ring8")
        (self.folder / "mine.json").write_text('{"kind": "points", "points": [[0, 1], [1, 0]]}')
        self.check("prop1-sign", "--target", "mine.json")
        self.assertEqual(self.ids(), [ONE])
        for name in ("ring8", "mine"):
            self.assertEqual(self.ids(self.folder / "results" / ("check-" + name)), ["prop1-sign"])

    def test_claims_that_cannot_be_about_a_target_do_not_run(self):
        about_data = {"prop1-real-data", "prop2-fisher", "prop2-jacobian", "prop2-remainder", "eq7-critical-damping",
                      "eq7-critical-sharp"}
        for target, left_out, why in (("ring8", about_data, "about finite data sets; ring8 is a mixture of Gaussians"),
                                      ("two_points", {"prop1-real-data"}, "about real images; two_points holds none")):
            with self.subTest(target=target):
                done = self.run_check("--target", target, "--json")
                claims = json.loads(done.stdout)["claims"]
                self.assertEqual({c["id"]: c["why"] for c in claims if c["verdict"] == "not_run"}, dict.fromkeys(left_out, why))
                self.assertEqual([c["id"] for c in claims if "broke off" in c.get("why", "")], [])

    def test_ctrl_c_says_what_was_lost(self):
        run = subprocess.Popen([PROGRAM, "check", "prop3", "--threads", "1"], cwd=self.folder, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        run.stderr.readline()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate()
        self.assertEqual((run.returncode, out), (130, ""))
        self.assertIn("lml check: stopped; nothing written. Name claims to run fewer of them: lml check prop2\n", err)
        self.assertFalse(self.results.exists())

    def test_bad_words_are_refused(self):
        for arguments, says in ((("",), "name of a claim is empty"),
                                (("--seed", "99999999999999999999999"), "--seed: must be a whole number from 0 to"),
                                (("--seed", "-1"), "--seed: must be a whole number from 0 to"),
                                (("--target", "ring9"), "did you mean ring8?")):
            with self.subTest(arguments=arguments):
                self.assertIn(says, self.refused(*arguments))
        (self.folder / "results").touch()
        self.assertEqual(self.refused(ONE), "results/check: results is no folder; name another folder with --out DIR\n")


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
