#include "paper_checks/engine.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace lml::checks {
namespace {

Claim at_most(double threshold) {
  Claim c;
  c.relation = "<=";
  c.threshold = threshold;
  return c;
}

Evidence measured(double value, double uncertainty, double control) {
  Evidence e;
  e.value = value;
  e.uncertainty = uncertainty;
  e.control = control;
  return e;
}

TEST(Judge, NeedsTheUncertaintyOnOneSide) {
  EXPECT_EQ(judge(at_most(1), measured(0.5, 0.4, 2)).verdict, Verdict::supported);
  EXPECT_EQ(judge(at_most(1), measured(1.5, 0.4, 0.5)).verdict, Verdict::refuted);
  EXPECT_EQ(judge(at_most(1), measured(0.9, 0.4, 2)).verdict, Verdict::inconclusive);
  EXPECT_EQ(judge(at_most(1), measured(1.1, 0.4, 0.5)).verdict, Verdict::inconclusive);
}

TEST(Judge, AControlThatIsNotRejectedMakesItInconclusive) {
  EXPECT_EQ(judge(at_most(1), measured(0.5, 0, 0.5)).verdict, Verdict::inconclusive);
  EXPECT_EQ(judge(at_most(1), measured(2, 0, 3)).verdict, Verdict::inconclusive);
  EXPECT_FALSE(judge(at_most(1), measured(0.5, 0, 0.5)).control_rejected);
}

// Whoever reads the result sees the control that settled it.
TEST(Judge, OfTwoControlsTheOneThatIsRejectedStandsFirst) {
  Evidence e = measured(0.5, 0, 0.4);
  e.other_control = 2;
  const Result second = judge(at_most(1), e);
  EXPECT_EQ(second.verdict, Verdict::supported);
  EXPECT_TRUE(second.second_control);
  EXPECT_EQ(second.evidence.control, 2);
  EXPECT_EQ(*second.evidence.other_control, 0.4);
  e.control = 3;
  const Result first = judge(at_most(1), e);
  EXPECT_TRUE(first.control_rejected);
  EXPECT_FALSE(first.second_control);
  EXPECT_EQ(first.evidence.control, 3);
}

TEST(Judge, ASecondMethodThatDisagreesMakesItInconclusive) {
  Evidence e = measured(0.5, 0, 2);
  e.second = 0.6;
  e.second_tolerance = 0.01;
  EXPECT_EQ(judge(at_most(1), e).verdict, Verdict::inconclusive);
  e.second = 0.505;
  EXPECT_EQ(judge(at_most(1), e).verdict, Verdict::supported);
}

TEST(Judge, WhatIsNotANumberSettlesNothing) {
  EXPECT_EQ(judge(at_most(1), Evidence{}).verdict, Verdict::inconclusive);
  EXPECT_EQ(judge(at_most(1), measured(0.5, 0, NAN)).verdict, Verdict::inconclusive);
}

TEST(Judge, RelationsMirrorEachOther) {
  Claim at_least = at_most(1);
  at_least.relation = ">=";
  EXPECT_EQ(judge(at_least, measured(2, 0.5, 0)).verdict, Verdict::supported);
  EXPECT_EQ(judge(at_least, measured(0.2, 0.5, 2)).verdict, Verdict::refuted);
}

class ClaimFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("lml-claims-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string load(const std::string& text) {
    std::ofstream(folder_ / "a.toml") << text;
    try {
      load_claims(folder_.string());
    } catch (const std::runtime_error& e) {
      return e.what();
    }
    return "loaded";
  }
  std::filesystem::path folder_;
  const std::string complete_ =
      "id=\"a\"\nsource=\"s\"\ngroup=\"g\"\ntitle=\"t\"\nstatement=\"s\"\nrecorded=\"not_run\"\nwhy=\"w\"\n";
};

TEST_F(ClaimFile, IsReadStrictly) {
  EXPECT_EQ(load(complete_), "loaded");
  EXPECT_EQ(load(complete_ + "tresh=1\n"), "a.toml: unknown key tresh");
  EXPECT_EQ(load(complete_ + "cost=\"x\"\n"), "a.toml: cost must be a number");
  EXPECT_EQ(load("id=\"b\"\n"), "a.toml: id must be the file's name, is b");
  EXPECT_EQ(load("id=\"a\"\n"), "a.toml: source is missing");
  EXPECT_NE(load("id=\n").find("a.toml: line 1"), std::string::npos);
}

// The project's own files: every claim that is recorded as settled has a check, and every check a claim.
TEST(Claims, FilesAndChecksMatch) {
  std::size_t settled = 0;
  const auto claims = load_claims(LML_CLAIMS_DIR);
  for (const Claim& c : claims) {
    if (c.recorded == Verdict::not_run) {
      EXPECT_EQ(registry().count(c.id), 0u) << c.id << " has a check but is recorded as not_run";
      continue;
    }
    ++settled;
    EXPECT_EQ(registry().count(c.id), 1u) << c.id << " has no check";
  }
  EXPECT_EQ(registry().size(), settled);
}

}  // namespace
}  // namespace lml::checks
