// Whether outputs keep to instructions: each check met and not met, as the published scorer decides.
#include "af2/eval/constraint_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "af2/eval/benchmark.h"
#include "af2/eval/constraint_texts.h"
#include "af2/eval/match.h"
#include "af2/eval/scoring.h"
#include "eval_benchmark_testing.h"

namespace af2 {
namespace {
using ::testing::HasSubstr;

bool keeps_to(const std::string& identifier, const Json& arguments, const std::string& output) {
  const ConstraintVerdict verdict = check_constraint(identifier, arguments, output);
  EXPECT_TRUE(verdict.known) << identifier;
  EXPECT_EQ(verdict.why.rfind(verdict.met ? "met" : "not met", 0), 0u) << verdict.why;
  return verdict.met;
}

struct ConstraintExample {
  const char* identifier;
  Json arguments;
  const char* output;
  bool met;
};

void expect_examples(const std::vector<ConstraintExample>& examples) {
  for (const ConstraintExample& one : examples)
    EXPECT_EQ(keeps_to(one.identifier, one.arguments, one.output), one.met)
        << one.identifier << " " << one.arguments.dump() << " " << one.output;
}

std::size_t sentence_count(const std::string& text) {
  return constraint_detail::sentences_in(constraint_detail::points_of(text));
}

TEST(ConstraintChecks, Keywords) {
  expect_examples({{"Include Keywords", {{"keywords", "Dog, rain"}}, "Rain on a hotdog.", true},
                   {"Include Keywords", {{"keywords", "dog, rain"}}, "a dog", false},
                   {"Include Keywords", {{"keywords", "dog,rain"}}, "rain, a dog", false},  // one keyword
                   {"Include Keywords", Json::object(), "anything", true},
                   {"Forbidden Words", {{"forbidden_words", "cat, sea"}}, "a dog", true},
                   {"Forbidden Words", {{"forbidden_words", "cat, sea"}}, "a CATalogue", false},
                   {"Forbidden Words", Json::object(), "anything", false},  // the empty word is everywhere
                   {"Keyword Frequency", {{"keyword", "Dog"}, {"N", 2}}, "A dog, the DOG, hotdogs.", true},
                   {"Keyword Frequency", {{"keyword", "dog"}, {"N", 2}}, "dog dog dog", false},
                   {"Keyword Frequency", {{"keyword", "dog"}, {"N", 1}}, "dog_s dog", true},
                   {"Keyword Frequency", {{"keyword", "c++"}, {"N", 0}}, "c++ is", true},  // no edge behind +
                   {"Keyword Frequency", {{"keyword", "caf\u00E9"}, {"N", 1}}, "CAF\u00C9 caf\u00E9s", true},
                   {"Keyword Frequency", {{"keyword", ""}, {"N", 4}}, "a b", true}});  // edges of words
}

TEST(ConstraintChecks, NumbersOfWordsAndSentences) {
  expect_examples({{"Number Words (at least)", {{"N", 3}}, " a dog\n barks ", true},
                   {"Number Words (at least)", {{"N", 4}}, "a dog barks", false},
                   {"Number Words (at most)", {{"N", 3}}, "a dog barks", true},
                   {"Number Words (at most)", {{"N", 2.0}}, "a dog barks", false},
                   {"Number Words (range)", {{"N1", 3}, {"N2", 3}}, "it's half-open !", true},
                   {"Number Words (range)", {{"N1", 1}, {"N2", 2}}, "a dog barks", false},
                   {"Number Words (range)", {{"N1", 1}}, "a dog barks", true},
                   {"Number Sentences (at least)", {{"N", 2}}, "A dog. It barks", true},
                   {"Number Sentences (at least)", {{"N", 3}}, "A dog. It barks", false},
                   {"Number Sentences (at most)", {{"N", 1}}, "A dog barks.", true},
                   {"Number Sentences (at most)", {{"N", 1}}, "A dog? A cat!", false},
                   {"Number Sentences (range)", {{"N1", 2}, {"N2", 3}}, "One. Two. Three.", true},
                   {"Number Sentences (range)", {{"N1", 2}, {"N2", 3}}, "One.", false}});
}

TEST(ConstraintChecks, SentencesEndAsPunktEndsThem) {
  const std::vector<std::pair<const char*, std::size_t>> examples = {{"", 0},
                                                                     {" \n ", 0},
                                                                     {"no mark", 1},
                                                                     {"Really?! Yes.", 2},
                                                                     {"Wow!!! Great.", 2},
                                                                     {"Yes.No. Good", 2},
                                                                     {"hello. world", 2},
                                                                     {"one line\nanother\n\nThird.", 1},
                                                                     {"Dr. Smith came. He sat.", 2},
                                                                     {"It was 5 p.m. He left.", 2},
                                                                     {"It was 5 p.m. Noon was over.", 1},
                                                                     {"The U.S. is big.", 1},
                                                                     {"Birds etc. The dog.", 2},
                                                                     {"1. First item. 2. Second.", 4},
                                                                     {"1. first item", 1},
                                                                     {"Plan B. The end.", 2},
                                                                     {"The key is C. It is.", 1},
                                                                     {"Wait... then he left.", 1},
                                                                     {"Wait... But he left.", 2},
                                                                     {"He said \"Hi.\" Then left.", 2},
                                                                     {"(One.) Two.", 2},
                                                                     {"One. ) Two.", 2},
                                                                     {"\u201COne.\u201D Two.", 2},
                                                                     {"**Hello.** Next.", 2},
                                                                     {"**Only one.**", 2},
                                                                     {"end.)*", 2},
                                                                     {"He met Dr. Smith.", 1},
                                                                     {"He met \"Dr. Smith.\"", 2},
                                                                     {"Oh no!!!", 2},
                                                                     {"A . B", 2}};
  for (const auto& [text, sentences] : examples) EXPECT_EQ(sentence_count(text), sentences) << text;
}

TEST(ConstraintChecks, Forms) {
  expect_examples(
      {{"Number Paragraphs", {{"N", 2}}, "one *** two ***", true},
       {"Number Paragraphs", {{"N", 2}}, "one\n\ntwo", false},
       {"Number Bullets", {{"N", 2}}, "* a\n  * b", true},
       {"Number Bullets", {{"N", 1}}, "here: * a", false},
       {"Number Bullets", {{"N", 1}}, "**bold**\n- a", false},
       {"Number Bullets", {{"N", 1}}, "* \n* a", true},  // the blank behind a star takes the line's end
       {"Number Placeholder", {{"N", 2}}, "[name] and [place] and [time]", true},
       {"Number Placeholder", {{"N", 2}}, "[] [name] [", false},
       {"Minimum Number Highlighted Section", {{"N", 2}}, "*a* and **b**", true},
       {"Minimum Number Highlighted Section", {{"N", 1}}, "** a", false},
       {"Title", {}, "<<Rain\nand wind>> it rains", true},
       {"Title", {}, "<<>> <Rain> <<a>b>>", false},
       {"Multiple Sections", {{"N", 2}, {"section_splitter", "Section"}}, "Section 1 a\nSection 2 b", true},
       {"Multiple Sections", {{"N", 2}, {"section_splitter", "SECTION"}}, "Section 1 Section 2", false},
       {"Multiple Sections", {{"N", 2}, {"section_splitter", " x"}}, "a x x", true},
       {"Multiple Sections", {{"N", 3}}, "a bc", true},  // characters
       {"Quotation", {}, "  \"a dog\"\n", true},
       {"Quotation", {}, "\"", true},
       {"Quotation", {}, "a \"dog\"", false},
       {"Two Responses", {}, "A dog ****** a cat", true},
       {"Two Responses", {}, "A dog ****** a DOG ", false},
       {"Two Responses", {}, "a ****** b ****** c", false},
       {"No Commas", {}, "a dog; a cat", true},
       {"No Commas", {}, "a dog, a cat", false}});
}

TEST(ConstraintChecks, UpperAndLowerCase) {
  expect_examples({{"All Uppercase", {}, "A DOG, 2 CATS: \u00C9T\u00C9", true},
                   {"All Uppercase", {}, "A DOg", false},
                   {"All Uppercase", {}, "\u00C9T\u00E9", false},
                   {"All Uppercase", {}, "123", false},
                   {"All Uppercase", {}, "A \u72D7", true},
                   {"All Lowercase", {}, "a dog: \u03BF\u03B4\u03CC\u03C2", true},
                   {"All Lowercase", {}, "a Dog", false},
                   {"All Lowercase", {}, "", false},
                   {"All-capital Words (at least)", {{"N", 2}}, "I hear C#4 now", true},
                   {"All-capital Words (at least)", {{"N", 2}}, "A Dog 12", false},
                   {"All-capital Words (at most)", {{"N", 1}}, "A dog", true},
                   {"All-capital Words (at most)", {{"N", 1}}, "A DOG", false},
                   {"All-capital Words (range)", {{"N1", 1}, {"N2", 2}}, "A DOG barks", true},
                   {"All-capital Words (range)", {{"N1", 1}, {"N2", 2}}, "A DOG BARKS", false}});
}

TEST(ConstraintChecks, BeginningsAndEnds) {
  expect_examples({{"Start Checker", {{"start_phrase", "I hear:"}}, "\"I HEAR a dog", true},
                   {"Start Checker", {{"start_phrase", "I hear"}}, " I hear a dog", false},  // blanks count
                   {"Start Checker", {{"start_phrase", "I hear"}}, "Yes I hear", false},
                   {"End Checker", {{"end_phrase", "That is all."}}, "A dog. That is all", true},
                   {"End Checker", {{"end_phrase", "That is all."}}, "That is all or not", false},
                   {"Postscript", {{"postscript_marker", "P.S."}}, "A dog. p. s. it barks", true},
                   {"Postscript", {{"postscript_marker", "P.S."}}, "It keeps silent", true},  // keePS
                   {"Postscript", {{"postscript_marker", "P.P.S"}}, "A dog. P.S. it barks", false},
                   {"Repeat Prompt", {{"prompt_transcription", " What Is it?"}}, "what is it? A dog.", true},
                   {"Repeat Prompt", {{"prompt_transcription", "What is it?"}}, "A dog.", false}});
}

TEST(ConstraintChecks, EveryIdentifierHasAnExampleOfItsOwn) {
  const std::vector<std::string>& names = constraint_identifiers();
  EXPECT_EQ(names.size(), 27u);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 27u);
  for (const std::string& name : names)
    for (const char* output : {"", "a", "\xC3\x28 * [", "<<", "******"}) {
      const ConstraintVerdict verdict = check_constraint(name, Json::object(), output);
      EXPECT_TRUE(verdict.known);
      EXPECT_FALSE(verdict.why.empty());
    }
}

TEST(ConstraintChecks, ArgumentsThatAreNotThere) {
  EXPECT_EQ(check_constraint("Number Words (at most)", {{"N", 3}}, "a dog barks").why,
            "met: 3 counted, at most 3 asked");
  const ConstraintVerdict none = check_constraint("Number Bullets", {{"N", nullptr}}, "");
  EXPECT_TRUE(none.met);
  EXPECT_EQ(none.why, "met: 0 counted, 0 asked; N is missing and taken as 0");
  EXPECT_THAT(check_constraint("Number Words (range)", nullptr, "a").why, HasSubstr("0 to 999 asked"));
  EXPECT_FALSE(keeps_to("Number Words (at least)", {{"N", "1"}}, "a dog"));
  EXPECT_THAT(check_constraint("Start Checker", {{"start_phrase", 1}}, "1").why,
              HasSubstr("not met: start_phrase is no text"));
  EXPECT_TRUE(keeps_to("End Checker", {}, "a dog"));
  EXPECT_TRUE(keeps_to("No Commas", {}, ""));
  EXPECT_FALSE(keeps_to("Quotation", {}, ""));
}

TEST(ConstraintChecks, AnUnknownOneDecidesNothing) {
  const ConstraintVerdict verdict = check_constraint("no commas", {}, "a dog");
  EXPECT_FALSE(verdict.known);
  EXPECT_FALSE(verdict.met);
  EXPECT_THAT(verdict.why, HasSubstr("\"no commas\""));
  EXPECT_EQ(check_constraint("", {}, "a dog").why, "no constraint is named");
}

EvalItem constraint_item(const std::string& identifier, const std::string& arguments) {
  EvalItem item;
  item.id = identifier;
  item.task = "constraint";
  item.question = "What is it?";
  item.fields = {{"constraint", identifier}, {"arguments", arguments}};
  return item;
}

TEST(ConstraintChecks, ARuleOfTheBenchmarksFile) {
  const Benchmark pro = test::repository_benchmark("mmau_pro");
  ASSERT_TRUE(pro.official && pro.robust);
  for (const MatchRule& rule : {*pro.official, *pro.robust}) {
    const auto of = [&](const EvalItem& item, const std::string& output) {
      return match_output(rule, pro, {}, item, output, {});
    };
    const Match met = of(constraint_item("Number Words (at most)", R"({"N": 3})"), "a dog barks");
    EXPECT_TRUE(met.scored && met.parsed && met.right);
    EXPECT_EQ(met.score, 1);
    EXPECT_EQ(met.value, "Number Words (at most)");
    const Match broken = of(constraint_item("No Commas", ""), "a dog, a cat");
    EXPECT_TRUE(broken.scored && broken.parsed);
    EXPECT_FALSE(broken.right);
    EXPECT_EQ(broken.score, 0);
    EXPECT_TRUE(of(constraint_item("Repeat Prompt", "{}"), "What is it? A dog.").right);
    EXPECT_FALSE(of(constraint_item("Rhymes", "{}"), "a dog").scored);
    EXPECT_FALSE(of(constraint_item("Number Bullets", "{'N': 2}"), "a dog").scored);
  }
}

TEST(ConstraintChecks, TheirRateStandsApart) {
  const Benchmark pro = test::repository_benchmark("mmau_pro");
  EvalItem choice;
  choice.id = "c", choice.task = "mcq", choice.choices = {"a dog", "a cat"}, choice.gold_index = 1;
  std::vector<EvalItem> items = {constraint_item("Number Words (at most)", R"({"N":3})"), choice};
  items.push_back(constraint_item("Title", ""));
  items.push_back(constraint_item("No Commas", ""));
  items.push_back(constraint_item("Rhymes", ""));
  std::vector<Scored> scored(items.size());
  const std::vector<std::string> outputs = {"a dog barks", "a cat", "a dog", "", "a dog"};
  for (std::size_t i = 0; i < items.size(); ++i) scored[i].item = &items[i], scored[i].output = outputs[i];
  scored[3].failed = true;  // no answer, and so no commas: not met
  match_all(pro, {}, scored, {});
  const std::vector<MetricValue> metrics = metrics_of(pro, {}, scored, {});
  const auto metric = [&](const std::string& name, const std::string& column) {
    const auto found = std::find_if(metrics.begin(), metrics.end(), [&](const MetricValue& m) {
      return m.name == name && m.column == column;
    });
    EXPECT_NE(found, metrics.end()) << name;
    return found == metrics.end() ? MetricValue() : *found;
  };
  for (const char* column : {"official", "robust"}) {
    const MetricValue rate = metric("constraint_rate", column);
    EXPECT_TRUE(rate.known);
    EXPECT_NEAR(rate.value, 1.0 / 3, 1e-12);
    EXPECT_EQ(rate.n, 3);
    EXPECT_THAT(rate.note, HasSubstr("1 of 4 items name a check that is not known here"));
  }
  EXPECT_FALSE(metric("accuracy", "official").known);  // no encoder
  EXPECT_EQ(metric("accuracy", "robust").value, 1);
  EXPECT_EQ(metric("accuracy", "robust").n, 1);
}

}  // namespace
}  // namespace af2
