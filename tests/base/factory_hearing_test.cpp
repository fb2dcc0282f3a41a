// The plainest questions: which of four is heard, what one sound alone is, whether a sound is heard.
#include "af2/factory/rules/story_pool.h"
#include "factory_blind_testing.h"

namespace af2 {
namespace {
using namespace test;

// In one unit of the build with others that have a function of this name.
std::string rechecked(const Item& item, const Record& record) {
  return test::problem(item, record);
}

const std::vector<RecordEvent> kTwo = {{"dog", 1, 2}, {"bell", 4, 5}};

TEST(FactoryHearing, OneOfFourIsInTheClip) {
  const Record record = record_with(kTwo);
  std::set<std::string> right;
  for (int seed = 0; seed < 60; ++seed) {
    const auto item = ask("foundational", "sound", record, "choice", seed);
    ASSERT_TRUE(item);
    right.insert(item->answer);
    ASSERT_EQ(item->options.size(), 4u);
    for (std::size_t i = 0; i < 4; ++i) {
      const bool is_right = static_cast<int>(i) == item->answer_index;
      EXPECT_EQ(item->kinds[i], is_right ? "present" : "absent");
      EXPECT_EQ(item->options[i] == "a dog barking" || item->options[i] == "a bell sounding", is_right);
      // A puppy may go by the same words.
      EXPECT_NE(item->options[i], "a puppy yapping");
    }
    EXPECT_EQ(rechecked(*item, record), "");
  }
  EXPECT_EQ(right, (std::set<std::string>{"a dog barking", "a bell sounding"}));
  // Six options are for others.
  EXPECT_EQ(ask("foundational", "sound", record, "choice", 1, {.options = 6})->options.size(), 4u);
  // What else sounds is not known: no option is wrong for sure.
  EXPECT_FALSE(ask("foundational", "sound", record_with(kTwo, 12, false), "choice"));
  // Both may go by one word.
  EXPECT_FALSE(ask("foundational", "sound", record_with({{"dog", 1, 2}, {"puppy", 3, 4}}), "choice"));
}

TEST(FactoryHearing, ASoundAloneIsNamed) {
  const Record record = record_with({{"bell", 1, 2}, {"bell", 4, 5}});
  const auto item = ask("foundational", "what", record, "short");
  ASSERT_TRUE(item);
  EXPECT_EQ(item->answer, "a bell sounding");
  EXPECT_EQ(item->evidence.size(), 2u);
  EXPECT_EQ(rechecked(*item, record), "");
  EXPECT_FALSE(ask("foundational", "what", record_with(kTwo), "short"));
  EXPECT_NE(rechecked(*item, record_with(kTwo)), "");
  EXPECT_FALSE(ask("foundational", "what", record_with({{"bell", 1, 2}}, 12, false), "short"));
  const Record in_rain = record_with({{"bell", 1, 2}, {"rain", 0, 12, "background"}});
  EXPECT_FALSE(ask("foundational", "what", in_rain, "short"));
  EXPECT_NE(rechecked(*item, in_rain), "");
}

TEST(FactoryHearing, WhetherASoundIsHeardIsYesAsOftenAsNo) {
  const Record record = record_with(kTwo);
  std::map<std::string, int> answers;
  for (int seed = 0; seed < 400; ++seed) {
    const auto item = ask("foundational", "presence", record, "yes_no", seed);
    ASSERT_TRUE(item);
    ++answers[item->answer];
    const std::string label = item->facts.at("label");
    EXPECT_EQ(item->answer == "yes", label == "dog" || label == "bell") << label;
    EXPECT_NE(label, "puppy");
    EXPECT_EQ(item->evidence.empty(), item->answer == "no");
    EXPECT_EQ(rechecked(*item, record), "");
    Item turned = *item;
    turned.answer = item->answer == "yes" ? "no" : "yes";
    EXPECT_NE(rechecked(turned, record), "");
  }
  EXPECT_NEAR(answers["yes"], 200, 40);
  EXPECT_FALSE(ask("foundational", "presence", record_with(kTwo, 12, false), "yes_no"));
}

TEST(FactoryHearing, ASentenceSaysWhatIsHeardInOrder) {
  const Record record = record_with({{"bell", 1, 2}, {"dog", 3, 6}, {"bell", 4, 5}, {"rain", 5, 8}});
  const auto item = ask("foundational", "description", record, "open");
  ASSERT_TRUE(item);
  EXPECT_EQ(item->answer, "A bell sounds, then a dog barks, while rain falls.");
  EXPECT_EQ(item->evidence.size(), 3u);
  EXPECT_EQ(item->level, "hard");
  EXPECT_EQ(rechecked(*item, record), "");
  for (const char* wrong :
       {"A bell sounds, then a dog barks.", "A dog barks, then a bell sounds, while rain falls.",
        "A bell sounds, while a dog barks, while rain falls.",
        "A bell sounds, then a dog barks, then rain falls.",
        "A bell sounds, then a dog barks, while rain falls, then a cat meows.", "", "."}) {
    Item turned = *item;
    turned.answer = wrong;
    EXPECT_NE(rechecked(turned, record), "") << wrong;
  }
  // Something would be left out, or is not known.
  const Record in_rain = record_with({{"bell", 1, 2}, {"rain", 0, 12, "background"}});
  EXPECT_FALSE(ask("foundational", "description", in_rain, "open"));
  EXPECT_FALSE(ask("foundational", "description", record_with(kTwo, 12, false), "open"));
  EXPECT_FALSE(ask("foundational", "description", record_with({{"dog", 1, 2}, {"puppy", 3, 4}}), "open"));
  EXPECT_FALSE(ask(
      "foundational", "description",
      record_with({{"dog", 1, 2}, {"bell", 3, 4}, {"cat", 5, 6}, {"rain", 7, 8}, {"owl", 9, 10}}), "open"));
}

// A sound that no clip of the set holds would be known for a wrong answer.
TEST(FactoryHearing, AbsentSoundsAreThoseOfOtherClips) {
  const std::vector<Record> records = {record_with(kTwo), record_with({{"cat", 1, 2}, {"puppy", 3, 4}}),
                                       record_with({{"rain", 1, 2}, {"owl", 3, 4}})};
  const StoryPool pool = StoryPool::of_records(records);
  const Margins margins;
  std::set<std::string> wrong;
  for (int seed = 0; seed < 100; ++seed) {
    Random rng("af2/test/hearing/" + std::to_string(seed));
    RuleContext context{records[0], factory_words(), margins, rng, &pool};
    const auto item = make_item(rule_type("foundational", "sound"), context, {.form = "choice"});
    ASSERT_TRUE(item);
    for (const std::string& option : item->options) wrong.insert(option);
    EXPECT_EQ(rechecked(*item, records[0]), "");
  }
  // Beside the clip's own two; a puppy may go by the name of the dog.
  EXPECT_EQ(wrong, (std::set<std::string>{"a dog barking", "a bell sounding", "a cat meowing", "rain falling",
                                          "a owl sounding"}));
}

TEST(FactoryHearing, RandomRecordsAreAskedFairly) {
  for (const char* type : {"sound", "what", "presence", "description"}) {
    int asked = 0;
    for (std::uint64_t number = 0; number < 300; ++number) {
      const Record record = random_record(number);
      const std::string form = rule_type("foundational", type).forms[0];
      if (const auto item = ask("foundational", type, record, form, static_cast<int>(number))) {
        ++asked;
        EXPECT_EQ(rechecked(*item, record), "") << type << " of " << record.id;
      }
    }
    EXPECT_GT(asked, std::string(type) == "what" ? 0 : 50) << type;
  }
}

TEST(FactoryHearing, WordingsAreEnoughAndSomeAreHeldOut) {
  for (const char* type : {"sound", "what", "presence", "description"}) {
    const WordingList& list = all_wordings().at(std::string("foundational.") + type);
    EXPECT_GE(list.usual.size(), 20u) << type;
    EXPECT_EQ(list.held_out.size(), 2u) << type;
  }
}

}  // namespace
}  // namespace af2
