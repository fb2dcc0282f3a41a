// Solvers without sound: each finds the leak planted for it, none finds anything in fair items, and what is
// left after pruning tells no more than it may.
#include "af2/factory/blind_solvers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "../scratch.h"
#include "af2/core/error.h"
#include "af2/net/http_client.h"
#include "factory_item_maker.h"
#include "http_stand_in.h"

namespace af2 {
namespace {
using ::testing::ElementsAre;

SolverScore score_of(const std::vector<SolverScore>& scores, const std::string& solver,
                     const std::string& scope) {
  for (const SolverScore& s : scores)
    if (s.solver == solver && s.scope == scope) return s;
  ADD_FAILURE() << "no score of " << solver << " over " << scope;
  return {};
}

bool within(const std::vector<SolverScore>& scores) {
  return std::none_of(scores.begin(), scores.end(), [](const auto& s) { return s.over(5); });
}

// Puts another option at the answer's place, the right one elsewhere.
void put_right_at(Item& item, std::size_t place) {
  const auto right = static_cast<std::size_t>(item.answer_index);
  std::swap(item.options[right], item.options[place]);
  std::swap(item.kinds[right], item.kinds[place]);
  item.answer_index = static_cast<int>(place);
}

void set_right(Item& item, const std::string& text) {
  item.options[static_cast<std::size_t>(item.answer_index)] = item.answer = text;
}

// Fair items, with a leak in the choices of temporal: planted in `share` of them.
template <class Plant>
std::vector<Item> leaky(Plant plant, double share = 0.5, int n = 4000) {
  std::vector<Item> items = test::made_items(n);
  Random rng("test/leak");
  for (Item& item : items)
    if (item.skill == "temporal" && rng.chance(share)) plant(item);
  return items;
}

template <class Plant>
void found_and_pruned(const std::string& solver, Plant plant, double share = 0.5, int least_left = 400) {
  std::vector<Item> items = leaky(plant, share);
  const std::size_t size = items.size();
  const SolverScore leak = score_of(run_solvers(items, {}), solver, "temporal");
  EXPECT_EQ(leak.n, 1000);
  EXPECT_NEAR(leak.chance, 0.25, 1e-9);
  EXPECT_GT(leak.accuracy, 0.4) << solver;
  EXPECT_LT(leak.low, leak.accuracy);
  EXPECT_GT(leak.low, 0.3);
  RecordCounts counts;
  const PruneResult result = prune(items, {}, counts);
  EXPECT_TRUE(result.within) << solver;
  EXPECT_TRUE(within(result.after)) << solver;
  EXPECT_GT(score_of(result.before, solver, "temporal").accuracy, 0.4);
  std::int64_t dropped = 0;
  for (const auto& [reason, times] : counts.dropped) dropped += times;
  EXPECT_EQ(items.size() + static_cast<std::size_t>(dropped), size);
  // The other skills keep nearly all they had.
  EXPECT_GT(std::count_if(items.begin(), items.end(), [](const Item& i) { return i.skill == "counting"; }),
            950);
  EXPECT_GT(std::count_if(items.begin(), items.end(), [](const Item& i) { return i.skill == "temporal"; }),
            least_left);
}

TEST(FactorySolvers, FairItemsGiveNobodyMoreThanChance) {
  const std::vector<Item> items = test::made_items(20000);
  const std::vector<SolverScore> scores = run_solvers(items, {});
  for (const SolverScore& s : scores) {
    EXPECT_FALSE(s.over(5)) << s.solver << " " << s.scope << " " << s.accuracy << " " << s.chance;
    EXPECT_LE(s.low, s.accuracy);
    EXPECT_GE(s.high, s.accuracy);
    EXPECT_LT(s.high - s.low, 0.05) << s.solver << " " << s.scope;
    EXPECT_LE(s.low, s.chance + 0.01) << s.solver << " " << s.scope;
  }
  for (const std::string& solver : solver_names()) {
    const SolverScore all = score_of(scores, solver, "all");
    const bool lists = solver != "frequent" && solver != "ngrams";
    EXPECT_EQ(all.n, lists ? 10000 : 20000) << solver;
  }
  EXPECT_NEAR(score_of(scores, "frequent", "counting").chance, 0.1, 1e-9);
  EXPECT_NEAR(score_of(scores, "frequent", "general").chance, 0.5, 1e-9);
  std::vector<Item> left = items;
  RecordCounts counts;
  const PruneResult result = prune(left, {}, counts);
  EXPECT_EQ(left.size(), items.size());
  EXPECT_TRUE(result.within);
}

TEST(FactorySolvers, OneLetter) {
  found_and_pruned("letter", [](Item& item) { put_right_at(item, 2); });
}

TEST(FactorySolvers, LongestOption) {
  found_and_pruned(
      "longest", [](Item& item) { set_right(item, item.answer + " far away"); }, 0.3);
}

TEST(FactorySolvers, ShortestOption) {
  found_and_pruned(
      "shortest", [](Item& item) { set_right(item, item.answer.substr(2)); }, 0.5);
}

TEST(FactorySolvers, AnswerThatTheWordingUsuallyHas) {
  found_and_pruned(
      "frequent",
      [](Item& item) {
        const std::string usual = item.wording.ends_with("0") ? "a dog barking" : "a bell ringing";
        for (std::string& option : item.options)
          if (option == usual) option = "a goat bleating";
        set_right(item, usual);
      },
      0.4);
}

TEST(FactorySolvers, WordsOfTheQuestion) {
  found_and_pruned("words",
                   [](Item& item) { item.question += " Not long before " + item.answer.substr(2) + "."; });
}

TEST(FactorySolvers, WordsThatOnlyRightOptionsHave) {
  found_and_pruned("ngrams", [](Item& item) {
    for (std::string& option : item.options) option += " there";
    set_right(item, item.answer + " " + "quite");
  });
}

TEST(FactorySolvers, WrongOptionsThatAreMadeFromTheRightOne) {
  // Nobody need know a word: what is most like the others is right.
  found_and_pruned(
      "ngrams",
      [](Item& item) {
        const std::vector<std::string> verbs = {"whining", "moaning", "humming", "hissing"};
        Random rng("test/alike/" + item.id);
        const std::size_t turn = rng.below(4);
        const std::string noun = item.answer.substr(2, item.answer.find(' ', 2) - 2);
        for (std::size_t i = 0; i < 4; ++i) {
          const bool right = static_cast<int>(i) == item.answer_index;
          const std::string other = item.options[i].substr(2, item.options[i].find(' ', 2) - 2);
          item.options[i] = right        ? "a " + noun + " " + verbs[turn]
                            : i % 2 == 0 ? "a " + noun + " " + verbs[(turn + i + 1) % 4]
                                         : "a " + other + " " + verbs[turn];
        }
        item.answer = item.options[static_cast<std::size_t>(item.answer_index)];
      },
      0.7, 200);
}

TEST(FactorySolvers, NumbersAndYesNoWithoutOptions) {
  std::vector<Item> items = test::made_items(4000);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].skill == "counting" && i % 3 != 0)
      items[i].answer = items[i].question.find("dog") != std::string::npos ? "2" : "7";
    if (items[i].skill == "general" && i % 4 != 0 && i % 3 != 0) items[i].answer = "yes";
  }
  const auto scores = run_solvers(items, {});
  EXPECT_GT(score_of(scores, "frequent", "counting").accuracy, 0.5);
  EXPECT_GT(score_of(scores, "ngrams", "counting").accuracy,
            score_of(scores, "frequent", "counting").accuracy + 0.01);
  EXPECT_GT(score_of(scores, "frequent", "general").accuracy, 0.7);
  RecordCounts counts;
  const PruneResult result = prune(items, {}, counts);
  EXPECT_TRUE(result.within);
  EXPECT_GT(counts.dropped["blind/frequent"], 500);
}

