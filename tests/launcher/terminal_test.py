"""The launcher's own commands and what the program says on a terminal: terminal_test.py PROGRAM."""

import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMANDS = ("check run report plot targets score bound stationary gap converge sample compare evaluate train hessian "
            "network-error").split()
PARTS = ("score", "dynamics", "samplers", "networks")
COREUTILS = "cat cut df head mkdir mktemp nproc readlink rm tail touch tr uname".split()
SAMPLE = ["sample", "--set", "target=ring8", "--set", "sampler.name=ddim", "--set", "schedule.name=linear", "--set",
          "schedule.beta_start=1e-4", "--set", "schedule.beta_end=0.02"]


def call(command, **more):
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300, **more)


def widest(text):
    return max(text.splitlines(), key=len)


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("LML_")}

    def launch(self, *arguments, **environment):
        return call(["bash", str(ROOT / "lml"), *arguments], env={**self.environment, **environment}, cwd=self.folder)

    def bare(self, *also):
        """A PATH with bash, a few of coreutils and stand-ins that do nothing."""
        tools = self.folder / "bin"
        tools.mkdir()
        for name in ["bash", *COREUTILS]:
            (tools / name).symlink_to(shutil.which(name))
        for name in also:
            (tools / name).write_text(f"#!{shutil.which('bash')}\n")
            (tools / name).chmod(0o755)
        return {"PATH": str(tools), "LML_BUILD": str(self.folder / "build")}

    def built(self):
        """A build folder as the launcher would have left it."""
        build = self.folder / "build"
        (build / "experiments").mkdir(parents=True)
        (build / "experiments" / "lml").symlink_to(PROGRAM)
        (build / "built").touch()
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        flags = next((" " + line for line in lines if line.startswith(("flags", "Features"))), "")
        (build / "configured-for").write_text(f"{ROOT}{flags}\n")
        return {"LML_BUILD": str(build)}


