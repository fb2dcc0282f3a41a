// Outputs to answers: every rule of the benchmarks' files, the published ones with their defects.
#include "af2/eval/match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "af2/eval/answer_text.h"
#include "af2/eval/option_cascade.h"
#include "af2/text/compatibility.h"
#include "refused.h"

namespace af2 {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

EvalItem choice_item(std::vector<std::string> choices, int gold) {
  EvalItem item;
  item.id = "q";
  item.task = "mcq";
  item.choices = std::move(choices);
  item.gold_index = gold;
  item.refs = {item.choices.at(static_cast<std::size_t>(gold))};
  return item;
}

EvalItem open_item(std::vector<std::string> refs) {
  EvalItem item;
  item.refs = std::move(refs);
  return item;
}

EvalItem label_item(std::vector<std::string> labels) {
  EvalItem item;
  item.labels = std::move(labels);
  return item;
}

Match matched(const std::string& rule, const EvalItem& item, const std::string& output,
              const LabelSet& labels = {}, const Json& more = Json::object(), const MatchTools& tools = {}) {
  MatchRule match_rule;
  match_rule.rule = rule;
  match_rule.more = more;
  return match_output(match_rule, {}, labels, item, output, tools);
}

bool is_right_by(const std::string& rule, const EvalItem& item, const std::string& output) {
  return matched(rule, item, output).right;
}

// An encoder that counts letters: texts with the same letters are near.
MatchTools letter_tower() {
  return {[](const std::vector<std::string>& texts) {
    std::vector<std::vector<float>> vectors;
    for (const std::string& text : texts) {
      std::vector<float> v(26, 0);
      float norm = 0;
      for (const char c : text)
        if (c >= 'a' && c <= 'z') v[static_cast<std::size_t>(c - 'a')] += 1;
      for (const float x : v) norm += x * x;
      for (float& x : v) x /= std::max(1e-6f, std::sqrt(norm));
      vectors.push_back(v);
    }
    return vectors;
  }};
}

const std::vector<std::string> kAnimals = {"a dog", "a cat", "the rain", "two dogs"};

TEST(EvalMatch, TokensOfMmauAsTheSpecificationSays) {
  const EvalItem item = choice_item(kAnimals, 0);
  for (const char* right : {"a dog", "(a) a dog", "A dog barks"})
    EXPECT_TRUE(is_right_by("mmau_tokens", item, right)) << right;
  for (const char* wrong : {"the answer is a dog", "a", "a dog, not a cat", ""})
    EXPECT_FALSE(is_right_by("mmau_tokens", item, wrong)) << wrong;
  EXPECT_TRUE(
      is_right_by("mmau_tokens", choice_item({"guitar then drums", "piano"}, 0), "drums then guitar"));
  EXPECT_FALSE(matched("mmau_tokens", item, "a").parsed);
  const Match other = matched("mmau_tokens", item, "A cat.");
  EXPECT_TRUE(other.parsed);
  EXPECT_EQ(other.option, 1);
  EXPECT_EQ(other.value, "a cat");
  EXPECT_TRUE(is_right_by("mmau_tokens", choice_item({"ÉTÉ", "hiver"}, 0), "été"));
}

TEST(EvalMatch, PreparationIsOnlyWhatIsListed) {
  EXPECT_EQ(prepare_answer("<think>(a) dog?</think> <answer>(B) Rain.</answer> so", {"strip_think"}),
            "(B) Rain.");
  EXPECT_EQ(prepare_answer("<think>a</think>x<think>b</think> y", {"strip_think"}), "y");
  EXPECT_EQ(prepare_answer("<think>never ends", {"strip_think"}), "<think>never ends");
  for (const char* form : {"(b) rain", "b. rain", "B) rain", "b: rain", "(B)rain"})
    EXPECT_EQ(prepare_answer(form, {"strip_letter"}), "rain") << form;
  EXPECT_EQ(prepare_answer("a dog", {"strip_letter"}), "a dog");
  EXPECT_EQ(prepare_answer("a.m. radio", {"strip_letter"}), "a.m. radio");
  EXPECT_EQ(prepare_answer("x <CONCLUSION>\n(b) cat </CONCLUSION>", {"conclusion_tag"}), "(b) cat");
  test::refused(ErrorKind::kUser, {"strip_all", "strip_think"}, [] { prepare_answer("x", {"strip_all"}); });
  // A think block that names another option makes the raw rule wrong, the prepared one right.
  const EvalItem item = choice_item({"dog", "cat"}, 0);
  const std::string output = "<think>a cat?</think>(A) dog";
  EXPECT_FALSE(is_right_by("mmau_tokens", item, output));
  MatchRule rule;
  rule.rule = "mmau_tokens";
  rule.before = {"strip_think", "strip_letter"};
  EXPECT_TRUE(match_output(rule, {}, {}, item, output, {}).right);
}

TEST(EvalMatch, LettersOfMmsu) {
  const EvalItem item = choice_item({"w", "x", "y", "z"}, 1);
  EXPECT_TRUE(is_right_by("letter_first_or_second_last", item, "B. x"));
  EXPECT_TRUE(is_right_by("letter_first_or_second_last", item, "it is (B)"));
  EXPECT_FALSE(matched("letter_first_or_second_last", item, "b").parsed);  // capitals only
  const Match barks = matched("letter_first_or_second_last", item, "A dog barks");
  EXPECT_EQ(barks.option, 0);
  EXPECT_FALSE(matched("letter_first_or_second_last", item, "").parsed);
  MatchRule rule;
  rule.rule = "letter_first_or_second_last";
  rule.unparsed = "exclude";
  EXPECT_TRUE(match_output(rule, {}, {}, item, "no idea", {}).excluded);
  EXPECT_FALSE(match_output(rule, {}, {}, item, "C", {}).excluded);
  rule.unparsed = "wrong";
  EXPECT_FALSE(match_output(rule, {}, {}, item, "no idea", {}).excluded);
}

TEST(EvalMatch, LettersAnywhere) {
  const EvalItem item = choice_item({"red bird", "blue bird", "green bird"}, 2);
  EXPECT_TRUE(is_right_by("letter_any", item, "first (A), then rather (C)"));
  EXPECT_EQ(matched("letter_any", item, "maybe A or B").option, 1);
  EXPECT_TRUE(is_right_by("letter_any", item, "C"));
  EXPECT_TRUE(is_right_by("letter_any", item, "C."));
  EXPECT_TRUE(is_right_by("letter_any", item, "what one hears there is Green Bird singing"));
  EXPECT_FALSE(matched("letter_any", item, "green bird").parsed);  // five words or fewer: letters only
  EXPECT_FALSE(matched("letter_any", item, "").parsed);
}

TEST(EvalMatch, CapitalsOfMuchomusic) {
  const EvalItem item = choice_item({"Drums", "Bass", "flute", "voice"}, 1);
  EXPECT_EQ(matched("muchomusic", item, "Drums").option, 3);  // the capital D counts
  EXPECT_TRUE(is_right_by("muchomusic", item, "A or D. The correct answer is: B"));
  EXPECT_EQ(matched("muchomusic", item, "AB flute").option, 2);
  EXPECT_FALSE(matched("muchomusic", item, "none of these").parsed);
}

TEST(EvalMatch, WholeAnswers) {
  EXPECT_TRUE(is_right_by("exact_norm", open_item({"Yes"}), " yes. "));
  EXPECT_FALSE(is_right_by("exact_norm", open_item({"yes", "no"}), "no"));  // the first one is the answer
  EXPECT_TRUE(is_right_by("any_ref", open_item({"car", "engine"}), "Engine!"));
  EXPECT_FALSE(is_right_by("any_ref", open_item({"car", "engine"}), "an engine"));
  EXPECT_TRUE(is_right_by("any_ref_words", open_item({"car", "engine"}), "an engine"));
  EXPECT_TRUE(is_right_by("words_numbers", open_item({"two"}), "2"));
  EXPECT_TRUE(is_right_by("words_numbers", open_item({"more than ten"}), "More than 10."));
  EXPECT_FALSE(is_right_by("words_numbers", open_item({"two"}), "12"));
  EXPECT_TRUE(is_right_by("exact_norm", open_item({"cafe/restaurant"}), "Cafe/Restaurant."));
  EXPECT_TRUE(is_right_by("exact_norm", open_item({"B"}), "\uFF22"));  // full width, NFKC
  LabelSet labels;
  labels.list = {"yes", "no", "two"};
  EXPECT_FALSE(matched("exact_norm", open_item({"two"}), "three", labels).parsed);
  EXPECT_EQ(matched("words_numbers", open_item({"yes"}), "2", labels).value, "two");
  // Options inside the question: the file's golds have letters.
  Benchmark inline_benchmark;
  inline_benchmark.data = {{"options_inline", "({L}) {text}."}};
  MatchRule rule;
  rule.rule = "exact_norm";
  rule.before = {"conclusion_tag"};
  const EvalItem restaurant = choice_item({"street", "restaurant"}, 1);
  EXPECT_TRUE(
      match_output(rule, inline_benchmark, {}, restaurant, "<CONCLUSION> (B) restaurant </CONCLUSION>", {})
          .right);
  EXPECT_FALSE(match_output(rule, inline_benchmark, {}, restaurant, "(A) restaurant", {}).right);
}

TEST(EvalMatch, YesAndNo) {
  const EvalItem no = open_item({"no"});
  EXPECT_TRUE(is_right_by("yesno_prefix5", no, "I know it"));  // "know" holds "no"
  EXPECT_TRUE(is_right_by("yesno_prefix5", open_item({"yes"}), "Yes, it is"));
  EXPECT_FALSE(is_right_by("yesno_prefix5", open_item({"yes"}), "I say yes"));
  EXPECT_FALSE(matched("yes_no", no, "I know it").parsed);
  for (const char* word : {"No.", "not at all", "None", "false"})
    EXPECT_TRUE(is_right_by("yes_no", no, word));
  for (const char* word : {"yes", "Yeah", "Correct!", "true"})
    EXPECT_EQ(matched("yes_no", no, word).value, "yes") << word;
}

TEST(EvalMatch, Integers) {
  const EvalItem pitch = open_item({"60"});
  LabelSet labels;
  labels.range = {0, 127};
  EXPECT_TRUE(matched("first_int", pitch, "pitch 60, velocity 100", labels).right);
  EXPECT_TRUE(matched("first_int", open_item({"12"}), "it is twelve", labels).right);
  EXPECT_FALSE(matched("first_int", pitch, "261 hz", labels).parsed);
  EXPECT_FALSE(matched("first_int", pitch, "high", labels).parsed);
  EXPECT_EQ(matched("first_int", pitch, "62", labels).numbers.at("given"), 62);
  EXPECT_EQ(first_integer("-3 db"), -3);
  EXPECT_EQ(first_integer("c-4"), 4);
  EXPECT_EQ(first_integer("twenty-one"), std::nullopt);
  EXPECT_EQ(first_integer("99999999999"), std::nullopt);
}

TEST(EvalMatch, Labels) {
  LabelSet labels;
  labels.list = {"car", "car_alarm", "chirp_and_tweet", "dog"};
  labels.display = {{"car_alarm", "car alarm"}, {"chirp_and_tweet", "chirp and tweet"}};
  labels.synonyms = {{"dog", {"puppy", "hound"}}, {"car", {"automobile"}}};
  const EvalItem alarm = label_item({"car_alarm"});
  EXPECT_TRUE(matched("label_cascade", alarm, "Car alarm.", labels).right);
  EXPECT_EQ(matched("label_cascade", alarm, "the sound of a car alarm", labels).why, "phrase");
  EXPECT_TRUE(matched("label_cascade", alarm, "the sound of a car alarm", labels).right);  // car is inside it
  EXPECT_EQ(matched("label_cascade", label_item({"dog"}), "a puppy whines", labels).why, "synonym");
  EXPECT_EQ(matched("label_cascade", alarm, "a car and a dog", labels).why, "ambiguous");
  EXPECT_FALSE(matched("label_cascade", alarm, "rain", labels).parsed);
  const Match nearest = matched("label_cascade", label_item({"dog"}), "god", labels, {}, letter_tower());
  EXPECT_EQ(nearest.why, "text_nearest");
  EXPECT_TRUE(nearest.right);
  EXPECT_EQ(matched("substring_ordered", alarm, "a car alarm", labels).value, "car");  // list order decides

  const Match pieces = matched("split_labels", label_item({"dog", "chirp_and_tweet"}),
                               "Chirp and tweet, dog and wind", labels);
  EXPECT_THAT(pieces.values, ElementsAre("chirp_and_tweet", "dog"));
  EXPECT_TRUE(pieces.right);
  EXPECT_EQ(pieces.fields.at("unknown"), "wind");
  EXPECT_THAT(matched("split_labels", alarm, "car alarm; car", labels).values,
              ElementsAre("car", "car_alarm"));
  EXPECT_NEAR(matched("split_labels", alarm, "car alarm; car", labels).score, 2.0 / 3, 1e-12);
  EXPECT_FALSE(matched("split_labels", alarm, "none", labels).parsed);
  labels.empty = "none";
  EXPECT_TRUE(matched("split_labels", label_item({}), "None.", labels).right);
  EXPECT_FALSE(matched("split_labels", label_item({}), "", labels).right);
}

TEST(EvalMatch, NearestInATextTower) {
  LabelSet labels;
  labels.list = {"rain", "dog", "cat"};
  labels.text_template = "zz {label}";
  const Match unscored = matched("text_nearest", label_item({"dog"}), "dog", labels, {{"encoder", "afclap"}});
  EXPECT_FALSE(unscored.scored);
  EXPECT_THAT(unscored.why, HasSubstr("afclap"));
  EXPECT_TRUE(matched("text_nearest", label_item({"dog"}), "Dog", labels, {}, letter_tower()).right);
  EXPECT_FALSE(matched("text_nearest", label_item({"dog"}), " ", labels, {}, letter_tower()).parsed);
  const Match scores = matched("text_scores", label_item({"cat", "dog"}), "cat", labels, {}, letter_tower());
  ASSERT_EQ(scores.label_scores.size(), 3u);
  EXPECT_NEAR(scores.label_scores[2], 1, 1e-6);
  EXPECT_GT(scores.label_scores[0], scores.label_scores[1]);  // "rain" shares an a with "cat"
  EXPECT_TRUE(scores.right);
  int asked = 0;
  const MatchTools once = remembering({[&](const std::vector<std::string>& texts) {
    asked += static_cast<int>(texts.size());
    return letter_tower().encode(texts);
  }});
  for (int i = 0; i < 3; ++i) matched("text_nearest", label_item({"dog"}), "a dog", labels, {}, once);
  EXPECT_EQ(asked, 4);
}

TEST(EvalMatch, FieldsBetweenMarks) {
  EvalItem note;
  note.fields = {{"instrument", "guitar"}, {"pitch", "60"}, {"qualities", "[\"bright\",\"fast_decay\"]"}};
  const Json more = {
      {"marks", Json::array({{{"field", "instrument"}, {"after", "produced by "}, {"until", ","}},
                             {{"field", "pitch"}, {"after", "pitch "}, {"until", ","}},
                             {{"field", "qualities"}, {"after", "qualities like "}, {"until", "<end>"}}})}};
  const std::string form = "Produced by guitar, pitch 60, and having qualities like fast decay, bright.";
  EXPECT_TRUE(matched("marked_fields", note, form, {}, more).right);
  const Match part = matched("marked_fields", note, "produced by guitar, pitch 61", {}, more);
  EXPECT_THAT(part.values, ElementsAre("instrument"));
  EXPECT_NEAR(part.score, 1.0 / 3, 1e-12);
  EXPECT_FALSE(matched("marked_fields", note, "", {}, more).parsed);
}

TEST(EvalMatch, AnswersInJson) {
  EvalItem spans = open_item({"[{\"start\": 1, \"end\": 2}, {\"start\": 5, \"end\": 7}]"});
  const Match m = matched("blab", spans, "```json\n[{\"start\": 1.2, \"end\": 2}]\n```");
  EXPECT_TRUE(m.parsed);
  EXPECT_NEAR(m.score, 2.0 / 3, 1e-12);
  EXPECT_NEAR(m.numbers.at("onset_error_s"), 0.2, 1e-12);
  EXPECT_FALSE(matched("blab", spans, "at the start").parsed);
  EXPECT_EQ(matched("blab", spans, "at the start").numbers.at("known"), 2);
  EvalItem duration = open_item({"31.5"});
  duration.groups["task"] = "entire_duration";
  EXPECT_TRUE(matched("blab", duration, "{\"duration\": 30}", {}, {{"tolerance_s", 2}}).right);
  EXPECT_FALSE(matched("blab", duration, "{\"duration\": 29}", {}, {{"tolerance_s", 2}}).right);
  EvalItem speakers = open_item({"3"});
  speakers.groups["task"] = "speaker_number_estimation";
  EXPECT_FALSE(matched("blab", speakers, "4", {}, {{"tolerance_s", 2}}).right);
  EXPECT_TRUE(matched("blab", speakers, "3", {}, {{"tolerance_s", 2}}).right);
}

TEST(EvalMatch, TasksOfASuite) {
  const auto of_task = [](const std::string& task, const std::string& gold, const std::string& output) {
    EvalItem item = open_item({gold});
    item.groups["task"] = task;
    return matched("per_task", item, output);
  };
  EXPECT_EQ(of_task("gs_key", "E flat minor", "the key is Ebm").score, 1);
  EXPECT_EQ(of_task("gs_key", "C major", "G major").score, 0.5);
  EXPECT_EQ(of_task("gs_key", "C major", "a minor").score, 0.3);
  EXPECT_EQ(of_task("gs_key", "A minor", "C major").score, 0.3);
  EXPECT_EQ(of_task("gs_key", "C major", "c minor").score, 0.2);
  EXPECT_EQ(of_task("gs_key", "C major", "a nice song").parsed, false);
  EXPECT_TRUE(of_task("tempo", "120", "124.8 bpm").right);
  EXPECT_FALSE(of_task("tempo", "120", "125").right);
  EXPECT_NEAR(of_task("beat", "0.5 1.0 1.5", "0.52, 1.2, 1.5").score, 2.0 / 3, 1e-12);
  EXPECT_NEAR(of_task("mtg_tags", "rock, guitar", "guitar").score, 2.0 / 3, 1e-12);
  EXPECT_TRUE(of_task("genre", "jazz", "Jazz.").right);
}

TEST(EvalMatch, OverlapWithTheReference) {
  EXPECT_NEAR(matched("reference_overlap", open_item({"the dog barks twice"}), "A dog barks").score, 0.571429,
              1e-6);
}

TEST(EvalMatch, ATaskMayHaveItsOwnRule) {
  MatchRule rule{
      "option_cascade", {}, "wrong", {{"by_task", {{"yes_no", "yes_no"}, {"open_qa", "any_ref_words"}}}}};
  const auto of = [&](const EvalItem& item, const std::string& output) {
    return match_output(rule, {}, {}, item, output, {});
  };
  EvalItem item = open_item({"yes"});
  item.task = "yes_no";
  EXPECT_EQ(of(item, "Yes it does").why, "word");
  item.task = "open_qa";
  EXPECT_TRUE(of(item, "the yes").right);
  EvalItem choice = choice_item(kAnimals, 2);
  choice.task = "mcq";
  EXPECT_TRUE(of(choice, "(c) the rain").right);
  rule.more["by_task"]["mcq"] = "option_cascad";
  test::refused(ErrorKind::kUser, {"option_cascad", "option_cascade"}, [&] { of(choice, "(c)"); });
}

TEST(EvalMatch, EveryRuleOfTheFilesIsKnown) {
  test::refused(ErrorKind::kUser, {"option_cascad", "option_cascade"},
                [] { matched("option_cascad", open_item({"x"}), "x"); });
  for (const char* rule : {"judge", "submit", "none", "embed_nearest"}) {
    const Match m = matched(rule, open_item({"x"}), "x");
    EXPECT_FALSE(m.scored);
    EXPECT_FALSE(m.right);
    EXPECT_FALSE(m.why.empty());
  }
  const std::vector<std::string> known = match_rules();
  std::set<std::string> used;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(AF2_SOURCE_DIR) + "/benchmarks")) {
    if (entry.path().extension() != ".yaml") continue;
    const Json match = read_config_file(entry.path()).value("match", Json::object());
    for (const auto& [column, rule] : match.items()) used.insert(rule.at("rule").get<std::string>());
  }
  EXPECT_GE(used.size(), 15u);
  for (const std::string& rule : used) EXPECT_THAT(known, ::testing::Contains(rule));
}