TEST(FactorySolvers, GroupsAreNotLearnedFromThemselves) {
  // Every group has its own answer, which its questions name: known only to who has seen the group.
  std::vector<Item> items;
  for (int i = 0; i < 4000; ++i) {
    Item item = test::made_item(4 * i);
    item.group = "group" + std::to_string(i / 8);
    item.question = "What comes first in " + item.group + "?";
    for (std::size_t k = 0; k < 4; ++k)
      item.options[k] = "take" + std::to_string(4 * (i / 8) + static_cast<int>(k));
    Random rng("test/group/" + item.group);
    const std::size_t right = rng.below(4);
    item.answer = item.options[right];
    Random order("test/order/" + item.id);
    order.shuffle(item.options);
    item.answer_index = static_cast<int>(std::find(item.options.begin(), item.options.end(), item.answer) -
                                         item.options.begin());
    items.push_back(item);
  }
  EXPECT_FALSE(score_of(run_solvers(items, {}), "ngrams", "all").over(5));
  EXPECT_FALSE(score_of(run_solvers(items, {}), "frequent", "all").over(5));
  // With each item as a group of its own the model would have learned them by heart.
  for (Item& item : items) item.group = item.id;
  EXPECT_GT(score_of(run_solvers(items, {}), "ngrams", "all").accuracy, 0.8);
}

