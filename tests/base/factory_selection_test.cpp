// Selection: k-means against scikit-learn, the point process against every subset of a small kernel, the
// choice of clips as a whole, and what is refused.
#include "af2/factory/selection/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <thread>

#include "../scratch.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/random.h"
#include "af2/core/threads.h"
#include "af2/factory/review/markup.h"
#include "af2/factory/selection/matrix.h"
#include "af2/factory/selection/point_process.h"
#include "af2/factory/selection/selection_report.h"
#include "refused.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using test::refused;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<EmbeddingItem> numbered(std::size_t n) {
  std::vector<EmbeddingItem> items(n);
  for (std::size_t i = 0; i < n; ++i) items[i].id = "clip" + std::to_string(i);
  return items;
}

// Groups of points on the sphere: `groups` directions, each with its own spread.
Embeddings sphere(std::size_t n, std::size_t d, std::size_t groups, const std::string& name) {
  Random rng("af2/test/sphere/" + name);
  std::vector<float> centres(groups * d), values;
  for (auto& value : centres) value = static_cast<float>(rng.normal());
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < d; ++j)
      values.push_back(centres[i % groups * d + j] + 0.7f * static_cast<float>(rng.normal()));
  return Embeddings::from_memory(values, d, numbered(n), true);
}

double determinant(std::vector<std::vector<double>> a) {
  double result = 1;
  for (std::size_t c = 0; c < a.size(); ++c) {
    std::size_t pivot = c;
    for (std::size_t r = c; r < a.size(); ++r)
      if (std::abs(a[r][c]) > std::abs(a[pivot][c])) pivot = r;
    if (a[pivot][c] == 0) return 0;
    if (pivot != c) std::swap(a[pivot], a[c]), result = -result;
    result *= a[c][c];
    for (std::size_t r = c + 1; r < a.size(); ++r) {
      const double factor = a[r][c] / a[c][c];
      for (std::size_t j = c; j < a.size(); ++j) a[r][j] -= factor * a[c][j];
    }
  }
  return result;
}

// Runs ranges backwards, cut in another way, on several threads.
void crooked_runner(std::int64_t begin, std::int64_t end, std::int64_t grain, const RangeBody& body) {
  const std::int64_t piece = std::max<std::int64_t>(1, grain / 3 + 1);
  std::vector<std::thread> threads;
  for (std::int64_t t = 0; t < 3; ++t)
    threads.emplace_back([=, &body] {
      for (std::int64_t last = end - t * piece; last > begin; last -= 3 * piece)
        body(std::max(begin, last - piece), last);
    });
  for (auto& thread : threads) thread.join();
}
void plain_runner(std::int64_t begin, std::int64_t end, std::int64_t, const RangeBody& body) {
  if (begin < end) body(begin, end);
}

class Selecting : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!built_with_eigen()) GTEST_SKIP() << "built without Eigen";
  }
  void TearDown() override { set_range_runner(plain_runner); }
  fs::path write(const std::string& name, const std::string& text) {
    write_file_atomic(scratch / name, text);
    return scratch / name;
  }

  test::Scratch scratch;
};

TEST_F(Selecting, KMeansAgreesWithScikitLearn) {
  const fs::path folder = fs::path(AF2_SOURCE_DIR) / "tests/data/factory";
  const Json golden = parse_json(read_file(folder / "k_means.json"), "k_means.json");
  std::string ids;
  for (const std::string name : {"groups", "cloud"}) {
    const auto rows = NpyArray::open(folder / (name + ".npy")).shape()[0];
    ids.clear();
    for (int i = 0; i < rows; ++i) ids += "p" + std::to_string(i) + "\n";
    const Embeddings points = Embeddings::open(folder / (name + ".npy"), write("ids.txt", ids), false);
    const Json& expected = golden.at(name);
    const double best = expected.at("best").get<double>();
    const KMeansResult result = k_means(points, {.k = expected.at("k").get<int>(), .starts = 10, .seed = 3});
    EXPECT_GE(result.inertia, best * (1 - 1e-9)) << name;  // the best of a hundred starts
    EXPECT_LE(result.inertia, expected.at("mean_of_single_starts").get<double>()) << name;
    if (name == "groups") {
      EXPECT_NEAR(result.inertia, best, best * 1e-6);
      EXPECT_EQ(Json(result.sizes), expected.at("sizes"));
    } else {
      EXPECT_LE(result.inertia, best * 1.03);
    }
    for (const KMeansRun& run : result.runs) EXPECT_TRUE(run.converged) << name;
  }
}

