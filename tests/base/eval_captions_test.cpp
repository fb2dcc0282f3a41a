// Captions: tokens, CIDEr-D, BLEU, ROUGE-L and files for external scorers (docs/spec/evaluation.md section
// 4).
#include "af2/eval/caption_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "../scratch.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/core/random.h"
#include "af2/eval/caption_files.h"
#include "af2/eval/caption_tokens.h"
#include "refused.h"

namespace af2 {
namespace {
using ::testing::ElementsAre;
using ::testing::IsEmpty;

CaptionSet golden_captions(const std::string& tokeniser) {
  return caption_set(
      {"a man is speaking", "rain falls"},
      {{"a man speaks", "someone speaks", "a man is speaking while a bird is chirping in the background"},
       {"rain is falling hard on a surface"}},
      tokeniser);
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

TEST(EvalCaptionTokens, PtbLite) {
  EXPECT_THAT(
      caption_tokens("The man's dog doesn't bark.\n(Well-known) 'birds' sing; it is 3.5 km!", "ptb-lite"),
      ElementsAre("the", "man", "'s", "dog", "does", "n't", "bark", "-lrb-", "well-known", "-rrb-", "birds",
                  "sing", "it", "is", "3.5", "km"));
  EXPECT_THAT(caption_tokens("Wind... a car -- and\u2014\"rain\" can\u2019t, they'll: cannot", "ptb-lite"),
              ElementsAre("wind", "a", "car", "and", "rain", "ca", "n't", "they", "'ll", "can", "not"));
  EXPECT_THAT(caption_tokens("at 10 a.m. rock & roll, 50%", "ptb-lite"),
              ElementsAre("at", "10", "a.m.", "rock", "&", "roll", "50", "%"));
  EXPECT_THAT(caption_tokens("", "ptb-lite"), IsEmpty());
}

TEST(EvalCaptionTokens, Others) {
  EXPECT_THAT(caption_tokens("A man's well-known dog.", "nopunct"),
              ElementsAre("a", "mans", "wellknown", "dog"));
  EXPECT_THAT(caption_tokens("A b\tc.", "split"), ElementsAre("A", "b", "c."));
  EXPECT_THAT(character_tokens("a \u00E9"), ElementsAre("a", " ", "\u00E9"));
  test::refused(ErrorKind::kUser, {"ptb", "ptb-lite"}, [] { caption_tokens("a", "ptb"); });
}

TEST(EvalCaptions, GoldenOfTheSpecification) {
  for (const char* tokeniser : {"ptb-lite", "nopunct", "split"}) {
    const CaptionSet set = golden_captions(tokeniser);
    const std::vector<double> cider = cider_d(set);
    EXPECT_NEAR(cider[0], 1.364055, 5e-7);
    EXPECT_NEAR(cider[1], .558655, 5e-7);
    EXPECT_NEAR(mean_of(cider), .961355, 5e-7);
    const std::vector<double> sums = bleu_table(set).totals();
    EXPECT_NEAR(bleu_of_sums(sums, 1), .427848, 5e-7);
    EXPECT_NEAR(bleu_of_sums(sums, 2), .405892, 5e-7);
    EXPECT_NEAR(bleu_of_sums(sums, 3), .438965, 5e-7);
    EXPECT_NEAR(bleu_of_sums(sums, 4), .456500, 5e-7);
    const std::vector<double> rouge = rouge_l(set);
    EXPECT_NEAR(rouge[0], .772152, 5e-7);
    EXPECT_NEAR(rouge[1], .201987, 5e-7);
    EXPECT_NEAR(mean_of(rouge), .487069, 1e-6);
    EXPECT_EQ(vocabulary_size(set), 6);
  }
}

TEST(EvalCaptions, EdgesOfCider) {
  // One clip alone: no n-gram is rarer than another.
  EXPECT_EQ(cider_d(caption_set({"a dog"}, {{"a dog"}}, "split"))[0], 0);
  // An empty candidate is 0; a candidate equal to its only reference has the most.
  const CaptionSet set = caption_set({"", "the cat sat on it", "x y"},
                                     {{"a dog barks"}, {"the cat sat on it"}, {"u v w"}}, "split");
  const std::vector<double> scores = cider_d(set);
  EXPECT_EQ(scores[0], 0);
  EXPECT_NEAR(scores[1], 10, 1e-9);
  EXPECT_EQ(scores[2], 0);
  // The idf of a larger set stays when a part is scored.
  const CiderFrequencies all(set.references);
  CaptionSet part;
  part.candidates = {set.candidates[1]};
  part.references = {set.references[1]};
  EXPECT_NEAR(cider_d(part, all)[0], 10, 1e-9);
  EXPECT_EQ(cider_d(part)[0], 0);
  test::refused(ErrorKind::kData, {"no reference"}, [] { caption_set({"a"}, {{}}, "split"); });
}

TEST(EvalCaptions, ItemsOfALargeSetAreScoredAlike) {
  // Thousands of n-grams, of which most are rare: each item's score is that of the item alone by the same
  // idf.
  Random rng("af2/test/eval/captions");
  const auto caption = [&] {
    std::string text;
    for (int i = rng.range(5, 15); i > 0; --i) text += "w" + std::to_string(rng.below(400)) + " ";
    return text;
  };
  std::vector<std::string> candidates;
  std::vector<std::vector<std::string>> references;
  for (int i = 0; i < 1000; ++i) {
    candidates.push_back(caption());
    references.push_back({candidates.back() + caption(), caption(), caption(), caption(), caption()});
  }
  const CaptionSet set = caption_set(candidates, references, "split");
  const CiderFrequencies idf(set.references);
  const std::vector<double> scores = cider_d(set, idf);
  ASSERT_EQ(scores.size(), 1000u);
  for (const std::size_t i : {0u, 432u, 999u}) {
    CaptionSet one;
    one.candidates = {set.candidates[i]};
    one.references = {set.references[i]};
    EXPECT_DOUBLE_EQ(cider_d(one, idf)[0], scores[i]);
    EXPECT_GT(scores[i], 0.1);
  }
}

TEST(EvalCaptions, Others) {
  EXPECT_NEAR(token_f1({"a", "dog", "barks"}, {"the", "dog", "barks", "twice"}), .571429, 5e-7);
  EXPECT_EQ(token_f1(CaptionTokens{}, {"a"}), 0);
  EXPECT_NEAR(token_f1({"a", "a", "b"}, {"a", "b", "b"}), 2.0 / 3, 1e-12);
  const CaptionSet set = caption_set({"a dog barks"}, {{"the dog barks twice", "a cat"}}, "split");
  EXPECT_NEAR(token_f1(set)[0], .571429, 5e-7);
  EXPECT_NEAR(rouge_l_recall(set)[0], 0.5, 1e-12);
  EXPECT_NEAR(spider(.8, .2), .5, 1e-12);
  EXPECT_NEAR(fense(.6, .95), .06, 1e-12);
  EXPECT_NEAR(fense(.6, .9), .6, 1e-12);
  EXPECT_NEAR(spider_fl(.5, .91), .05, 1e-12);
}

TEST(EvalCaptionFiles, OutAndBack) {
  const test::Scratch folder;
  const std::vector<CaptionItem> items = {{"a.wav", "a dog", {"dogs", "a dog barks"}},
                                          {"b.wav", "", {"rain"}}};
  write_coco_captions(folder / "coco", items);
  const Json refs = parse_json(read_file(folder / "coco/refs.json"), "refs");
  ASSERT_EQ(refs.at("annotations").size(), 3u);
  EXPECT_EQ(refs.at("annotations")[2].at("image_id"), 1);
  EXPECT_EQ(refs.at("annotations")[1].at("caption"), "a dog barks");
  EXPECT_EQ(refs.at("images")[1].at("file_name"), "b.wav");
  const Json cands = parse_json(read_file(folder / "coco/cands.json"), "cands");
  EXPECT_EQ(cands[0].at("caption"), "a dog");

  const std::vector<std::string> ids = {"a.wav", "b.wav"};
  const auto read = [&](const std::string& text) {
    write_file_atomic(folder / "scores.json", text);
    return read_external_scores(folder / "scores.json", ids);
  };
  EXPECT_THAT(read("{\"b.wav\": 0.5, \"a.wav\": 1}").scores, ElementsAre(1, .5));
  EXPECT_THAT(read("[{\"image_id\": 1, \"METEOR\": 0.5}, {\"image_id\": 0, \"METEOR\": 0.25}]").scores,
              ElementsAre(.25, .5));
  const ExternalScores spice = read(
      "[{\"image_id\": 0, \"scores\": {\"All\": {\"pr\": 1.0, \"f\": 0.3}}}, "
      "{\"image_id\": 1, \"scores\": {\"All\": {\"f\": NaN}}}]");
  EXPECT_THAT(spice.scores, ElementsAre(.3, 0));
  EXPECT_THAT(spice.not_numbers, ElementsAre("b.wav"));
  test::refused(ErrorKind::kData, {"b.wav", "no score"}, [&] { read("{\"a.wav\": 1}"); });
  test::refused(ErrorKind::kData, {"c.wav", "unknown"}, [&] { read("{\"c.wav\": 1}"); });
  test::refused(ErrorKind::kData, {"two scores"},
                [&] { read("[{\"image_id\": 0, \"s\": 1}, {\"image_id\": 0, \"s\": 1}]"); });
  test::refused(ErrorKind::kData, {"can be told"}, [&] { read("[{\"image_id\": 0, \"s\": 1, \"t\": 2}]"); });
  test::refused(ErrorKind::kData, {"scores.json"}, [&] { read("{\"a.wav\": 1, "); });
}

}  // namespace
}  // namespace af2
