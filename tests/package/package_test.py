"""The CMake package: installed and used by a project of its own, and taken in with add_subdirectory.

    package_test.py BUILD PROGRAM COMPILER    the build folder of lml, the program lml, the C++ compiler"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
BUILD = PROGRAM = COMPILER = ""


def run(*command, status=0):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if (done.returncode == 0) != (status == 0):
        raise AssertionError("%s\nended with status %d\n%s" % (" ".join(command), done.returncode, done.stdout))
    return done.stdout


def answer(*arguments):
    return json.loads(subprocess.run((PROGRAM,) + arguments + ("--json",), check=True, stdout=subprocess.PIPE).stdout)


def configure(source, folder, *options):
    return ("cmake", "-G", "Ninja", "-S", source, "-B", folder, "-DCMAKE_CXX_COMPILER=" + COMPILER,
            "-DCMAKE_BUILD_TYPE=Release") + options


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.root = temporary.name
        cls.prefix = os.path.join(cls.root, "prefix")
        run("cmake", "--install", BUILD, "--prefix", cls.prefix)

    def at(self, name):
        return os.path.join(self.root, name)

    def project(self, find_package):
        source = self.at("other")
        os.makedirs(source, exist_ok=True)
        with open(os.path.join(source, "CMakeLists.txt"), "w") as f:
            f.write("cmake_minimum_required(VERSION 3.25)\nproject(other LANGUAGES CXX)\n%s\n" % find_package)
        return configure(source, self.at("other-build"), "-DCMAKE_PREFIX_PATH=" + self.prefix, "--fresh")

    def test_a_project_of_its_own_has_the_programs_numbers(self):
        folder = self.at("build")
        run(*configure(HERE, folder, "-DCMAKE_PREFIX_PATH=" + self.prefix))
        run("cmake", "--build", folder)
        printed = run(os.path.join(folder, "uses_lml"))

        def rows(name):
            return [[float(v) for v in line.split()[1:]] for line in printed.splitlines() if line.startswith(name)]

        score = answer("score", "--set", "target=ring8", "--set", "alpha=0.8", "--set", "sigma=0.6",
                       "--set", "at=[[0.4,0.4]]")
        samples = answer("sample", "--set", "target=ring8", "--set", "samples=5", "--set", "sampler.name=ddim",
                         "--set", "sampler.steps=10", "--seed", "3",
                         "--set", 'schedule={"name":"linear","beta_start":1e-4,"beta_end":0.02}')
        # The same code and flags; the compiler may order the sums of an inlined function in another way.
        self.assertEqual(len(rows("sample")), 5)
        for ours, theirs in ((rows("score"), score["score"]), (rows("sample"), samples["samples"])):
            for a, b in zip(ours, theirs, strict=True):
                for x, y in zip(a, b, strict=True):
                    self.assertAlmostEqual(x, y, delta=1e-12 * (1 + abs(y)))

    def test_names_nothing_of_the_source_or_build_folder(self):
        for folder, _, names in os.walk(os.path.join(self.prefix)):
            for name in names:
                if name.endswith(".cmake"):
                    with open(os.path.join(folder, name)) as f:
                        text = f.read()
                    self.assertNotIn(SOURCE + "/", text, name)
                    self.assertNotIn("-Werror", text, name)

    def test_refuses_another_version_and_an_unknown_component(self):
        self.assertRegex(run(*self.project("find_package(lml 0.2 REQUIRED)"), status=1), "0\\.1\\.")
        self.assertIn("astrology", run(*self.project("find_package(lml REQUIRED COMPONENTS astrology)"), status=1))
        run(*self.project("find_package(lml 0.1 REQUIRED COMPONENTS dynamics)"))

    def test_taken_in_as_a_subfolder_it_brings_the_libraries_alone(self):
        out = self.project("add_subdirectory(%s lml)\nadd_library(mine INTERFACE)\n"
                           "target_link_libraries(mine INTERFACE lml::samplers)" % SOURCE)
        run(*out)
        targets = run("cmake", "--build", self.at("other-build"), "--target", "help")
        for wanted in ("lml_theory", "lml_dynamics", "lml_samplers"):
            self.assertRegex(targets, r"(?m)^%s: phony" % wanted)
        for unwanted in ("lml", "lml_experiments", "theory_test"):
            self.assertNotRegex(targets, r"(?m)^%s: phony" % unwanted)
        commands = run("ninja", "-C", self.at("other-build"), "-t", "commands", "lml_theory")
        self.assertIsNone(re.search(r"-Wall|-Werror", commands))


if __name__ == "__main__":
    BUILD, PROGRAM, COMPILER = sys.argv[1:4]
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
