// Long categories on random records in thousands: every item passes its re-check, planted faults do not,
// letters are uniform, wordings complete, blind solvers near chance.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/long_tables.h"
#include "af2/factory/rules/recheck.h"
#include "factory_long_testing.h"

namespace af2 {
namespace {

using long_test::item_of;
using long_test::long_types;
using long_test::words;

const std::vector<Record>& all_records() {
  static const std::vector<Record> all = long_test::random_records(120);
  return all;
}
const StoryPool& pool() {
  static const StoryPool all = StoryPool::of_records(all_records());
  return all;
}

struct MadeItem {
  Item item;
  const Record* record;
};
const std::vector<MadeItem>& items() {
  static const std::vector<MadeItem> all = [] {
    std::vector<MadeItem> made;
    for (const Record& record : all_records())
      for (const RuleType& type : long_types())
        for (const std::string& form : type.forms)
          for (int attempt = 0; attempt < 2; ++attempt)
            if (auto item = item_of(record, type, form, &pool(), attempt, attempt == 1))
              made.push_back({*item, &record});
    return made;
  }();
  return all;
}

std::string key_of(const Item& item) {
  return item.skill + "." + item.type;
}
std::string problem_of(const Item& item, const Record& record) {
  return item_problem(item, record, words(), Margins());
}
int n_words(const std::string& text) {
  int n = 0;
  for (const std::string& word : split(text, ' ')) n += word.empty() ? 0 : 1;
  return n;
}

TEST(FactoryLongRandom, EveryTypeIsFoundAndEveryItemPassesItsRecheck) {
  std::map<std::string, int> n;
  for (const MadeItem& made : items()) {
    ++n[key_of(made.item) + ":" + made.item.form];
    ASSERT_TRUE(knows_type(made.item)) << key_of(made.item);
    ASSERT_EQ(problem_of(made.item, *made.record), "") << item_line(made.item);
    ASSERT_FALSE(made.item.level.empty()) << key_of(made.item);
    ASSERT_FALSE(made.item.facts.empty()) << key_of(made.item);
    const bool nothing_sounds =
        made.item.answer == "no" && (made.item.type == "presence" || made.item.type == "combine");
    ASSERT_TRUE(!made.item.evidence.empty() || nothing_sounds) << item_line(made.item);
  }
  EXPECT_GT(items().size(), 8000u);
  for (const RuleType& type : long_types())
    for (const std::string& form : type.forms)
      EXPECT_GE((n[type.skill + "." + type.name + ":" + form]), 30)
          << type.skill << "." << type.name << ":" << form;
}

TEST(FactoryLongRandom, AnswersDoNotHangOnThePool) {
  int n = 0;
  for (int i = 0; i < 60; ++i) {
    const Record& record = all_records()[static_cast<std::size_t>(i)];
    for (const RuleType& type : long_types())
      if (auto item = item_of(record, type, type.forms.front(), nullptr)) {
        ++n;
        ASSERT_EQ(problem_of(*item, record), "") << item_line(*item);
      }
  }
  EXPECT_GT(n, 900);
}

TEST(FactoryLongRandom, SameDrawsSameItem) {
  for (int i = 0; i < 20; ++i) {
    const Record& record = all_records()[static_cast<std::size_t>(i)];
    for (const RuleType& type : long_types()) {
      const auto a = item_of(record, type, type.forms.front(), &pool());
      const auto b = item_of(record, type, type.forms.front(), &pool());
      ASSERT_EQ(a.has_value(), b.has_value());
      if (a) {
        EXPECT_EQ(item_line(*a), item_line(*b));
      }
    }
  }
}

// A wrong answer in the right one's place, a right one beside it, facts or a record that say something else.
TEST(FactoryLongRandom, PlantedFaultsAreCaught) {
  std::map<std::string, std::string> other_answer;  // of the same type
  std::size_t n = 0;
  for (const MadeItem& made : items()) {
    Item item = made.item;
    if (item.form == "choice") {
      for (std::size_t i = 0; i < item.options.size(); ++i) {
        if (static_cast<int>(i) == made.item.answer_index) continue;
        item.answer_index = static_cast<int>(i);
        item.answer = item.options[i];
        ASSERT_NE(problem_of(item, *made.record), "") << item_line(item);
      }
      item = made.item;
      item.options[item.answer_index == 0 ? 1 : 0] = item.answer;
      ASSERT_NE(problem_of(item, *made.record), "") << "two right: " << item_line(item);
    } else if (item.form == "yes_no") {
      item.answer = item.answer == "yes" ? "no" : "yes";
      ASSERT_NE(problem_of(item, *made.record), "") << item_line(item);
    } else {
      item.answer = "a thing that nobody knows";
      ASSERT_NE(problem_of(item, *made.record), "") << item_line(item);
    }
    item = made.item;
    item.facts = Json::object();
    // These need nothing but the record.
    const std::set<std::string> whole = {"needle.content", "needle.once",           "general.background",
                                         "general.scenes", "general.longest_place", "general.frequent",
                                         "general.absent", "temporal.order_places"};
    if (!whole.contains(key_of(item))) {
      ASSERT_NE(problem_of(item, *made.record), "") << "no facts: " << item_line(item);
    }
    ++n;
  }
  EXPECT_EQ(n, items().size());
}

// Where a sound comes to the record that makes the answer doubtful, the item no longer holds.
TEST(FactoryLongRandom, ARecordThatSaysOtherwiseIsNoticed) {
  std::map<std::string, std::pair<int, int>> caught;  // of tries
  for (const MadeItem& made : items()) {
    const std::set<std::string> by_label = {"needle.neighbour", "needle.place", "needle.combine"};
    if (!by_label.contains(key_of(made.item))) continue;
    Record record = *made.record;
    // The rare sound a second time, at the other end of the scene.
    RecordEvent again = record.events.front();
    again.label = made.item.facts["label"].get<std::string>();
    again.role = "", again.snr.reset();
    const bool late = made.item.evidence.front().onset > *record.duration / 2;
    again.onset = late ? 0.2 : *record.duration - 1, again.offset = again.onset + 0.8;
    record.events.push_back(again);
    ASSERT_NE(problem_of(made.item, record), "") << item_line(made.item);
  }
  // Absent sounds that come in.
  for (const MadeItem& made : items()) {
    if (made.item.type != "content" && made.item.type != "absent") continue;
    Record record = *made.record;
    for (std::size_t i = 0; i < made.item.options.size(); ++i)
      if (made.item.kinds[i] == "absent") {
        RecordEvent added;
        for (const LabelInfo& label : words().labels())
          if (label.phrase == made.item.options[i]) added.label = label.name;
        added.onset = 1, added.offset = 2;
        record.events.push_back(added);
        break;
      }
    ASSERT_NE(problem_of(made.item, record), "") << item_line(made.item);
  }
}

TEST(FactoryLongRandom, LengthsAndFormsHold) {
  for (const MadeItem& made : items()) {
    const Item& item = made.item;
    if (item.type != "combine") {
      ASSERT_LE(n_words(item.question), 20) << item.question;
    } else {
      ASSERT_EQ(item.question.back(), ')');
    }
    ASSERT_EQ(item.question.find('{'), std::string::npos) << item.question;
    std::vector<std::string> texts = item.options;
    texts.push_back(item.answer);
    for (const std::string& text : texts) {
      ASSERT_LE(n_words(text), item.skill == "captioning" ? 25 : 20) << text;
      if (item.skill == "captioning") {
        ASSERT_EQ(text.find(','), std::string::npos) << text;
      }
      for (const char* banned : {"caption", "metadata", "timestamp", "according to", "sound of"})
        ASSERT_EQ(text.find(banned), std::string::npos) << text;
    }
    if (item.form == "choice") {
      ASSERT_EQ(item.options.size(), 4u);
      std::set<std::string> distinct;
      for (const std::string& option : item.options) distinct.insert(normal_term(option));
      ASSERT_EQ(distinct.size(), 4u) << item_line(item);
    }
    // Facts do not tell the answer.
    for (const auto& [key, value] : item.facts.items())
      if (value.is_string()) {
        ASSERT_NE(value.get<std::string>(), item.answer) << item_line(item);
      }
  }
}

TEST(FactoryLongRandom, WordingsAreEnoughAndSomeAreHeldOut) {
  int n = 0;
  for (const auto& [key, list] : all_wordings()) {
    if (!starts_with(key, "long.")) continue;
    ++n;
    EXPECT_GE(list.usual.size(), 8u) << key;
    EXPECT_GE(list.held_out.size(), 2u) << key;
    EXPECT_LE(list.held_out.size(), 3u) << key;
    std::set<std::string> distinct(list.usual.begin(), list.usual.end());
    distinct.insert(list.held_out.begin(), list.held_out.end());
    EXPECT_EQ(distinct.size(), list.usual.size() + list.held_out.size()) << key;
  }
  EXPECT_GE(n, static_cast<int>(long_types().size()));
  std::map<std::string, std::set<std::string>> used;
  for (const MadeItem& made : items()) used[key_of(made.item)].insert(made.item.wording);
  for (const auto& [key, names] : used) EXPECT_GE(names.size(), 8u) << key;
}

TEST(FactoryLongRandom, DescriptionsKeepTheirLabelsWordsToThemselves) {
  int n = 0;
  for (const LabelInfo& label : words().labels()) {
    const std::string text = described(label.name);
    if (text.empty()) continue;
    ++n;
    EXPECT_LE(n_words(text), 9) << text;
    const auto said = words_of(text);
    for (const std::string& term : label_terms(label))
      for (const std::string& word : said) EXPECT_NE(word, term) << label.name << ": " << text;
  }
  EXPECT_GE(n, 60);
}

TEST(FactoryLongRandom, LettersAreUniform) {
  std::map<std::string, std::vector<double>> letters;
  for (const MadeItem& made : items())
    if (made.item.form == "choice") {
      auto& counts = letters[made.item.skill];
      counts.resize(4);
      ++counts[static_cast<std::size_t>(made.item.answer_index)];
    }
  EXPECT_EQ(letters.size(), 6u);
  for (const auto& [skill, counts] : letters) {
    const double sum = counts[0] + counts[1] + counts[2] + counts[3];
    for (const double n : counts) EXPECT_NEAR(n / sum, 0.25, 0.05) << skill << " of " << sum;
  }
}

// ---- Solvers that do not listen ---------------------------------------------------------------------------

double alike(const std::string& a, const std::string& b) {
  const auto x = words_of(a), y = words_of(b);
  const std::set<std::string> p(x.begin(), x.end()), q(y.begin(), y.end());
  int both = 0;
  for (const std::string& word : p) both += q.contains(word) ? 1 : 0;
  return both / static_cast<double>(p.size() + q.size() - static_cast<std::size_t>(both));
}

// The option with the highest score; one of several with the same by the item's name.
std::size_t best(const Item& item, const std::vector<double>& scores) {
  std::vector<std::size_t> first;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (first.empty() || scores[i] > scores[first[0]] + 1e-12) first.clear();
    if (first.empty() || scores[i] >= scores[first[0]] - 1e-12) first.push_back(i);
  }
  return first[Random(item.question + join(item.options, "|")).below(first.size())];
}

TEST(FactoryLongRandom, BlindSolversStayNearChance) {
  // By halves of the records: what one half teaches is tried on the other.
  std::map<std::string, std::map<std::string, std::pair<int, int>>> answers;  // type, option: right, shown
  std::map<std::string, std::pair<int, int>> word_right;                      // type and word: right, shown
  std::vector<const MadeItem*> trials;
  for (const MadeItem& made : items()) {
    if (made.item.form != "choice") continue;
    if (fnv1a64(made.record->id) % 2) {
      trials.push_back(&made);
      continue;
    }
    for (std::size_t i = 0; i < made.item.options.size(); ++i) {
      const bool right = static_cast<int>(i) == made.item.answer_index;
      auto& [n, shown] = answers[key_of(made.item)][made.item.options[i]];
      n += right ? 1 : 0, ++shown;
      for (const std::string& word : words_of(made.item.options[i])) {
        auto& [with, all] = word_right[key_of(made.item) + " " + word];
        with += right ? 1 : 0, ++all;
      }
    }
  }
  std::map<std::string, std::map<std::string, std::pair<int, int>>> hits;  // skill, solver: right, tried
  for (const MadeItem* made : trials) {
    const Item& item = made->item;
    std::map<std::string, std::vector<double>> scores;
    for (std::size_t i = 0; i < item.options.size(); ++i) {
      const std::string& option = item.options[i];
      scores["longest"].push_back(n_words(option));
      scores["shortest"].push_back(-n_words(option));
      scores["words of the question"].push_back(alike(option, item.question));
      double near = 0;
      for (const std::string& other : item.options) near += alike(option, other);
      scores["nearest to the others"].push_back(near);
      scores["farthest from the others"].push_back(-near);
      const auto& known = answers[key_of(item)];
      const auto found = known.find(option);
      scores["usual answer"].push_back(
          found == known.end() ? 0.25 : (found->second.first + 1.0) / (found->second.second + 4.0));
      double sum = 0;
      for (const std::string& word : words_of(option)) {
        const auto [with, all] = word_right[key_of(item) + " " + word];
        sum += std::log((with + 1.0) / (all + 4.0));
      }
      scores["words of right answers"].push_back(sum / std::max(1, n_words(option)));
    }
    for (const auto& [solver, its] : scores) {
      // Fixed answers, whose shares the records give, are evened out over a whole set (label balance).
      if (item.type == "position" || item.type == "change") continue;
      for (const std::string& of : {item.skill.str(), key_of(item)}) {
        auto& [right, all] = hits[of][solver];
        right += static_cast<int>(best(item, its)) == item.answer_index ? 1 : 0;
        ++all;
      }
    }
  }
  for (const auto& [skill, solvers] : hits)
    for (const auto& [solver, n] : solvers) {
      const double rate = n.first / static_cast<double>(n.second);
      // Chance and five points, and three deviations of chance.
      EXPECT_LE(rate, 0.30 + 3 * std::sqrt(0.25 * 0.75 / n.second))
          << skill << ", " << solver << ": " << n.first << " of " << n.second;
    }
}

TEST(FactoryLongRandom, YesAndNoAreEven) {
  std::map<std::string, std::pair<int, int>> yes;
  for (const MadeItem& made : items())
    if (made.item.form == "yes_no") {
      auto& [n, all] = yes[key_of(made.item)];
      n += made.item.answer == "yes" ? 1 : 0, ++all;
    }
  EXPECT_EQ(yes.size(), 3u);
  for (const auto& [key, n] : yes)
    EXPECT_NEAR(n.first / static_cast<double>(n.second), 0.5, 0.08) << key << n.second;
}

}  // namespace
}  // namespace af2