TEST(EvalMatch, WordsKeepWhatDistinguishesThem) {
  EXPECT_THAT(answer_words("It's C# in 4/4, at 1.63 s: Cm7!"),
              ElementsAre("it's", "c#", "in", "4/4", "at", "1.63", "s", "cm7"));
  EXPECT_THAT(answer_words("B\u266D -3 dB fast_decay t-shirt"),
              ElementsAre("b\u266D", "-3", "db", "fast", "decay", "t-shirt"));
  EXPECT_THAT(answer_words("\u72D7\u53EB"), ElementsAre("\u72D7", "\u53EB"));
  EXPECT_THAT(answer_words(" . "), IsEmpty());
  EXPECT_EQ(to_nfkc("\uFF22\uFF09"), "B)");
}

TEST(EvalCascade, SixSteps) {
  const auto answer = [](const std::string& output, const std::vector<std::string>& options) {
    const CascadeAnswer a = option_cascade(output, options);
    return std::to_string(a.option) + " " + a.why;
  };
  EXPECT_EQ(answer("  A Cat! ", kAnimals), "1 whole");
  EXPECT_EQ(answer("(b)", kAnimals), "1 letter");
  EXPECT_EQ(answer("b. a cat", kAnimals), "1 letter");
  EXPECT_EQ(answer("B: because it meows", kAnimals), "1 letter");
  EXPECT_EQ(answer("option c, clearly", kAnimals), "2 letter");
  EXPECT_EQ(answer("b", kAnimals), "1 letter");
  EXPECT_EQ(answer("(a) a cat", kAnimals), "-1 conflict");
  EXPECT_EQ(answer("(e) other", kAnimals), "-1 none");  // no such option
  EXPECT_EQ(answer("The correct answer is (B) a cat.", kAnimals), "1 marker");
  EXPECT_EQ(answer("It is not a dog. The answer is a cat. I am sure.", kAnimals), "1 marker");
  EXPECT_EQ(answer("First answer: a. Final answer: **c**", kAnimals), "2 marker");
  EXPECT_EQ(answer("one hears a cat there", kAnimals), "1 phrase");
  EXPECT_EQ(answer("a cat near a dog", kAnimals), "-1 ambiguous");
  EXPECT_EQ(answer("nothing", kAnimals), "-1 none");
  EXPECT_EQ(answer(" ? ", kAnimals), "-1 empty");
  EXPECT_EQ(answer("<think>(a)</think><answer>a cat</answer>", kAnimals), "1 whole");
  EXPECT_EQ(answer("<CONCLUSION>(B)</CONCLUSION>", kAnimals), "1 letter");
  // Nested phrases: the longer one counts.
  EXPECT_EQ(answer("i hear a car passing by", {"car", "car passing by"}), "1 phrase");
  // An option that is a letter is read as text first.
  EXPECT_EQ(answer("D", {"D", "A", "B", "C"}), "0 whole");
  EXPECT_EQ(answer("C#", {"C", "C#"}), "1 whole");
  EXPECT_EQ(answer("in 3/4 time", {"4/4", "3/4"}), "1 phrase");
  // Letters printed in options; equal options are one.
  EXPECT_EQ(answer("dog", {"(a) dog", "(b) cat"}), "0 whole");
  EXPECT_EQ(answer("(c) dog", {"dog", "cat", "Dog."}), "0 letter");
  EXPECT_EQ(answer("one hears a dog", {"dog", "cat", "Dog."}), "0 phrase");
}

