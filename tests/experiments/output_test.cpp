#include "experiments/output.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "experiments/arrays.hpp"
#include "experiments/errors.hpp"
#include "tests/experiments/files.hpp"

namespace lml {
namespace {

TEST(Figures, InfinitiesAreStringsAndNanIsNeverWritten) {
  EXPECT_EQ(dump(figure(HUGE_VAL)), "\"inf\"");
  EXPECT_EQ(dump(figure(-HUGE_VAL)), "\"-inf\"");
  EXPECT_THROW(figure(NAN), std::logic_error);
}

TEST(Figures, DoublesReadBackTheSame) {
  for (double v : {0.1, 1.0 / 3, 2.2250738585072014e-308, 5e-324, 1.7976931348623157e308, -0.0, 123456789012345680.0})
    EXPECT_EQ(std::strtod(dump(figure(v)).c_str(), nullptr), v);
}

TEST(Files, AllAreWrittenOrNothingIs) {
  const test::Folder f;
  const auto out = f.path() / "a" / "b";
  write_files(out, {{"x", {"12", "3"}}, {"y", {""}}});
  EXPECT_EQ(std::filesystem::file_size(out / "x"), 3u);
  // The last file cannot be opened: neither the others nor a folder may remain.
  const std::string long_name(300, 'n');
  EXPECT_THROW(write_files(f.path() / "c" / "d", {{"x", {"1"}}, {"e/x", {"1"}}, {long_name, {"2"}}}), UsageError);
  EXPECT_FALSE(std::filesystem::exists(f.path() / "c"));
  EXPECT_THROW(write_files(out, {{"x", {"new"}}, {"e/x", {"1"}}, {long_name, {"2"}}}), UsageError);
  EXPECT_EQ(std::filesystem::file_size(out / "x"), 3u);
  const auto entries = std::distance(std::filesystem::directory_iterator(out), std::filesystem::directory_iterator());
  EXPECT_EQ(entries, 2);
}

TEST(Results, LargeArraysAreNamedInPlaceOfTheirNumbers) {
  Results r;
  r.put("a", Array{{2, 2}, {1, 2, 3, HUGE_VAL}});
  r.put("b", Json(true));
  EXPECT_EQ(dump(r.document()), R"({"a":[[1.0,2.0],[3.0,"inf"]],"b":true})");
  EXPECT_EQ(dump(r.document(3)), R"({"a":"a.npy","b":true})");
}

TEST(Csv, InfinitiesAndGapsAreKept) { EXPECT_EQ(csv({"a", "b"}, {{1, HUGE_VAL}, {0.1, NAN}}), "a,b\n1.0,inf\n0.1,\n"); }

TEST(Table, ColumnsLineUp) {
  EXPECT_EQ(table({{"a", "b", "c"}, {"aa", "1.5", "x"}}, "lrl"), "a     b  c\naa  1.5  x\n");
}

TEST(Csv, FieldsWithCommasAndQuotesStandInQuotes) {
  EXPECT_EQ(csv({"a, b", "c"}, {{1}}, {{"say \"x\""}}), "\"a, b\",c\n\"say \"\"x\"\"\",1.0\n");
}

}  // namespace
}  // namespace lml