class Doctor(Folder):
    def test_a_bare_debian_is_told_the_command_that_leads_on(self):
        said = self.launch("doctor", **self.bare("apt-get"))
        self.assertEqual((said.returncode, said.stderr), (3, ""))
        for part in ("compiler", "cmake", "ninja", "headers"):
            self.assertRegex(said.stdout, rf"(?m)^missing +{part} ")
        command = said.stdout[said.stdout.index("apt-get update &&"):]
        for package in ("g++", "cmake", "ninja-build", "libeigen3-dev", "libmpfi-dev", "python3",
                        "python3-matplotlib", "python3-venv"):
            self.assertRegex(command, rf" {re.escape(package)}(?!\S)")
        self.assertRegex(command, r"Of these, optional:\n(.*\n)*  python3-matplotlib +for figures\n  python3-venv +for networks")
        self.assertLessEqual(len(widest(said.stdout)), 80)
        self.assertFalse((self.folder / "build").exists(), "doctor only looks")

    def test_a_compiler_that_is_not_here_is_named_and_nothing_installed(self):
        said = self.launch("doctor", CXX="nonesuch -O2", LML_BUILD=str(self.folder / "build"))
        self.assertRegex(said.stdout, r"(?m)^missing +compiler +no nonesuch, which CXX names")
        self.assertLessEqual(len(widest(said.stdout)), 80)
        said = self.launch("targets", CXX="nonesuch -O2", LML_BUILD=str(self.folder / "build"))
        self.assertEqual((said.returncode, said.stdout), (3, ""))
        self.assertIn("no nonesuch, which CXX names", said.stderr)
        self.assertNotIn("installing", said.stderr)

    def test_the_network_is_needed_while_libtorch_is_not_here(self):
        environment = self.built()
        for torch, says in ((None, r"optional +network +needed once, for LibTorch"), ("off", "ok +network +not needed")):
            said = self.launch("doctor", **environment, **({"LML_TORCH": torch} if torch else {}))
            self.assertRegex(said.stdout, rf"(?m)^{says}")

    def test_without_apt_get_the_packages_are_named(self):
        said = self.launch("doctor", **self.bare())
        self.assertEqual(said.returncode, 3)
        self.assertIn("It needs by their Debian names: cmake ninja-build g++", said.stdout.replace("\n", " "))

    def test_the_document_says_the_same(self):
        environment = self.bare("apt-get")
        document = json.loads(self.launch("doctor", "--json", **environment).stdout)
        self.assertFalse(document["ready"])
        self.assertLessEqual({p["status"] for p in document["parts"]}, {"ok", "missing", "optional"})
        self.assertIn("libeigen3-dev", document["install"])

    def test_a_built_machine_can_run(self):
        said = self.launch("doctor", **self.built())
        self.assertEqual((said.returncode, said.stderr), (0, ""), said.stdout)
        self.assertRegex(said.stdout, r"(?m)^ok +program +built in ")
        self.assertLessEqual(len(widest(said.stdout)), 80)

    def test_a_build_folder_that_cannot_be_written_is_missing(self):
        (self.folder / "file").touch()
        said = self.launch("doctor", LML_BUILD=str(self.folder / "file" / "build"))
        self.assertEqual(said.returncode, 3)
        self.assertRegex(said.stdout, r"(?m)^missing +build folder")

    def test_an_unknown_option_is_refused(self):
        said = self.launch("doctor", "--jsn")
        self.assertEqual((said.returncode, said.stdout), (2, ""))
        self.assertIn("--jsn", said.stderr)

    def test_colour_only_on_a_terminal_that_wants_it(self):
        def on_terminal(**more):
            ours, theirs = pty.openpty()
            subprocess.run(["bash", str(ROOT / "lml"), "doctor"], stdout=theirs, stdin=subprocess.DEVNULL,
                           env={**self.environment, **environment, "TERM": "xterm", **more}, timeout=300)
            os.close(theirs)
            said = b""
            try:
                while chunk := os.read(ours, 65536):
                    said += chunk
            except OSError:
                pass
            os.close(ours)
            return said

        environment = self.bare("apt-get")
        self.environment.pop("NO_COLOR", None)
        self.assertIn(b"\033[", on_terminal())
        self.assertNotIn(b"\033", on_terminal(NO_COLOR="1"))
        self.assertNotIn("\033", self.launch("doctor", **environment).stdout)


class NextStep(Folder):
    def test_first_use_points_to_doctor_and_builds_nothing(self):
        environment = self.bare()
        for arguments in ([], ["--help"]):
            said = self.launch(*arguments, **environment)
            self.assertEqual((said.returncode, said.stderr), (0, ""))
            self.assertIn("./lml doctor", said.stdout)
        self.assertFalse((self.folder / "build").exists())

    def test_once_built_the_next_step_follows_the_results(self):
        environment = self.built()
        self.assertIn("Next: ./lml check", self.launch(**environment).stdout)
        (self.folder / "results" / "check").mkdir(parents=True)
        (self.folder / "results" / "check" / "result.json").write_text("{}")
        self.assertIn("Next: ./lml report", self.launch(**environment).stdout)
        (self.folder / "results" / "report.html").write_text("")
        said = self.launch(**environment).stdout
        self.assertIn("Next: open results/report.html", said)
        for command in [*COMMANDS, "bench", "doctor", "completion", "test"]:
            self.assertRegex(said, rf"(?m)^  \./lml {command}\b")


    def test_help_waits_for_no_build(self):
        environment = self.built()
        (self.folder / "build" / "built").unlink()
        (self.folder / "build" / "built").touch()
        os.utime(self.folder / "build" / "built", (0, 0))  # older than all sources
        for command in [[c] for c in [*COMMANDS, "doctor", "completion", "test"]] + [["bench", p] for p in PARTS] + [[]]:
            said = self.launch(*command, "--help", **environment, LML_TORCH="off")
            self.assertEqual((said.returncode, said.stderr), (0, ""), command)
            self.assertRegex(said.stdout, rf"(?m)^(Usage: |  )\./lml {' '.join(command)}")
            self.assertLessEqual(len(widest(said.stdout)), 80, (command, widest(said.stdout)))
        self.assertEqual(sorted(p.name for p in (self.folder / "build").iterdir()), ["built", "configured-for", "experiments"])

    def test_names_of_tests_wait_for_no_build(self):
        said = self.launch("test", "-N", LML_BUILD=str(self.folder / "none"))
        self.assertEqual((said.returncode, said.stdout), (3, ""))
        self.assertIn("no tests are built", said.stderr)
        self.assertFalse((self.folder / "none").exists())


