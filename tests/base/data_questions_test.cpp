// data: questions by construction are right, balanced and not answerable without the sound.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/data/answers.h"
#include "af2/data/evaluation_set.h"
#include "af2/data/questions.h"
#include "data_tone_bank.h"

namespace af2 {
namespace {

// Short scenes at a low cost: 4,000 items are drawn.
QaSourceOptions quick() {
  QaSourceOptions options;
  options.scene.min_seconds = 2;
  options.scene.max_seconds = 4;
  options.scene.weight_silence = 1;
  options.scene.weight_white = options.scene.weight_pink = options.scene.weight_brown = 0;
  options.scene.weight_ambience = 0.1;
  return options;
}

struct Asked {
  QaItem item;
  bool primary;
};

// All questions of 4,000 drawn items.
const std::vector<Asked>& corpus() {
  static const std::vector<Asked> all = [] {
    std::vector<Asked> result;
    const QaSource source(test::shared_tone_bank(), Split::kTrain, 11, quick());
    for (std::uint64_t k = 0; k < 4000; ++k) {
      const QaGroup group = source.item(k);
      for (std::size_t i = 0; i < group.questions.size(); ++i) result.push_back({group.questions[i], i == 0});
    }
    return result;
  }();
  return all;
}

std::vector<QaItem> of_type(const std::string& type) {
  std::vector<QaItem> items;
  for (const Asked& asked : corpus())
    if (asked.item.type == type) items.push_back(asked.item);
  return items;
}

int label_of_phrase(const std::string& phrase) {
  for (std::size_t i = 0; i < test::shared_tone_bank().labels().size(); ++i)
    if (test::shared_tone_bank().labels()[i].phrase == phrase) return static_cast<int>(i);
  return -1;
}

// |right/n - chance| within 5 points and within 4 standard errors of what drawing allows.
void expect_chance(const std::string& solver, std::size_t right, std::size_t n, double chance) {
  ASSERT_GT(n, 400u) << solver;
  const double score = static_cast<double>(right) / static_cast<double>(n);
  EXPECT_NEAR(score, chance, 0.05) << solver << " n=" << n;
}

TEST(Wordings, AreManyDistinctAndSlotted) {
  for (int i = 0; i < kQuestionTypes; ++i) {
    const auto type = static_cast<QuestionType>(i);
    const auto& all = wordings(type);
    EXPECT_GE(all.size(), 8u + kHeldOutWordings);
    EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
    EXPECT_EQ(question_from_name(question_name(type)), type);
    for (const std::string& text : all) {
      const bool one = type == QuestionType::kPresence || type == QuestionType::kCount;
      const bool two = type == QuestionType::kOrderFirst || type == QuestionType::kOrderLast;
      EXPECT_EQ(text.find("{x}") != std::string::npos, one) << text;
      EXPECT_EQ(text.find("{a}") != std::string::npos && text.find("{b}") != std::string::npos, two) << text;
    }
    Random rng("af2/test/wordings");
    for (int k = 0; k < 100; ++k) {
      const auto place = [&](const std::string& text) {
        return std::find(all.begin(), all.end(), text) - all.begin();
      };
      EXPECT_LT(place(wording(type, false, rng)), static_cast<long>(all.size()) - kHeldOutWordings);
      EXPECT_GE(place(wording(type, true, rng)), static_cast<long>(all.size()) - kHeldOutWordings);
    }
  }
  EXPECT_THROW(question_from_name("what"), Error);
}

TEST(Questions, SourceIsAFunctionOfSeedSplitAndIndex) {
  const QaSource a(test::shared_tone_bank(), Split::kTrain, 3, {}),
      b(test::shared_tone_bank(), Split::kTrain, 3, {}), c(test::shared_tone_bank(), Split::kTrain, 4, {});
  int different = 0;
  for (const std::uint64_t k : {5u, 0u, 19u}) {
    const QaGroup x = a.item(k), y = b.item(k);
    EXPECT_EQ(x.scene.samples, y.scene.samples);
    ASSERT_EQ(x.questions.size(), y.questions.size());
    for (std::size_t i = 0; i < x.questions.size(); ++i)
      EXPECT_EQ(x.questions[i].prompt, y.questions[i].prompt);
    different += x.scene.samples != c.item(k).scene.samples ? 1 : 0;
  }
  EXPECT_EQ(different, 3);
}

TEST(Questions, AnswersFollowFromTheScene) {
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    const QaSource source(test::shared_tone_bank(), split, 5, quick());
    std::set<std::string> types;
    for (std::uint64_t k = 0; k < 300; ++k) {
      const QaGroup group = source.item(k);
      const Scene& scene = group.scene;
      ASSERT_GE(group.questions.size(), 1u);
      ASSERT_LE(group.questions.size(), 3u);
      for (const QaItem& item : group.questions) {
        types.insert(item.type);
        const int label = test::shared_tone_bank().label_id(item.label);
        ASSERT_GE(label, 0);
        EXPECT_EQ(item.held_out_wording, split == Split::kTest);
        if (item.type != "caption") {
          EXPECT_TRUE(is_right(item.output, answer_key(item), test::shared_tone_bank()))
              << item.prompt << " " << item.output;
        }
        if (item.type == "what_mc") {
          ASSERT_EQ(item.options.size(), 4u);
          for (std::size_t i = 0; i < 4; ++i) {
            const int option = label_of_phrase(item.options[i]);
            ASSERT_GE(option, 0);
            EXPECT_EQ(scene.has_label(option), static_cast<int>(i) == item.answer_index);
            EXPECT_NE(option, scene.background_label);
            for (const int present : scene.labels())
              EXPECT_EQ(test::shared_tone_bank().confusable(present, option), present == option)
                  << item.prompt;
            EXPECT_NE(item.prompt.find(std::string("(") + "ABCD"[i] + ") " + item.options[i] + "."),
                      std::string::npos);
          }
          EXPECT_EQ(item.output, std::string("(") + "ABCD"[item.answer_index] + ") " +
                                     item.options[static_cast<std::size_t>(item.answer_index)]);
        } else if (item.type == "presence") {
          EXPECT_EQ(scene.has_label(label), item.output.ends_with(": yes"));
          EXPECT_EQ(!scene.has_label(label), item.output.ends_with(": no"));
        } else if (item.type == "count") {
          EXPECT_EQ(item.output, std::to_string(scene.count(label)));
          EXPECT_NE(item.label, "clock");  // its recordings tick three times
          EXPECT_NE(item.label, "rain");
          for (const SceneEvent& e : scene.events) EXPECT_LE(e.offset_s - e.onset_s, 1.5);
        } else if (item.type == "order_first" || item.type == "order_last") {
          const int a = label_of_phrase(item.options[0]), b = label_of_phrase(item.options[1]);
          double onset[2] = {};
          for (const SceneEvent& e : scene.events) {
            if (e.label == a) onset[0] = e.onset_s;
            if (e.label == b) onset[1] = e.onset_s;
          }
          EXPECT_GE(std::abs(onset[0] - onset[1]), 0.5);
          EXPECT_EQ(item.answer_index, (onset[0] < onset[1]) == (item.type == "order_first") ? 0 : 1);
          EXPECT_LT(item.prompt.find(item.options[0]), item.prompt.find(item.options[1]));
          EXPECT_TRUE(item.output.starts_with(item.type == "order_first" ? "first: " : "last: "));
          EXPECT_TRUE(item.output.ends_with(item.options[static_cast<std::size_t>(item.answer_index)]));
        } else {
          for (const int present : scene.labels()) {
            const LabelInfo& info = test::shared_tone_bank().labels()[present];
            EXPECT_NE(item.output.find(item.type == "caption" ? info.sentence : info.phrase),
                      std::string::npos);
          }
        }
      }
    }
    EXPECT_EQ(types.size(), static_cast<std::size_t>(kQuestionTypes));
  }
}

TEST(Questions, LettersYesNoAndCountsAreEven) {
  std::map<std::string, std::map<int, std::size_t>> answers;
  std::map<std::string, std::size_t> n;
  for (const Asked& asked : corpus()) {
    const QaItem& item = asked.item;
    ++answers[item.type][item.type == "count" ? std::stoi(item.output) : item.answer_index];
    ++n[item.type];
  }
  const auto share = [&](const std::string& type, int answer) {
    return static_cast<double>(answers[type][answer]) / static_cast<double>(n[type]);
  };
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(share("what_mc", i), 0.25, 0.03);
  for (const char* type : {"presence", "order_first", "order_last"})
    EXPECT_NEAR(share(type, 0), 0.5, 0.04) << type;
  ASSERT_GT(n["count"], 300u);
  EXPECT_EQ(answers["count"].size(), 5u);
  for (int k = 1; k <= 5; ++k) EXPECT_NEAR(share("count", k), 0.2, 0.06);
}

TEST(Questions, BlindSolversStayAtChance) {
  const std::vector<QaItem> choice = of_type("what_mc");
  std::map<std::string, std::size_t> answer_counts, option_counts;
  std::size_t always_a = 0, longest = 0, shortest = 0;
  for (const QaItem& item : choice) {
    always_a += item.answer_index == 0;
    const auto by_length = [](const std::string& a, const std::string& b) { return a.size() < b.size(); };
    longest += std::max_element(item.options.begin(), item.options.end(), by_length) - item.options.begin() ==
               item.answer_index;
    shortest +=
        std::min_element(item.options.begin(), item.options.end(), by_length) - item.options.begin() ==
        item.answer_index;
    ++answer_counts[item.options[static_cast<std::size_t>(item.answer_index)]];
    for (const std::string& option : item.options) ++option_counts[option];
  }
  expect_chance("always A", always_a, choice.size(), 0.25);
  expect_chance("longest option", longest, choice.size(), 0.25);
  expect_chance("shortest option", shortest, choice.size(), 0.25);
  // The option that was right most often when offered, learned on one half and asked on the other.
  std::map<std::string, std::pair<double, double>> rate;
  std::size_t prior = 0, asked = 0;
  for (std::size_t i = 0; i < choice.size(); ++i) {
    const QaItem& item = choice[i];
    const auto value = [&](const std::string& o) { return rate[o].first / std::max(rate[o].second, 1.0); };
    if (i < choice.size() / 2) {
      for (const std::string& option : item.options) rate[option].second += 1;
      rate[item.options[static_cast<std::size_t>(item.answer_index)]].first += 1;
      continue;
    }
    const auto best = std::max_element(item.options.begin(), item.options.end(),
                                       [&](const auto& a, const auto& b) { return value(a) < value(b); });
    prior += best - item.options.begin() == item.answer_index;
    ++asked;
  }
  expect_chance("most frequent answer", prior, asked, 0.25);

  const std::vector<QaItem> presence = of_type("presence");
  std::size_t yes = 0, by_label = 0, half = 0;
  std::map<std::string, int> lean;
  for (std::size_t i = 0; i < presence.size(); ++i) {
    yes += presence[i].answer_index == 0;
    if (i < presence.size() / 2) {
      lean[presence[i].label] += presence[i].answer_index == 0 ? 1 : -1;
    } else {
      by_label += (lean[presence[i].label] > 0) == (presence[i].answer_index == 0);
      ++half;
    }
  }
  expect_chance("always yes", yes, presence.size(), 0.5);
  expect_chance("yes by label", by_label, half, 0.5);

  std::vector<QaItem> order = of_type("order_first");
  for (const QaItem& item : of_type("order_last")) order.push_back(item);
  std::size_t first_named = 0;
  for (const QaItem& item : order) first_named += item.answer_index == 0;
  expect_chance("first named", first_named, order.size(), 0.5);
}

TEST(Questions, CountsDoNotFollowFromLengthOfSceneOrEvent) {
  QaSourceOptions options = quick();
  options.scene.max_seconds = 8;
  options.what_open = options.what_mc = options.presence = options.order_first = options.order_last = 0;
  options.caption = 0;
  const QaSource source(test::shared_tone_bank(), Split::kTrain, 9, options);
  std::map<int, std::pair<double, double>> by_count;  // sum of seconds, n
  for (std::uint64_t k = 0; k < 600; ++k) {
    const QaGroup group = source.item(k);
    auto& sum = by_count[std::stoi(group.questions[0].output)];
    sum.first += group.scene.seconds;
    sum.second += 1;
  }
  for (const auto& [count, sum] : by_count) EXPECT_NEAR(sum.first / sum.second, 6.0, 0.5) << count;
}

TEST(EvaluationSet, IsBalancedOverClassesLettersAndCounts) {
  SceneOptions scene = quick().scene;
  std::map<std::string, int> labels, yes_labels;
  std::map<int, int> letters, counts, yes;
  const auto n_labels = test::shared_tone_bank().labels_in(Split::kTest).size();
  for (std::uint64_t i = 0; i < 2 * n_labels; ++i) {
    const QaItem choice =
        evaluation_item(test::shared_tone_bank(), Split::kTest, QuestionType::kWhatMc, 1, i, scene)
            .questions[0];
    ++labels[choice.label];
    ++letters[choice.answer_index];
    EXPECT_TRUE(choice.held_out_wording);
    const QaItem heard =
        evaluation_item(test::shared_tone_bank(), Split::kTest, QuestionType::kPresence, 1, i, scene)
            .questions[0];
    ++yes[heard.answer_index];
    if (heard.answer_index == 0) ++yes_labels[heard.label];
    ++counts[std::stoi(
        evaluation_item(test::shared_tone_bank(), Split::kTest, QuestionType::kCount, 1, i, scene)
            .questions[0]
            .output)];
  }
  EXPECT_EQ(labels.size(), n_labels);
  for (const auto& [label, n] : labels) EXPECT_EQ(n, 2) << label;
  EXPECT_EQ(yes_labels.size(), n_labels);
  for (const auto& [answer, n] : letters) EXPECT_EQ(n, static_cast<int>(n_labels) / 2) << answer;
  EXPECT_EQ(yes[0], yes[1]);
  for (const auto& [count, n] : counts) EXPECT_EQ(n, static_cast<int>(2 * n_labels / 5)) << count;
}

}  // namespace
}  // namespace af2
