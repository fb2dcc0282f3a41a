// A set as a whole: letters, sequences, yes and no, caps, duplicates; the same result in any order of making.
#include "af2/factory/balance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "af2/core/error.h"
#include "af2/core/progress.h"
#include "factory_item_maker.h"

namespace af2 {
namespace {
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> ids_of(const std::vector<Item>& items) {
  std::vector<std::string> ids;
  for (const Item& item : items) ids.push_back(item.id);
  return ids;
}

std::vector<int> letters_of(const std::vector<Item>& items, const std::string& skill) {
  std::vector<int> n(5, 0);
  for (const Item& item : items)
    if (item.skill == skill && item.answer_index >= 0) ++n[static_cast<std::size_t>(item.answer_index)];
  return n;
}

// Items of turn 0 alone: choices about different clips.
std::vector<Item> choices(int n) {
  std::vector<Item> items;
  for (int i = 0; i < n; ++i) items.push_back(test::made_item(4 * i));
  return items;
}

TEST(FactoryBalance, LettersAreMovedWhereTheirShareIsOff) {
  std::vector<Item> items = choices(1000);
  std::vector<Item> fair = items;
  EXPECT_EQ(balance_letters(fair, {.letter_points = 5}), 0);
  for (std::size_t i = 0; i < fair.size(); ++i) ASSERT_EQ(item_line(fair[i]), item_line(items[i]));
  // Six hundred more right answers stand at C.
  for (std::size_t i = 0; i < 600; ++i) {
    Item& item = items[i];
    std::swap(item.options[static_cast<std::size_t>(item.answer_index)], item.options[2]);
    std::swap(item.kinds[static_cast<std::size_t>(item.answer_index)], item.kinds[2]);
    item.answer_index = 2;
  }
  const std::vector<Item> before = items;
  EXPECT_GT(balance_letters(items, {}), 300);
  EXPECT_THAT(letters_of(items, "temporal"), ElementsAre(250, 250, 250, 250, 0));
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    EXPECT_EQ(item.options.at(static_cast<std::size_t>(item.answer_index)), item.answer);
    EXPECT_EQ(item.kinds.at(static_cast<std::size_t>(item.answer_index)), "present");
    EXPECT_EQ(std::set<std::string>(item.options.begin(), item.options.end()),
              std::set<std::string>(before[i].options.begin(), before[i].options.end()));
  }
  // By name, not by place: the same items in another order get the same letters.
  std::vector<Item> turned(before.rbegin(), before.rend());
  balance_letters(turned, {});
  for (std::size_t i = 0; i < items.size(); ++i) ASSERT_EQ(turned[items.size() - 1 - i].id, items[i].id);
  std::vector<Item> again = before;
  balance_letters(again, {});
  for (std::size_t i = 0; i < items.size(); ++i) ASSERT_EQ(item_line(again[i]), item_line(items[i]));
  // Another seed: other items, the same shares.
  again = before;
  balance_letters(again, {.seed = 1});
  EXPECT_NE(item_line(again[0]) + item_line(again[1]) + item_line(again[2]) + item_line(again[3]),
            item_line(items[0]) + item_line(items[1]) + item_line(items[2]) + item_line(items[3]));
  EXPECT_THAT(letters_of(again, "temporal"), ElementsAre(250, 250, 250, 250, 0));
}

TEST(FactoryBalance, SharesAreOfASkillAndANumberOfOptions) {
  std::vector<Item> items = test::made_items(4000);
  for (Item& item : items) {
    if (item.skill != "information") continue;
    const auto right = static_cast<std::size_t>(item.answer_index);
    const std::string other = item.options[(right + 1) % 4];
    item.options = {item.answer, other}, item.kinds = {"present", "absent"}, item.answer_index = 0;
  }
  balance_letters(items, {});
  EXPECT_THAT(letters_of(items, "information"), ElementsAre(500, 500, 0, 0, 0));
}

TEST(FactoryBalance, SequencesOfLetters) {
  EXPECT_THAT(letter_sequence("(B)(A)(D)(C)"), ElementsAre(1, 0, 3, 2));
  EXPECT_THAT(letter_sequence("B, A, C."), ElementsAre(1, 0, 2));
  EXPECT_THAT(letter_sequence("(A)"), IsEmpty());
  EXPECT_THAT(letter_sequence("(A)(A)"), IsEmpty());
  EXPECT_THAT(letter_sequence("A dog"), IsEmpty());
  Item item;
  item.question = "In which order are they heard: (A) a dog barking, (B) rain and (C) a bell?";
  item.answer = "(B)(A)(C)";
  item.options = {"(A)(B)(C)", "(B)(A)(C)"};
  item.facts = {{"labels", {"dog", "rain", "bell"}}, {"k", 3}};
  ASSERT_TRUE(reorder_list(item, {2, 0, 1}));
  EXPECT_EQ(item.facts.dump(), R"({"labels":["rain","bell","dog"],"k":3})");
  EXPECT_EQ(item.question, "In which order are they heard: (A) rain, (B) a bell and (C) a dog barking?");
  EXPECT_EQ(item.answer, "(A)(C)(B)");
  EXPECT_THAT(item.options, ElementsAre("(C)(A)(B)", "(A)(C)(B)"));
  Item without;
  without.question = "Which comes first?";
  EXPECT_FALSE(reorder_list(without, {1, 0}));

  // The question always lists them as they are heard: nobody would have to listen.
  std::vector<Item> items = choices(600);
  for (Item& it : items) {
    it.question =
        "Order these: (A) " + it.options[0] + ". (B) " + it.options[1] + ". (C) " + it.options[2] + ".";
    it.options.clear(), it.kinds.clear(), it.answer_index = -1, it.form = "short", it.answer = "(A)(B)(C)";
  }
  EXPECT_EQ(balance_letters(items, {}), 500);
  std::map<std::string, int> n;
  for (const Item& it : items) ++n[it.answer];
  ASSERT_EQ(n.size(), 6u);
  for (const auto& [answer, times] : n) EXPECT_EQ(times, 100) << answer;
}

TEST(FactoryBalance, AsManyYesAsNo) {
  std::vector<Item> items;
  for (int i = 0; i < 1000; ++i) {
    items.push_back(test::made_item(4 * i + 3));
    items.back().answer = i % 10 < 7 ? "yes" : "no";
  }
  RecordCounts counts;
  balance_yes_no(items, {}, counts);
  EXPECT_EQ(items.size(), 600u);
  EXPECT_EQ(std::count_if(items.begin(), items.end(), [](const Item& i) { return i.answer == "yes"; }), 300);
  EXPECT_EQ(counts.dropped.at("balance/yes_no"), 400);
  // A type that only knows yes says nothing.
  for (Item& item : items) item.answer = "Yes.";
  balance_yes_no(items, {}, counts);
  EXPECT_THAT(items, IsEmpty());
}

TEST(FactoryBalance, NumbersAndClassesAreCapped) {
  std::vector<Item> items;
  for (int i = 0; i < 1000; ++i) {
    items.push_back(test::made_item(4 * i + 2));
    items.back().answer = std::to_string(i < 700 ? 2 : 1 + i % 10);
  }
  RecordCounts counts;
  std::vector<Item> any = items;
  cap_answers(any, {.number_factor = 0}, counts);
  EXPECT_EQ(any.size(), 1000u);
  cap_answers(items, {}, counts);
  std::map<std::string, double> n;
  for (const Item& item : items) ++n[item.answer];
  EXPECT_EQ(n.size(), 10u);
  for (const auto& [answer, times] : n)
    EXPECT_LE(times, 0.15 * static_cast<double>(items.size()) + 1) << answer;
  EXPECT_EQ(n["3"], 30);  // what was rare is still there
  EXPECT_EQ(counts.dropped.at("balance/number"), 1000 - static_cast<int>(items.size()));

  items = choices(1000);
  for (std::size_t i = 0; i < 800; ++i)
    items[i].options[static_cast<std::size_t>(items[i].answer_index)] = items[i].answer = "a dog barking";
  cap_answers(items, {}, counts);
  EXPECT_GT(counts.dropped.at("balance/class"), 600);
  const auto dogs =
      std::count_if(items.begin(), items.end(), [](const Item& i) { return i.answer == "a dog barking"; });
  EXPECT_LE(static_cast<double>(dogs), 3.0 / 16 * static_cast<double>(items.size()) + 1);
  // Open answers are all different: nothing to cap.
  for (std::size_t i = 0; i < items.size(); ++i) items[i].answer = "sentence " + std::to_string(i);
  const std::size_t size = items.size();
  cap_answers(items, {}, counts);
  EXPECT_EQ(items.size(), size);
}

TEST(FactoryBalance, DuplicatesLeaveTheFirst) {
  const std::string long_one =
      "After the dog barks near the gate and the rain has stopped which of all these sounds can be heard "
      "again before the end";
  std::vector<Item> items = choices(6);
  for (Item& item : items) item.audio = "clips/one.wav";
  items[0].question = "Which comes first?";
  items[1].question = "which comes FIRST";  // the same
  items[2].question = long_one + " here?";
  items[3].question = long_one + " now?";  // nearly the same: 20 of 22 grams
  items[4].question = "Which comes last?";
  items[5].question = "Which comes first?";
  items[5].audio = "clips/two.wav";
  RecordCounts counts;
  std::vector<Item> kept = items;
  drop_duplicates(kept, {.items_per_clip = 0}, counts);
  EXPECT_THAT(ids_of(kept), ElementsAre(items[0].id, items[2].id, items[4].id, items[5].id));
  EXPECT_EQ(counts.dropped.at("duplicate/same"), 1);
  EXPECT_EQ(counts.dropped.at("duplicate/near"), 1);
  EXPECT_EQ(counts.first.at("duplicate/near"), items[3].id);
  // Another stretch of the same file is another clip.
  kept = items;
  kept[1].start = 10;
  drop_duplicates(kept, {.items_per_clip = 0}, counts);
  EXPECT_EQ(kept.size(), 5u);
  kept = items;
  counts = {};
  drop_duplicates(kept, {.items_per_clip = 2}, counts);
  EXPECT_THAT(ids_of(kept), ElementsAre(items[0].id, items[2].id, items[5].id));
  EXPECT_EQ(counts.dropped.at("duplicate/clip"), 1);
}

TEST(FactoryBalance, NearDuplicatesAreFoundAsByComparingAll) {
  Random rng("test/near");
  std::vector<std::string> texts;
  for (int i = 0; i < 400; ++i) {
    std::string text;
    if (i % 2 == 1) {
      // The one before with a word changed at its end, or anywhere.
      text = texts.back();
      std::size_t at = i % 4 == 1 ? text.size() - 2 : rng.below(text.size());
      while (text[at] == ' ') at = (at + 1) % text.size();
      text[at] = 'z';
    } else {
      for (int w = 0; w < 8 + static_cast<int>(rng.below(60)); ++w)
        text += "w" + std::to_string(rng.below(50)) + " ";
    }
    texts.push_back(text);
  }
  std::vector<Item> items;
  for (int i = 0; i < 400; ++i) {
    items.push_back(test::made_item(4 * i));
    items.back().audio = "one.wav", items.back().question = texts[static_cast<std::size_t>(i)];
  }
  // All against all, the plain way.
  const auto grams = [](const std::string& text) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : text + " ")
      if (c == ' ') {
        if (!word.empty()) words.push_back(word);
        word.clear();
      } else {
        word += c;
      }
    std::set<std::string> set;
    for (std::size_t i = 0; i + 2 < words.size(); ++i)
      set.insert(words[i] + " " + words[i + 1] + " " + words[i + 2]);
    return set;
  };
  std::vector<std::string> expected;
  std::vector<std::set<std::string>> kept_grams;
  for (const Item& item : items) {
    const auto own = grams(item.question);
    bool near = false;
    for (const auto& other : kept_grams) {
      std::size_t both = 0;
      for (const auto& g : own) both += other.count(g);
      near = near || static_cast<double>(both) >= 0.9 * static_cast<double>(own.size() + other.size() - both);
    }
    if (near) continue;
    kept_grams.push_back(own);
    expected.push_back(item.id);
  }
  RecordCounts counts;
  drop_duplicates(items, {.items_per_clip = 0}, counts);
  EXPECT_EQ(ids_of(items), expected);
  EXPECT_GT(counts.dropped["duplicate/near"], 10);
}

TEST(FactoryBalance, AWholeSetOfManyItemsInOneGo) {
  // All about one clip, nearly all alike, is the worst case of duplicates.
  std::vector<Item> items = test::made_items(60000);
  for (std::size_t i = 30000; i < items.size(); ++i) {
    items[i].audio = "one.wav";
    items[i].question += " part " + std::to_string(i) + "?";
  }
  RecordCounts counts;
  const double begin = steady_seconds();
  balance_set(items, {.items_per_clip = 0}, counts);
  EXPECT_LT(steady_seconds() - begin, 20);
  EXPECT_GT(items.size(), 50000u);
  std::reverse(items.begin(), items.end());
  EXPECT_THROW(balance_set(items, {}, counts), Error);
}

}  // namespace
}  // namespace af2