class Width(Folder):
    def test_every_help_has_an_example_and_fits(self):
        for command in [[c] for c in COMMANDS] + [["bench", part] for part in PARTS]:
            said = call([PROGRAM, *command, "--help"], env=self.environment)
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertRegex(said.stdout, rf"Examples?[^\n]*:\n(.*\n)*  .*\blml {' '.join(command)}\b")
            self.assertLessEqual(len(widest(said.stdout)), 80, (command, widest(said.stdout)))

    def test_a_command_that_is_none_is_named_with_the_nearest(self):
        for word, meant in (("chek", "; did you mean check?"), ("stationery", "; did you mean stationary?"), ("xyz", "")):
            said = call([PROGRAM, word], env=self.environment)
            self.assertEqual((said.returncode, said.stdout), (2, ""))
            self.assertEqual(said.stderr, f"lml: no command is called {word}{meant} (lml --help names them all)\n")

    def test_an_option_that_is_none_is_named_with_the_nearest(self):
        for words, says in ((["check", "--lst"], "did you mean --list?"), (["bench", "score", "--peer"], "did you mean --peers?"),
                            (["run", "--xyzxyz"], "(lml run --help names them all)")):
            said = call([PROGRAM, *words], env=self.environment)
            self.assertEqual((said.returncode, said.stdout, said.stderr.count("\n")), (2, "", 1))
            self.assertIn(says, said.stderr)

    def test_samples_are_where_it_says(self):
        for count, file in (("10", "result.json"), ("100", "samples.npy")):
            out = self.folder / count
            said = call([PROGRAM, *SAMPLE, "--set", "sampler.steps=2", "--set", "samples=" + count, "--out", str(out)],
                        env=self.environment)
            self.assertTrue(said.stdout.endswith(f"\nsamples: {out}/{file}\n"), said.stdout)
            self.assertEqual((out / "samples.npy").exists(), file == "samples.npy")

    def test_a_folder_for_temporary_files_that_is_none_is_named(self):
        said = call([PROGRAM, "run", "--quick", "stationary-bias"], env={**self.environment, "TMPDIR": "/nonexistent"},
                    cwd=self.folder)
        self.assertEqual((said.returncode, said.stdout, said.stderr.count("\n")), (2, "", 1))
        self.assertIn("TMPDIR=/nonexistent: ", said.stderr)

    def test_lists_fit(self):
        for command in ([], ["--help"], ["bench", "--help"], ["check", "--list"], ["run", "--list"], ["targets"]):
            said = call([PROGRAM, *command], env=self.environment, cwd=self.folder)
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertLessEqual(len(widest(said.stdout)), 80, (command, widest(said.stdout)))

    def test_a_comparison_fits(self):
        said = call([PROGRAM, "compare", str(ROOT / "experiments/specs/error-against-evaluations.json"), "--set",
                     "samples=4", "--set", "steps=[5]"], env=self.environment)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertLessEqual(len(widest(said.stdout)), 80, widest(said.stdout))


