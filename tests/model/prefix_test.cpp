// A clip's tokens before the text (conditioning prefix): with a cache, in batches, token by token, placed,
// and at the end of the language model's context, always what one forward of everything gives.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>

#include "af2/generate/beams.h"
#include "af2/model/decode_step.h"
#include "af2/model/placed_step.h"
#include "af2/model/placement.h"
#include "architecture_testing.h"

namespace af2 {
namespace {

constexpr double kSame = 1e-5;
constexpr const char* kPrefix = R"({"conditioning": "prefix"})";

class Prefix : public ::testing::Test {
 protected:
  static torch::Tensor memory(const std::string& name, int64_t b, int64_t s) {
    return test::uniform("prefix/" + name, {b, s, 64});
  }
  static torch::Tensor text(const std::string& name, int64_t b, int64_t t) {
    return test::token_ids("prefix/" + name, {b, t}, test::kTinyVocabulary + 4);
  }
  // What the clip's tokens and the text give, by the layers alone.
  torch::Tensor by_hand(const torch::Tensor& heard, const torch::Tensor& ids) {
    auto& language = *model->lang_encoder;
    auto& decoder = *language.model;
    const auto& adapter = *language.prefix_adapter;
    const torch::Tensor inner =
        torch::gelu(torch::linear(torch::layer_norm(heard, {64}, adapter.norm->weight, adapter.norm->bias),
                                  adapter.fc1->weight, adapter.fc1->bias));
    const torch::Tensor before = torch::linear(inner, adapter.fc2->weight, adapter.fc2->bias);
    torch::Tensor x = torch::cat({before, decoder.embed(ids)}, 1);
    const LmConfig& lm = model->config.lm;
    const RotaryTable table = rotary_table(0, x.size(1), lm.head_dim, lm.rope_theta, torch::kCPU);
    for (std::size_t i = 0; i < decoder.layers->size(); ++i)
      x = decoder.layers->ptr(i)->as<DecoderLayer>()->forward(x, table, nullptr, i);
    return decoder.norm->forward(x).slice(1, heard.size(1));
  }

