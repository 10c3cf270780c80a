// Threads share the work and cannot change a bit of it.
#include <gtest/gtest.h>
#include <omp.h>

#include "dynamics/random.hpp"
#include "theory/marginal.hpp"

namespace lml {
namespace {

class Threads {
 public:
  explicit Threads(int n) : before_(omp_get_max_threads()) { omp_set_num_threads(n); }
  ~Threads() { omp_set_num_threads(before_); }

 private:
  int before_;
};

struct Sizes {
  Index d, components, points;
};

class BatchThreads : public testing::TestWithParam<Sizes> {};

TEST_P(BatchThreads, SameBitsWithAnyNumberOfThreads) {
  const auto [d, components, points] = GetParam();
  const Random random(3, 1);
  const Marginal p(Target::points(random.normals(0, 0, components, d)), {0.8, 0.3});
  const Points x = random.normals(0, 1, points, d);
  Points score;
  Vec log_density;
  {
    const Threads one(1);
    score = p.score(x);
    log_density = p.log_density(x);
  }
  for (int threads : {2, 3, 5}) {
    const Threads some(threads);
    EXPECT_TRUE((p.score(x).array() == score.array()).all()) << threads;
    EXPECT_TRUE((p.log_density(x).array() == log_density.array()).all()) << threads;
  }
}

// One block; several blocks; several ranges with many points, with few, with one: each has its own way to share work.
INSTANTIATE_TEST_SUITE_P(Sizes, BatchThreads,
                         testing::Values(Sizes{2, 8, 5000}, Sizes{64, 700, 600}, Sizes{5, 9000, 1500},
                                         Sizes{5, 9000, 200}, Sizes{30, 13000, 1}));

}  // namespace
}  // namespace lml