class Completion(Folder):
    def complete(self, line, shell="bash"):
        script = self.launch("completion").stdout
        last = line.split(" ")[-1]
        cut = last.split("=")[-1] if "=" in last else last  # as bash breaks words
        if last.endswith("="):
            cut = "="
        body = script + f'\nCOMP_LINE="{line}" COMP_POINT={len(line)}\n_lml lml "{cut}" x\nprintf "%s\\n" "${{COMPREPLY[@]}}"\n'
        said = call([shell, "-c", body], env={**self.environment, **self.built_once}, cwd=self.folder)
        self.assertEqual(said.returncode, 0, said.stderr)
        return said.stdout.split()

    def setUp(self):
        super().setUp()
        self.built_once = self.built()

    def test_commands(self):
        self.assertLessEqual({*COMMANDS, "bench", "doctor", "completion", "test"}, set(self.complete("lml ")))
        self.assertEqual(self.complete("lml st"), ["stationary"])

    def test_claims_experiments_and_parts(self):
        claims = sorted(p.stem for p in (ROOT / "paper_checks/claims").glob("*.toml"))
        self.assertEqual(sorted(self.complete("lml check ")), claims)
        self.assertEqual(self.complete("lml check --json prop2-fi"), ["prop2-fisher"])
        experiments = sorted(p.stem for p in (ROOT / "experiments").glob("*.toml"))
        self.assertEqual(sorted(self.complete("lml run ")), sorted(["all", *experiments]))
        self.assertEqual(self.complete("lml bench s"), ["score", "samplers"])
        self.assertEqual(self.complete("lml bench n"), ["networks"])
        self.assertEqual(self.complete("lml completion f"), ["fish"])

    def test_options_are_those_of_the_command(self):
        self.assertEqual(self.complete("lml run --q"), ["--quick"])
        self.assertEqual(self.complete("lml bench score --p"), ["--peers", "--precision"])
        self.assertEqual(self.complete("lml sample --q"), [])

    def test_targets(self):
        self.assertEqual(self.complete("lml score --set target=ri"), ["ring8"])
        self.assertIn("two_points", self.complete("lml score --set target="))
        self.assertEqual(self.complete("lml check --target gri"), ["grid25"])

    def test_without_a_build_it_is_silent_and_builds_nothing(self):
        self.built_once = {"LML_BUILD": str(self.folder / "none")}
        self.assertEqual(self.complete("lml sample --o"), [])
        self.assertIn("check", self.complete("lml ch"))
        self.assertFalse((self.folder / "none").exists())

    @unittest.skipUnless(shutil.which("zsh"), "no zsh here")
    def test_zsh(self):
        self.assertEqual(self.complete("lml check prop2-fi", "zsh"), ["prop2-fisher"])

    @unittest.skipUnless(shutil.which("fish"), "no fish here")
    def test_fish(self):
        script = self.launch("completion", "fish").stdout
        for line, offered in (("lml check prop2-fi", ["prop2-fisher"]), ("lml score --set target=ri", ["target=ring8"]),
                              ("lml run --qu", ["--quick"])):
            said = call(["fish", "--no-config", "-c", script + f"\ncomplete --do-complete '{line}'"],
                        env={**self.environment, **self.built_once}, cwd=self.folder)
            self.assertEqual(said.stdout.split("\n")[:-1], offered, said.stderr)

    def test_another_shell_is_refused(self):
        for words, says in ((["tcsh"], "not for tcsh"), (["bash", "fish"], "one shell")):
            said = self.launch("completion", *words)
            self.assertEqual((said.returncode, said.stdout, said.stderr.count("\n")), (2, "", 1))
            self.assertIn(says, said.stderr)


class Interrupt(Folder):
    def test_ctrl_c_leaves_what_the_same_command_finishes(self):
        command = [*SAMPLE, "--set", "samples=100000", "--set", "sampler.steps=1000", "--seed", "3", "--threads", "1"]
        out = self.folder / "out"
        running = subprocess.Popen([PROGRAM, *command, "--out", str(out)], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env=self.environment)
        time.sleep(0.3)
        self.assertIsNone(running.poll(), "it must be at work when it is stopped")
        running.send_signal(signal.SIGINT)
        self.assertNotEqual(running.wait(60), 0)
        self.assertFalse((out / "result.json").exists())
        for folder in (out, self.folder / "whole"):
            said = call([PROGRAM, *command, "--out", str(folder)], env=self.environment)
            self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(sorted(p.name for p in out.iterdir()), sorted(p.name for p in (self.folder / "whole").iterdir()))
        for file in out.glob("*.npy"):
            self.assertEqual(file.read_bytes(), (self.folder / "whole" / file.name).read_bytes())


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()