TEST(EvalCascade, EqualOptionsAreBothRight) {
  const EvalItem item = choice_item({"dog", "cat", "dog"}, 2);
  EXPECT_TRUE(is_right_by("option_cascade", item, "(a) dog"));
  EXPECT_EQ(matched("option_cascade", item, "dog").option, 2);
}

TEST(EvalCascade, OptionsInsideTheQuestion) {
  EvalItem item = open_item({"(b) cat"});
  item.question = "Which animal is it?\n(a) dog\n(b) cat\n(c) cow\nAnswer shortly.";
  EXPECT_THAT(inline_options(item.question), ElementsAre("dog", "cat", "cow"));
  const Json more = {{"options", "inline"}};
  EXPECT_TRUE(matched("option_cascade", item, "It is a cat", {}, more).right);
  EXPECT_FALSE(matched("option_cascade", item, "(a)", {}, more).right);
  EXPECT_THAT(inline_options("Which? (A) one. (B) two. Output the answer."), ElementsAre("one", "two"));
  EXPECT_THAT(inline_options("no options"), IsEmpty());
  EXPECT_FALSE(matched("option_cascade", open_item({"x"}), "x").scored);  // an open question
}

TEST(EvalCascade, EveryGoldInEveryForm) {
  // The forms of the specification's table on sets of options without traps: all resolve right, in either
  // case.
  const std::vector<std::vector<std::string>> sets = {
      {"a dog barking", "a cat meowing", "rain on a roof", "wind"},
      {"4/4", "3/4", "6/8", "5/4"},
      {"C# minor", "D major", "E\u266D major", "G minor"},
      {"two", "three", "four", "five"},
      {"yes", "no"}};
  for (const auto& options : sets)
    for (int gold = 0; gold < static_cast<int>(options.size()); ++gold) {
      const std::string& text = options[static_cast<std::size_t>(gold)];
      const std::string letter(1, static_cast<char>('A' + gold));
      for (const std::string& form :
           {text, "(" + letter + ") " + text, letter, "The correct answer is " + text + ".",
            "The correct answer is (" + letter + ") " + text + ".",
            "<think>" + options[0] + " or " + options[1] + "</think>" + text}) {
        EXPECT_TRUE(is_right_by("option_cascade", choice_item(options, gold), form)) << form;
        EXPECT_TRUE(is_right_by("option_cascade", choice_item(options, gold), plain_answer(form))) << form;
      }
    }
}

}  // namespace
}  // namespace af2