TEST_F(Selecting, EveryRowLiesWithItsNearestCentre) {
  const Embeddings points = sphere(700, 24, 6, "nearest");
  const KMeansResult result = k_means(points, {.k = 11, .starts = 2, .seed = 5});
  std::vector<double> row(24);
  double inertia = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    points.row(i, row);
    std::vector<double> distances;
    for (std::size_t c = 0; c < 11; ++c) {
      double sum = 0;
      for (std::size_t j = 0; j < 24; ++j) sum += std::pow(row[j] - result.centres[c * 24 + j], 2);
      distances.push_back(sum);
    }
    const auto nearest = std::min_element(distances.begin(), distances.end());
    EXPECT_EQ(result.cluster[i], nearest - distances.begin());
    EXPECT_NEAR(result.distance2[i], *nearest, 1e-12);
    inertia += *nearest;
  }
  EXPECT_NEAR(result.inertia, inertia, 1e-9);
  EXPECT_TRUE(std::is_sorted(result.sizes.rbegin(), result.sizes.rend()));
  EXPECT_EQ(std::accumulate(result.sizes.begin(), result.sizes.end(), std::int64_t{0}), 700);
}

TEST_F(Selecting, RepeatedRowsLeaveClustersEmptyAndOthersAreBegunAnew) {
  std::vector<float> values;
  for (int i = 0; i < 40; ++i) values.insert(values.end(), {static_cast<float>(i % 4), 1.f});
  const Embeddings four = Embeddings::from_memory(values, 2, numbered(40), false);
  const KMeansResult result = k_means(four, {.k = 6, .starts = 1});
  EXPECT_EQ(result.sizes, (std::vector<std::int64_t>{10, 10, 10, 10, 0, 0}));
  EXPECT_EQ(result.inertia, 0);
  // With as many clusters as rows, every row ends alone, whatever the seeds were.
  const Embeddings few = sphere(30, 3, 2, "alone");
  const KMeansResult alone = k_means(few, {.k = 30, .starts = 1});
  EXPECT_EQ(alone.sizes, std::vector<std::int64_t>(30, 1));
  EXPECT_NEAR(alone.inertia, 0, 1e-20);
}

TEST_F(Selecting, GreedyTakesWhatAddsMostVolume) {
  const std::size_t n = 12;
  const Embeddings points = sphere(n, 8, 3, "greedy");
  std::vector<std::vector<double>> kernel(n, std::vector<double>(n));
  std::vector<double> a(8), b(8), diagonal;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      points.row(i, a), points.row(j, b);
      const double quality_i = 1 + 0.1 * static_cast<double>(i % 3),
                   quality_j = 1 + 0.1 * static_cast<double>(j % 3);
      kernel[i][j] = quality_i * dot(a, b) * quality_j;
    }
  for (std::size_t i = 0; i < n; ++i) diagonal.push_back(kernel[i][i]);
  const auto fill = [&](std::size_t j, std::span<double> row) {
    std::copy(kernel[j].begin(), kernel[j].end(), row.begin());
  };
  const std::vector<int> chosen = greedy_map(diagonal, fill, 6);
  // The same by whole determinants.
  std::vector<int> expected;
  for (int step = 0; step < 6; ++step) {
    int best = -1;
    double largest = 0;
    for (int i = 0; i < static_cast<int>(n); ++i) {
      if (std::find(expected.begin(), expected.end(), i) != expected.end()) continue;
      std::vector<int> with = expected;
      with.push_back(i);
      std::vector<std::vector<double>> part;
      for (const int r : with) {
        part.emplace_back();
        for (const int c : with)
          part.back().push_back(kernel[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)]);
      }
      if (best < 0 || determinant(part) > largest) best = i, largest = determinant(part);
    }
    expected.push_back(best);
  }
  EXPECT_EQ(chosen, expected);
  // Eight columns hold eight directions: the ninth row adds nothing.
  EXPECT_EQ(greedy_map(diagonal, fill, 12).size(), 8u);
}

