// Several answers at once: each is what it is alone, whatever stands beside it.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "af2/core/error.h"
#include "af2/generate/answer_writer.h"
#include "af2/generate/convert.h"
#include "noise_clip.h"
#include "published_checkpoint.h"

namespace af2 {
namespace {

Clip noise(const std::string& name, int seconds) {
  return test::noise_clip("batch/" + name, seconds);
}

// Questions of all kinds: clips of one and two windows, one asked twice, no clip, lengths from 1 to 24
// tokens, drawn and greedy, an answer that a text stops, one that obeys a grammar, beams.
std::vector<Question> questions(const Engine& engine) {
  AnswerOptions options;
  options.max_new_tokens = 24;
  options.ignore_eos = true;
  const Memory one = engine.listen(noise("one", 10)), two = engine.listen(noise("two", 17));
  std::vector<Question> all;
  all.push_back(engine.question(one, "what?", options));
  all.push_back(engine.question(two, "a much longer question about that sound?", options));
  all.push_back(engine.question(one, "when?", options));
  all.back().options.sampling.temperature = 1.5;
  all.back().options.sampling.seed = 7;
  all.push_back(engine.question(engine.nothing(), "what?", options));
  all.push_back(engine.question(two, "who?", options));
  all.back().options.max_new_tokens = 1;
  all.push_back(engine.question(two, "who?", options));
  all.back().options.log_probabilities = true;
  all.back().options.max_new_tokens = 9;
  options.ignore_eos = false;
  all.push_back(engine.question(one, "how many?", options));
  all.back().options.grammar =
      std::make_shared<const Grammar>(Grammar::parse("root ::= [0-9]+ \"!\"", "test"));
  all.push_back(engine.question(two, "why?", options));
  all.back().options.beams = 2;
  return all;
}

void expect_as_alone(const Engine& engine) {
  const std::vector<Question> all = questions(engine);
  std::vector<std::string> streamed(all.size());
  std::vector<Question> together = all;
  for (std::size_t i = 0; i < all.size(); ++i)
    together[i].on_text = [&streamed, i](std::string_view text) { streamed[i] += text; };
  const std::vector<Answer> answers = engine.answer_all(together);
  ASSERT_EQ(answers.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Answer alone = engine.answer_tokens(all[i].memory, all[i].ids, all[i].options);
    EXPECT_EQ(answers[i].tokens, alone.tokens) << i;
    EXPECT_EQ(answers[i].text, alone.text) << i;
    EXPECT_EQ(answers[i].finish_reason, alone.finish_reason) << i;
    EXPECT_EQ(answers[i].warnings, alone.warnings) << i;
    EXPECT_EQ(answers[i].log_probabilities, alone.log_probabilities) << i;
    EXPECT_EQ(streamed[i], answers[i].text) << i;
  }
  EXPECT_EQ(answers[4].tokens.size(), 1u);
  EXPECT_EQ(answers[5].log_probabilities.size(), 9u);
  EXPECT_NE(answers[0].tokens, answers[3].tokens);
}

class Batch : public test::Published {};

TEST_F(Batch, AnswersAreAsAlone) {
  write(true, SaveType::kF32);
  expect_as_alone(Engine::load(folder, {.threads = 2}));
}

TEST_F(Batch, AnswersAreAsAloneInSmallerTypes) {
  write(true, SaveType::kF32);
  const auto lean = folder.parent_path() / (folder.filename().string() + "-lean");
  for (const char* type : {"q4_0", "bf16"}) {
    ConvertOptions options;
    options.type = type;
    convert_model(folder, lean, options);
    expect_as_alone(Engine::load(lean, {.threads = 2, .dtype = "bf16"}));
    std::filesystem::remove_all(lean);
  }
}

TEST_F(Batch, ThePromptThatIsCutSaysSo) {
  write(true, SaveType::kF32);
  const Engine engine = Engine::load(folder, {.threads = 1});
  const Memory memory = engine.listen(noise("one", 1));
  AnswerOptions options;
  options.max_new_tokens = 2;
  std::string lengthy;
  for (int i = 0; i < 600; ++i) lengthy += "why " + std::to_string(i) + " ";
  const auto answers = engine.answer_all(
      {engine.question(memory, "why?", options), engine.question(memory, lengthy, options)});
  EXPECT_EQ(answers[0].prompt_tokens_cut, 0);
  EXPECT_GT(answers[1].prompt_tokens_cut, 0);
  ASSERT_FALSE(answers[1].warnings.empty());
  EXPECT_EQ(answers[1].warnings[0], "prompt_cut");
}

TEST_F(Batch, ValuesThatAreNoNumbersEndTheAnswer) {
  write(true, SaveType::kF32);
  const ModelFolder model = load_model_folder(folder, {});
  GrammarCache grammars;
  for (const float bad : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    AnswerWriter writer(model, grammars, 3, {}, {});
    torch::Tensor logits = torch::zeros({1, model.tokenizer.size()});
    if (bad < 0)
      logits.fill_(bad);
    else
      logits[0][5] = bad;
    try {
      writer.take(logits);
      FAIL() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kModel);
    }
  }
}

}  // namespace
}  // namespace af2