  const torch::NoGradGuard no_grad;
  Af2Model model = test::six_layer_model(kPrefix);
};

TEST_F(Prefix, StandsBeforeTheText) {
  const torch::Tensor heard = memory("one", 2, 32), ids = text("one", 2, 9);
  const torch::Tensor got = model->forward(ids, model->listen(heard, {}));
  ASSERT_EQ(got.sizes(), (std::vector<int64_t>{2, 9, 32}));
  EXPECT_LT(test::max_error(got, by_hand(heard, ids)), kSame);
  EXPECT_GT(test::max_error(got, model->forward(ids, {})), 1e-2) << "the clip counts";
  EXPECT_GT(test::max_error(got, model->forward(ids, model->listen(heard.flip(1), {}))), 1e-2)
      << "and the order of its tokens";
}

TEST_F(Prefix, CachedPiecesEqualTheWhole) {
  const AudioContext audio = model->listen(memory("one", 1, 32), {});
  const torch::Tensor ids = text("pieces", 1, 120), whole = model->forward(ids, audio);
  KvCache cache;
  int64_t at = 0;
  for (const int64_t piece : {6, 1, 5, 1, 1, 50, 1, 55}) {
    const torch::Tensor part = model->forward(ids.narrow(1, at, piece), audio, &cache);
    ASSERT_EQ(part.size(1), piece);
    EXPECT_LT(test::max_error(part, whole.narrow(1, at, piece)), kSame) << at;
    at += piece;
    EXPECT_EQ(cache.length, 32 + at);
  }
}

TEST_F(Prefix, RowsOfABatchAreEachAsAlone) {
  const torch::Tensor heard = memory("three", 3, 32), ids = text("three", 3, 11);
  const AudioContext all = model->listen(heard, {});
  KvCache cache;
  const torch::Tensor together = model->forward(ids, all, &cache);
  for (int64_t i = 0; i < 3; ++i) {
    const AudioContext one = model->listen(heard.narrow(0, i, 1), {});
    EXPECT_LT(test::max_error(together.narrow(0, i, 1), model->forward(ids.narrow(0, i, 1), one)), kSame);
  }
  // Several texts about one clip, and clips picked for texts.
  const AudioContext second = model->listen(heard.narrow(0, 1, 1), {}),
                     picked = all.rows(torch::tensor({1, 1, 1}));
  EXPECT_LT(test::max_error(model->forward(ids, second), model->forward(ids, picked)), kSame);
  EXPECT_LT(test::max_error(model->forward(ids, picked).narrow(0, 1, 1), together.narrow(0, 1, 1)), kSame);
}

// Rows of different length, one with a hole; what is masked is full of numbers that would be seen.
TEST_F(Prefix, PaddingIsNotThere) {
  torch::Tensor tokens = memory("padded", 4, 48);
  torch::Tensor mask = torch::ones({4, 48}, torch::kInt64);
  mask[1].narrow(0, 16, 32).zero_();
  mask[2].narrow(0, 32, 16).zero_();
  mask[3].narrow(0, 16, 16).zero_();
  tokens = tokens.masked_fill((mask == 0).unsqueeze(-1), 50.0);
  const torch::Tensor ids = text("padded", 4, 7);
  const AudioContext audio = model->listen(model->remember(tokens, mask), mask);
  const torch::Tensor together = model->forward(ids, audio);
  for (int64_t i = 0; i < 3; ++i) {
    const int64_t n = mask[i].sum().item<int64_t>();
    const torch::Tensor alone = model->remember(tokens.narrow(0, i, 1).narrow(1, 0, n), {});
    EXPECT_LT(test::max_error(together.narrow(0, i, 1),
                              model->forward(ids.narrow(0, i, 1), model->listen(alone, {}))),
              kSame)
        << i;
  }
  const torch::Tensor last = model->remember(tokens, mask)[3];
  const torch::Tensor joined = torch::cat({last.narrow(0, 0, 16), last.narrow(0, 32, 16)}).unsqueeze(0);
  EXPECT_LT(test::max_error(together.narrow(0, 3, 1),
                            model->forward(ids.narrow(0, 3, 1), model->listen(joined, {}))),
            kSame);
  // With a cache: rows of one length alone.
  KvCache cache, other;
  test::expect_error(ErrorKind::kInternal, {"several lengths"}, [&] { model->forward(ids, audio, &cache); });
  const torch::Tensor two = torch::tensor({2, 3});
  const torch::Tensor cached = model->forward(ids.index_select(0, two), audio.rows(two), &other);
  EXPECT_LT(test::max_error(cached, together.index_select(0, two)), kSame);
  EXPECT_EQ(other.length, 32 + 7);
}

TEST_F(Prefix, MaskedTokensGetNoGradient) {
  const torch::AutoGradMode grad(true);
  torch::Tensor heard = memory("gradient", 2, 32).requires_grad_(true);
  torch::Tensor mask = torch::ones({2, 32}, torch::kInt64);
  mask[1].narrow(0, 20, 12).zero_();
  model->forward(text("gradient", 2, 5), model->listen(heard, mask)).square().sum().backward();
  EXPECT_EQ(heard.grad()[1].narrow(0, 20, 12).abs().max().item<float>(), 0);
  EXPECT_GT(heard.grad()[1].narrow(0, 0, 20).abs().sum(1).min().item<float>(), 0);
  EXPECT_GT(heard.grad()[0].abs().sum(1).min().item<float>(), 0);
}

TEST_F(Prefix, OneTokenAtATimeIsTheForward) {
  ASSERT_TRUE(DecodeStep::fits(*model));
  const torch::Tensor ids = text("steps", 3, 90);
  std::vector<AudioContext> audio;
  std::vector<KvCache> together(3), alone(3), whole(3);
  for (int64_t i = 0; i < 3; ++i) {
    audio.push_back(model->listen(memory("steps", 1, 16 * (i + 1)), {}));
    for (auto* caches : {&together, &alone, &whole})
      model->forward(ids.narrow(0, i, 1).narrow(1, 0, 3 + i), audio.back(), &(*caches)[i]);
  }
  DecodeStep step(*model), other(*model);
  double worst = 0;
  for (int64_t at = 5; at < 85; ++at) {
    std::vector<NextToken> next;
    for (int64_t i = 0; i < 3; ++i) next.push_back({ids[i][at].item<int64_t>(), &audio[i], &together[i]});
    const torch::Tensor all = step(next);
    for (int64_t i = 0; i < 3; ++i) {
      const torch::Tensor want = model->forward(ids.narrow(0, i, 1).narrow(1, at, 1), audio[i], &whole[i]);
      worst = std::max(worst, test::max_error(all.narrow(0, i, 1), want));
      ASSERT_TRUE(torch::equal(all[i], other({{next[i].id, &audio[i], &alone[i]}})[0])) << i << " " << at;
    }
  }
  EXPECT_LT(worst, 1e-4);
  EXPECT_EQ(together[2].length, whole[2].length);
  KvCache empty;
  test::expect_error(ErrorKind::kInternal, {"prefix"}, [&] { step({{1, &audio[0], &empty}}); });
}

TEST_F(Prefix, BeamsGoOnBehindIt) {
  const AudioContext audio = model->listen(memory("beams", 1, 32), {});
  const std::vector<int> prompt = {3, 70, 12};
  const BeamAnswer one = beam_search(*model, audio, prompt, {}, {1, 6, true});
  test::expect_likeliest(*model, audio, prompt, one.tokens);
  const BeamAnswer found = beam_search(*model, audio, prompt, {}, {4, 6, true});
  ASSERT_EQ(found.tokens.size(), 6u);
  std::vector<int64_t> ids(prompt.begin(), prompt.end());
  ids.insert(ids.end(), found.tokens.begin(), found.tokens.end());
  const torch::Tensor log_p =
      model->logits(model->forward(torch::tensor(ids).unsqueeze(0), audio))[0].log_softmax(-1);
  double sum = 0;
  for (std::size_t i = 0; i < 6; ++i)
    sum += log_p[static_cast<int64_t>(i) + 2][found.tokens[i]].item<double>();
  EXPECT_NEAR(found.score, sum / 6, 1e-4);
}

// The first layers, or all, as they would be on a GPU.
TEST_F(Prefix, ComputesTheSameWhereItIsPlaced) {
  const torch::Tensor heard = memory("placed", 2, 32), ids = text("placed", 2, 9);
  torch::Tensor mask = torch::ones({2, 32}, torch::kInt64);
  mask[1].narrow(0, 20, 12).zero_();
  const torch::Tensor want = model->forward(ids, model->listen(heard, mask));
  for (const int64_t layers : {0, 2, 6})
    for (const bool narrow : {false, true}) {
      Af2Model placed = test::six_layer_model(kPrefix);
      const Footprint needs = footprint(*placed, torch::kFloat32);
      place(*placed, torch::kCPU, narrow ? torch::kBFloat16 : torch::kFloat32, layers);
      EXPECT_TRUE(placed->lang_encoder->prefix_adapter->fc1->is_placed());
      EXPECT_EQ(DecodeStep::fits(*placed), layers == 0);
      const torch::Tensor have = placed->forward(ids, placed->listen(heard, mask));
      EXPECT_LT(test::relative_error(have.to(torch::kCPU), want), narrow ? 2e-2 : 1e-4) << layers;
      // Twelve windows of 16 tokens, 512 of prompt and 256 of answer in the cache of a layer.
      if (layers == 0 && !narrow) {
        std::int64_t bytes = 0;
        for (const auto& tensor : model->lang_encoder->model->layers->ptr(0)->parameters())
          bytes += static_cast<std::int64_t>(tensor.nbytes());
        EXPECT_EQ(needs.layers[0], bytes + 2 * 4 * (512 + 256 + 12 * 16) * 16);
      }
    }
}

TEST_F(Prefix, PlacedTokensFollowIt) {
  place(*model, torch::kCPU, torch::kFloat32, 6);
  ASSERT_TRUE(PlacedStep::fits(*model));
  const AudioContext audio = model->listen(memory("placed", 1, 32), {});
  const torch::Tensor ids = text("placed", 1, 20);
  KvCache cache, same;
  cache.reserve = same.reserve = 64;
  for (KvCache* each : {&cache, &same}) model->forward(ids, audio, each);
  PlacedStep step(*model, audio, cache);
  int n = 0;
  for (; step.has_room(); ++n) {
    const torch::Tensor want = model->logits(model->forward(torch::full({1, 1}, n), audio, &same))[0];
    EXPECT_LT(test::relative_error(step(n), want), 1e-5) << n;
  }
  EXPECT_EQ(n, 64 - 32 - 20);
}

// ---- the engine ------------------------------------------------------------------------------------------

AnswerOptions prefix_options(int most) {
  AnswerOptions options;
  options.max_new_tokens = most;
  options.ignore_eos = options.log_probabilities = true;
  return options;
}

TEST(PrefixEngine, BatchesAreEachAsAlone) {
  const test::ArchitectureFolder folder;
  folder.save(folder.fresh(kPrefix), "saved");
  for (const bool placed : {false, true}) {
    EngineOptions how{.threads = 1, .dtype = "f32"};
    how.cpu_as_gpu = placed;
    const Engine engine = Engine::load(folder.path("saved"), how);
    const Memory memories[] = {engine.listen(test::noise_clip("prefix/a", 1)),
                               engine.listen(test::noise_clip("prefix/b", 4)), engine.nothing()};
    std::vector<Question> questions;
    for (const char* prompt : {"what?", "and how many are there?"})
      for (const Memory& memory : memories)
        questions.push_back(engine.question(memory, prompt, prefix_options(24)));
    const std::vector<Answer> all = engine.answer_all(questions);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Answer one = engine.answer_tokens(questions[i].memory, questions[i].ids, prefix_options(24));
      EXPECT_EQ(all[i].tokens, one.tokens) << i;
      EXPECT_EQ(all[i].log_probabilities, one.log_probabilities) << i;
      for (std::size_t k = 0; k < i; ++k) EXPECT_NE(all[i].log_probabilities, all[k].log_probabilities);
    }
  }
}

TEST(PrefixEngine, ChoicesAreWhatTheForwardSays) {
  const test::ArchitectureFolder folder;
  folder.save(folder.fresh(R"({"conditioning": "prefix", "text": {"lead": ":"}})"), "saved");
  const Engine engine = Engine::load(folder.path("saved"), {.threads = 1});
  const Clip clip = test::noise_clip("prefix/a", 3);
  const Memory memory = engine.listen(clip);
  ModelFolder model = load_model_folder(folder.path("saved"), {});
  const torch::NoGradGuard no_grad;
  const AudioContext audio = model.network->listen(
      test::tensor_of(engine.feature(clip, FeatureLayer::kMemory, {})).unsqueeze(0), {});
  const std::vector<int> prompt = engine.prompt_ids("which?");
  std::vector<int> ids = model.tokenizer.encode("a band", false);
  ids.push_back(model.stop_ids.front());
  std::vector<int64_t> all(prompt.begin(), prompt.end());
  all.insert(all.end(), ids.begin(), ids.end());
  const torch::Tensor log_p =
      model.network->logits(model.network->forward(torch::tensor(all).unsqueeze(0), audio))[0].log_softmax(
          -1);
  double sum = 0;
  for (std::size_t i = 0; i < ids.size(); ++i)
    sum += log_p[static_cast<int64_t>(prompt.size() + i) - 1][ids[i]].item<double>();
  EXPECT_NEAR(engine.score(memory, "which?", "a band"), sum, 2e-3);
  const auto choices = engine.choose(memory, "which?", {"a band", "no"});
  const auto again = engine.choose(memory, "which?", {"no", "a band"});
  EXPECT_EQ(choices.size(), 2u);
  EXPECT_GT(choices[0].share, 0);
  EXPECT_EQ(again.size(), 2u);
}

// 60 positions: clips of two and of three windows leave room for an answer, a fourth does not.
TEST(PrefixEngine, TheContextHoldsClipPromptAndAnswer) {
  const test::ArchitectureFolder folder(60);
  folder.save(folder.fresh(kPrefix), "saved");
  const Engine engine = Engine::load(folder.path("saved"), {.threads = 1});
  const int prompt = static_cast<int>(engine.prompt_ids("what?").size());
  ASSERT_LT(prompt, 12);
  for (const auto& [seconds, windows] : {std::pair{2, 2}, std::pair{3, 3}}) {
    const Memory memory = engine.listen(test::noise_clip("prefix/long", seconds));
    for (const int beams : {1, 2}) {
      AnswerOptions options = prefix_options(100);
      options.beams = beams;
      options.log_probabilities = false;
      const Answer answer = engine.answer(memory, "what?", options);
      EXPECT_EQ(static_cast<int>(answer.tokens.size()), 60 - 16 * windows - prompt) << beams;
      EXPECT_EQ(answer.finish_reason, "length");
    }
  }
  const Memory longer = engine.listen(test::noise_clip("prefix/long", 4));
  for (const int beams : {1, 2}) {
    AnswerOptions options = prefix_options(4);
    options.beams = beams;
    options.log_probabilities = false;
    test::expect_error(
        ErrorKind::kUser,
        {"64 audio tokens", std::to_string(prompt) + " tokens of text", "60 (lm.context)", "prefix"},
        [&] { engine.answer(longer, "what?", options); });
  }
  const Memory memory = engine.listen(test::noise_clip("prefix/long", 3));
  test::expect_error(ErrorKind::kUser, {"lm.context"},
                     [&] { engine.score(memory, "what?", "an answer that is longer than the room"); });
}

}  // namespace
}  // namespace af2