TEST_F(Selecting, KDppDrawsEverySetByItsDeterminant) {
  const std::size_t n = 6;
  const int k = 3, draws = 6000;
  Random name("af2/test/kernel/2");
  std::vector<double> factor(n * 4), kernel(n * n, 0);
  for (auto& value : factor) value = name.normal();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t f = 0; f < 4; ++f) kernel[i * n + j] += factor[i * 4 + f] * factor[j * 4 + f];
  std::map<std::set<int>, double> weights;
  double total = 0;
  for (int a = 0; a < 6; ++a)
    for (int b = a + 1; b < 6; ++b)
      for (int c = b + 1; c < 6; ++c) {
        std::vector<std::vector<double>> part;
        for (const int r : {a, b, c}) {
          part.emplace_back();
          for (const int q : {a, b, c})
            part.back().push_back(kernel[static_cast<std::size_t>(r) * n + static_cast<std::size_t>(q)]);
        }
        total += weights[{a, b, c}] = determinant(part);
      }
  std::map<std::set<int>, int> counts;
  Random rng("af2/test/kdpp/1");
  for (int i = 0; i < draws; ++i) {
    const std::vector<int> drawn = sample_k_dpp(kernel, n, k, rng);
    ASSERT_EQ(drawn.size(), 3u);
    ++counts[{drawn.begin(), drawn.end()}];
  }
  double chi = 0, chi_uniform = 0;
  for (const auto& [set, weight] : weights) {
    const double expected = draws * weight / total;
    ASSERT_GT(expected, 1);
    chi += std::pow(counts[set] - expected, 2) / expected;
    chi_uniform += std::pow(counts[set] - draws / 20.0, 2) / (draws / 20.0);
  }
  EXPECT_LT(chi, 43.8);  // 19 degrees of freedom, 0.1 %
  EXPECT_GT(chi_uniform, 1000);
  // The kernel has rank 4: there is no fifth member.
  EXPECT_EQ(sample_k_dpp(kernel, n, 6, rng).size(), 4u);
  EXPECT_EQ(sample_k_dpp(kernel, n, 0, rng).size(), 0u);
}

TEST_F(Selecting, ChoosesDiverseClipsTheSameAtAnyNumberOfThreads) {
  const Embeddings points = sphere(3000, 32, 12, "whole");
  const SelectionOptions options{.k_means = {.k = 12, .starts = 2, .seed = 9}, .random = 6, .dpp = 6};
  const Selection chosen = select_items(points, options);
  EXPECT_EQ(chosen.items.size(), 12u * 12u);
  std::set<std::size_t> rows;
  for (const auto& item : chosen.items) {
    EXPECT_TRUE(rows.insert(item.row).second) << "chosen twice";
    EXPECT_EQ(chosen.k_means.cluster[item.row], item.cluster);
  }
  const Json report = selection_report(points, chosen, options);
  const Json& cosine = report.at("mean_cosine_of_pairs");
  EXPECT_LT(cosine.at("dpp").get<double>(), cosine.at("random").get<double>() - 0.02);
  EXPECT_GE(cosine.at("clusters_where_dpp_is_more_diverse").get<int>(), 11);
  EXPECT_NEAR(cosine.at("random").get<double>(), cosine.at("all_rows").get<double>(), 0.05);
  const std::string lines = selection_lines(points, chosen), page = selection_page(points, chosen);
  set_range_runner(crooked_runner);
  const Selection again = select_items(points, options);
  EXPECT_EQ(selection_lines(points, again), lines);
  EXPECT_EQ(selection_report(points, again, options).dump(), report.dump());
  EXPECT_EQ(selection_page(points, again), page);
  SelectionOptions other = options;
  other.k_means.seed = 10;
  EXPECT_NE(selection_lines(points, select_items(points, other)), lines);
}

