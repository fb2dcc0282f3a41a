// All checks of a set in one pass: what is planted is found and counted, what is left is clean, and the order
// in which items were made does not matter.
#include "af2/factory/set_pass.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "../scratch.h"
#include "af2/audio/wav.h"
#include "factory_item_maker.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct MadeSet {
  std::vector<Item> items;
  std::vector<Record> records;
};

// Items whose record has what they call present.
MadeSet made(int n) {
  MadeSet set{test::made_items(n), {}};
  for (std::size_t i = 0; i < set.items.size(); ++i) {
    if (i % 4 == 0) set.records.push_back(test::made_record(set.items[i]));
    if (i % 4 == 1) set.items[i].kinds.clear();
  }
  return set;
}

std::string lines_of(const std::vector<Item>& items) {
  std::string lines;
  for (const Item& item : items) lines += item_line(item) + "\n";
  return lines;
}

TEST(FactorySetPass, FindsWhatIsPlantedAndLeavesACleanSet) {
#ifndef AF2_WITH_SOXR
  GTEST_SKIP() << "built without soxr: fingerprints are those of 16 kHz";
#endif
  const test::Scratch scratch;
  fs::create_directories(scratch / "clips");
  fs::create_directories(scratch / "tests");
  MadeSet set = made(160);
  for (int c = 0; c < 40; ++c) {
    std::vector<float> x(160000);
    Random rng("test/pass/" + std::to_string(c));
    for (float& s : x) s = static_cast<float>(0.1 * rng.normal());
    if (c == 3) std::fill(x.begin(), x.end(), 0.0f);
    write_wav(scratch / (set.items[static_cast<std::size_t>(4 * c)].audio), x);
  }
  fs::copy_file(scratch / set.items[20].audio, scratch / "tests/x.wav");  // clip 5
  set.items[1].question = "What does the caption say?";
  set.items[2].licence = "all rights reserved";
  set.items[34].question = set.items[33].question;  // the same question about one clip
  set.items[34].type = set.items[33].type;
  RecordCounts counts;
  const OverlapIndex tests = OverlapIndex::build({{"MMAU", scratch / "tests"}}, counts);
  SetPassOptions options;
  options.checks.allow_licence = {"CC0"};
  const Vocabulary words{test::maker_labels()};
  std::vector<Item> items = set.items;
  int told = 0;
  const SetPass pass = pass_set(items, set.records, words, {scratch.path(), true, &tests, nullptr, 2},
                                options, [&](const Item&, const ItemFault&) { ++told; });
  const auto& dropped = pass.inputs.dropped.dropped;
  EXPECT_EQ(dropped.at("texts/banned_phrase"), 1);
  EXPECT_EQ(dropped.at("licence/not_allowed"), 1);
  EXPECT_EQ(dropped.at("audio/silent"), 4);
  EXPECT_EQ(dropped.at("overlap/MMAU"), 4);
  EXPECT_EQ(dropped.at("duplicate/same"), 1);
  EXPECT_EQ(told, 6);
  EXPECT_EQ(pass.inputs.overlaps.at("MMAU"), 4);
  EXPECT_THAT(pass.inputs.looked_at, ElementsAre("MMAU"));
  ASSERT_EQ(pass.hits.size(), 1u);
  EXPECT_EQ(pass.hits[0].how, "file");
  EXPECT_EQ(pass.left_out, static_cast<std::int64_t>(160 - items.size()));
  EXPECT_THAT(items[0].checks, ElementsAre("form", "texts", "options", "licence", "audio"));
  // Nothing is left to find.
  std::vector<Item> again = items;
  const SetPass second =
      pass_set(again, set.records, words, {scratch.path(), true, &tests, nullptr, 1}, options);
  EXPECT_EQ(second.left_out, 0);
  EXPECT_EQ(second.moved, 0);
  EXPECT_EQ(lines_of(again), lines_of(items));
}

TEST(FactorySetPass, OrderOfMakingDoesNotMatter) {
  MadeSet set = made(2000);
  for (std::size_t i = 0; i < set.items.size(); i += 8)
    if (set.items[i].answer_index != 1) {
      Item& item = set.items[i];
      const auto right = static_cast<std::size_t>(item.answer_index);
      std::swap(item.options[right], item.options[1]), std::swap(item.kinds[right], item.kinds[1]);
      item.answer_index = 1;
    }
  const Vocabulary words{test::maker_labels()};
  std::vector<Item> a = set.items, b = set.items;
  Random("test/turn").shuffle(b);
  const SetPass one = pass_set(a, set.records, words, {}, {}), two = pass_set(b, set.records, words, {}, {});
  EXPECT_GT(one.moved, 0);
  EXPECT_TRUE(one.within);
  EXPECT_EQ(lines_of(a), lines_of(b));
  EXPECT_EQ(one.inputs.dropped.dropped, two.inputs.dropped.dropped);
  EXPECT_EQ(one.inputs.dropped.first, two.inputs.dropped.first);
}

}  // namespace
}  // namespace af2
