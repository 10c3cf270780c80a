#include "dynamics/checkpoint.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace lml {
namespace {

class Checkpoint : public testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() / ("lml-checkpoint-" + std::to_string(::getpid()))).string();
    state_ = {3, 17, Vec::LinSpaced(5, 0, 1), Points::Constant(4, 2, 0.1), Points::Constant(4, 3, -0.0)};
    write_checkpoint(path_, 99, state_);
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::string bytes() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  std::string refusal(const std::string& bytes, std::uint64_t digest = 99) const {
    std::ofstream(path_, std::ios::binary) << bytes;
    try {
      read_checkpoint(path_, digest);
    } catch (const BadCheckpoint& e) {
      EXPECT_EQ(std::string(e.what()).find(path_ + ": "), 0u);
      return e.what();
    }
    return "accepted";
  }
  static bool says(const std::string& what, const char* word) { return what.find(word) != std::string::npos; }

  std::string path_;
  EnsembleState state_;
};

TEST_F(Checkpoint, ComesBackBitForBit) {
  const auto back = read_checkpoint(path_, 99);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->round, 3);
  EXPECT_EQ(back->step, 17);
  EXPECT_EQ(back->totals, state_.totals);
  EXPECT_EQ(back->states, state_.states);
  EXPECT_TRUE(std::signbit(back->records(1, 1)));
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(Checkpoint, IsMissingWithoutComplaint) { EXPECT_FALSE(read_checkpoint(path_ + ".none", 99)); }

TEST_F(Checkpoint, IsRefusedWhereverItIsCut) {
  const std::string whole = bytes();
  for (std::size_t n = 0; n < whole.size(); n += 5) EXPECT_TRUE(says(refusal(whole.substr(0, n)), "truncated")) << n;
}

TEST_F(Checkpoint, IsRefusedWhicheverByteIsChanged) {
  const std::string whole = bytes();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = char(changed[i] ^ 0x40);
    EXPECT_NE(refusal(changed), "accepted") << i;
  }
  EXPECT_TRUE(says(refusal(whole + "x"), "altered"));
}

TEST_F(Checkpoint, OfAnotherRunIsRefused) { EXPECT_TRUE(says(refusal(bytes(), 98), "another spec")); }

TEST_F(Checkpoint, ThatCannotBeWrittenSaysSo) {
  EXPECT_THROW(write_checkpoint("/nowhere/at/all", 1, state_), BadCheckpoint);
}

}  // namespace
}  // namespace lml