TEST_F(Selecting, BothMethodsAreMoreDiverseThanChance) {
  const Embeddings points = sphere(600, 16, 3, "methods");
  for (const std::string method : {"greedy", "sample"}) {
    double dpp = 0, random = 0;
    for (int seed = 0; seed < 5; ++seed) {
      const Selection chosen = select_items(points, {.k_means = {.k = 3, .starts = 1, .seed = seed},
                                                     .random = 8,
                                                     .dpp = 8,
                                                     .method = method,
                                                     .exact_limit = 200});
      for (const auto& facts : chosen.clusters) {
        EXPECT_EQ(facts.method, facts.size > 208 ? "greedy" : method);  // 8 are drawn before
        dpp += facts.dpp_similarity, random += facts.random_similarity;
      }
    }
    EXPECT_LT(dpp, random) << method;
  }
}

TEST_F(Selecting, QualityTipsTheChoice) {
  // Pairs of one direction: of each the better one is taken.
  std::vector<float> values;
  std::vector<EmbeddingItem> items = numbered(8);
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::size_t j = 0; j < 4; ++j) values.push_back(i / 2 == j ? 1.f : 0.f);
    items[i].quality = i % 2 ? 2 : 1;
  }
  const Embeddings points = Embeddings::from_memory(values, 4, items, true);
  const Selection chosen =
      select_items(points, {.k_means = {.k = 1}, .random = 0, .dpp = 6, .method = "greedy"});
  std::set<std::size_t> rows;
  for (const auto& item : chosen.items) rows.insert(item.row);
  EXPECT_EQ(rows, (std::set<std::size_t>{1, 3, 5, 7}));
  EXPECT_EQ(chosen.clusters[0].wanted_dpp, 6);  // two add nothing, and the report says so
  EXPECT_EQ(selection_report(points, chosen, {.k_means = {.k = 1}}).at("chosen").at("dpp_short_of_wish"), 2);
}

TEST_F(Selecting, SharesAndCap) {
  SelectionOptions options;
  using Wanted = std::pair<int, int>;
  EXPECT_EQ(wanted_of(options, 100), Wanted(5, 5));
  EXPECT_EQ(wanted_of(options, 10), Wanted(5, 5));
  EXPECT_EQ(wanted_of(options, 4), Wanted(2, 2));
  EXPECT_EQ(wanted_of(options, 1), Wanted(1, 0));
  EXPECT_EQ(wanted_of(options, 0), Wanted(0, 0));
  options.cap = 6;
  EXPECT_EQ(wanted_of(options, 100), Wanted(3, 3));
  options.share = 0.1, options.cap = 0, options.random = 1, options.dpp = 3;
  EXPECT_EQ(wanted_of(options, 1000), Wanted(25, 75));
  EXPECT_EQ(wanted_of(options, 2), Wanted(0, 1));
  options.cap = 20;
  EXPECT_EQ(wanted_of(options, 1000), Wanted(5, 15));
}

TEST_F(Selecting, ReadsNpyAndJsonl) {
  write_npy(scratch / "v.npy", std::vector<float>{3, 4, 0, 2}, {2, 2});
  const auto ids =
      write("ids.jsonl", "{\"id\":\"a\",\"text\":\"<b>rain\",\"quality\":2,\"other\":1}\n\nplain id \n");
  const Embeddings npy = Embeddings::open(scratch / "v.npy", ids, true);
  EXPECT_EQ(npy.items()[0].text, "<b>rain");
  EXPECT_EQ(npy.items()[0].quality, 2);
  EXPECT_EQ(npy.items()[1].id, "plain id");
  std::vector<double> row(2);
  npy.row(0, row);
  EXPECT_NEAR(row[0], 0.6, 1e-15);
  EXPECT_NEAR(row[1], 0.8, 1e-15);
  const Embeddings jsonl = Embeddings::open(
      write("v.jsonl", "{\"id\":\"a\",\"embedding\":[3,4]}\n{\"id\":\"b\",\"embedding\":[0,2.0]}\n"), "",
      false);
  jsonl.row(1, row);
  EXPECT_EQ(row, (std::vector<double>{0, 2}));
  EXPECT_EQ(jsonl.length(0), 5);
}