TEST(FactorySolvers, TheSameBytesInAnyRunAndSmallSkillsAreLeftAlone) {
  const auto plant = [](Item& item) { put_right_at(item, 1); };
  std::vector<Item> a = leaky(plant), b = leaky(plant);
  RecordCounts counts;
  prune(a, {}, counts);
  prune(b, {}, counts);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_EQ(a[i].id, b[i].id);
  std::vector<Item> few;
  for (int i = 0; i < 90; ++i) few.push_back(test::made_item(4 * i)), put_right_at(few.back(), 0);
  EXPECT_TRUE(prune(few, {}, counts).within);
  EXPECT_EQ(few.size(), 90u);
  EXPECT_FALSE(prune(few, {.min_items = 50, .rounds = 0}, counts).within);
}

TEST(FactorySolvers, ATextModelThatKnowsTheAnswerInEveryRotation) {
  if (!built_with_http()) GTEST_SKIP() << "built without HTTP";
  // It always chooses the dog, wherever it stands, else A.
  const test::StandIn server([](const auto& request) {
    const std::string prompt = request.json()["messages"][1]["content"];
    const std::size_t dog = prompt.find(") a dog barking");
    return test::StandIn::says(std::string(R"({"letter":")") +
                               (dog == std::string::npos ? 'A' : prompt[dog - 1]) + "\"}");
  });
  std::vector<Item> items;
  for (int i = 0; i < 40; ++i) items.push_back(test::made_item(4 * i));
  std::size_t dogs = 0, with_dog = 0;
  for (const Item& item : items) {
    dogs += item.answer == "a dog barking";
    with_dog += std::find(item.options.begin(), item.options.end(), "a dog barking") != item.options.end();
  }
  ASSERT_GT(dogs, 0u);
  items.push_back(test::made_item(2));  // a count: not asked
  test::Scratch scratch;
  LlmOptions llm;
  llm.url = server.url(), llm.model = "stand-in";
  LlmClient client(llm, "", scratch.path());
  const TextModelAnswers answers = ask_text_model(items, client, 3);
  EXPECT_EQ(answers.asked, 160);
  EXPECT_EQ(answers.failed, 0);
  EXPECT_LT(answers.share.back(), 0);
  for (std::size_t i = 0; i < 40; ++i) {
    EXPECT_EQ(answers.every[i] != 0, items[i].answer == "a dog barking") << i;
    const bool listed = std::find(items[i].options.begin(), items[i].options.end(), "a dog barking") !=
                        items[i].options.end();
    EXPECT_FLOAT_EQ(answers.share[i], !listed ? 0.25f : answers.every[i] ? 1.0f : 0.0f) << i;
  }
  const auto scores = run_solvers(items, {}, &answers);
  EXPECT_NEAR(score_of(scores, "text_model", "temporal").accuracy,
              (static_cast<double>(dogs) + 0.25 * static_cast<double>(40 - with_dog)) / 40, 1e-6);
  RecordCounts counts;
  prune(items, {}, counts, &answers);
  EXPECT_EQ(counts.dropped.at("blind/text_model"), static_cast<int>(dogs));
  EXPECT_EQ(items.size(), 41 - dogs);
}

}  // namespace
}  // namespace af2