TEST_F(Selecting, ListsForTheLookEscapeTexts) {
  std::vector<EmbeddingItem> items = {
      {"a\"1", "<script>alert('x')</script>, and \"more\"", "clips/a b#1.wav", 1}, {"b", "wind", "", 1}};
  const Embeddings points = Embeddings::from_memory({1, 0, 0, 1}, 2, items, true);
  const Selection chosen = select_items(points, {.k_means = {.k = 1}, .random = 2, .dpp = 0});
  const std::string page = selection_page(points, chosen), csv = selection_csv(points, chosen);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
  EXPECT_THAT(page, HasSubstr("src=\"clips/a%20b%231.wav\""));
  EXPECT_THAT(page, Not(HasSubstr("http")));
  EXPECT_THAT(csv,
              HasSubstr("\"a\"\"1\",\"<script>alert('x')</script>, and \"\"more\"\"\",clips/a b#1.wav,1,,"));
}

TEST_F(Selecting, RefusesByName) {
  write_npy(scratch / "v.npy", std::vector<float>{3, 4, 0, 0}, {2, 2});
  const auto npy = scratch / "v.npy";
  const auto two = write("two.txt", "a\nb\n");
  refused(ErrorKind::kUser, {"--ids"}, [&] { Embeddings::open(npy, "", false); });
  refused(ErrorKind::kData, {"3 ids", "2 rows"},
          [&] { Embeddings::open(npy, write("3.txt", "a\nb\nc\n"), false); });
  refused(ErrorKind::kData, {"`a` stands twice"},
          [&] { Embeddings::open(npy, write("t.txt", "a\na\n"), false); });
  refused(ErrorKind::kData, {"row 1 (b)", "zeros"}, [&] { Embeddings::open(npy, two, true); });
  refused(ErrorKind::kData, {"q.jsonl:1", "quality"},
          [&] { Embeddings::open(npy, write("q.jsonl", "{\"id\":\"a\",\"quality\":0}\nb\n"), false); });
  write_npy(scratch / "n.npy", std::vector<float>{1, NAN, 0, 1}, {2, 2});
  refused(ErrorKind::kData, {"row 0 (a)", "NaN"}, [&] { Embeddings::open(scratch / "n.npy", two, false); });
  write_npy(scratch / "flat.npy", std::vector<float>{1, 2}, {2});
  refused(ErrorKind::kData, {"shape 2"}, [&] { Embeddings::open(scratch / "flat.npy", two, false); });
  write_npy(scratch / "ints.npy", std::vector<std::int64_t>{1, 2}, {2, 1});
  refused(ErrorKind::kData, {"I64"}, [&] { Embeddings::open(scratch / "ints.npy", two, false); });
  refused(ErrorKind::kData, {"l.jsonl:2", "3 numbers"}, [&] {
    Embeddings::open(
        write("l.jsonl", "{\"id\":\"a\",\"embedding\":[1,2]}\n{\"id\":\"b\",\"embedding\":[1,2,3]}\n"), "",
        false);
  });
  const std::string bytes = read_file(npy);
  refused(ErrorKind::kData, {"truncated"},
          [&] { Embeddings::open(write("cut.npy", bytes.substr(0, bytes.size() - 3)), two, false); });
  const Embeddings points = Embeddings::open(npy, two, false);
  refused(ErrorKind::kUser, {"3", "2 rows"}, [&] { k_means(points, {.k = 3}); });
  refused(ErrorKind::kData, {"row 1 (b)"}, [&] { select_items(points, {.k_means = {.k = 1}}); });
  const Embeddings good = sphere(10, 4, 1, "good");
  refused(ErrorKind::kUser, {"method"}, [&] { select_items(good, {.k_means = {.k = 1}, .method = "best"}); });
  refused(ErrorKind::kUser, {"share"}, [&] { select_items(good, {.k_means = {.k = 1}, .share = 2}); });
  refused(ErrorKind::kUser, {"random and dpp"},
          [&] { select_items(good, {.k_means = {.k = 1}, .random = 0, .dpp = 0}); });
}

}  // namespace
}  // namespace af2
