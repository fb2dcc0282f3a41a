// The network against docs/spec/model.md computed a second time (tests/oracle/make_model_goldens.py), with
// weights that are functions of their names.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "af2/model/af2_model.h"
#include "model_testing.h"
#include "named_weights.h"

namespace af2 {
namespace {

using test::golden;
using test::max_error;
using test::relative_error;

// Section 10: tower and audio transformer; logits.
constexpr double kParity = 1e-4;
constexpr double kLogits = 2e-3;

TEST(NamedWeights, AreTheSameAsInPython) {
  // u of named_weights.py: uniform("abc", 3).
  const torch::Tensor u = test::uniform("abc", {3});
  const float* data = u.data_ptr<float>();
  EXPECT_EQ(data[0], -0.6727547645568848f);
  EXPECT_EQ(data[1], 0.7445946931838989f);
  EXPECT_EQ(data[2], -0.3970799446105957f);
  EXPECT_EQ(test::token_ids("abc", {4}, 100).equal(torch::tensor({16, 87, 30, 64}, torch::kInt64)), true);
}

TEST(LogMel, SmallWindowsEqualTheFormulas) {
  AudioConfig config;
  config.n_mels = 32;
  const torch::Tensor mel = LogMel(config)(test::sound_like("logmel/tiny", 2, 8000));
  const torch::Tensor want = golden("logmel", "tiny");
  ASSERT_EQ(mel.sizes(), want.sizes());
  EXPECT_GE(((mel - want).abs() < 1e-3).to(torch::kFloat64).mean().item<double>(), 0.999);
}

TEST(LogMel, TenSecondsEqualTheFormulas) {
  const AudioConfig config;
  const torch::Tensor mel = LogMel(config)(test::sound_like("logmel/full", 1, 160000));
  ASSERT_EQ(mel.sizes(), (std::vector<int64_t>{1, 1001, 64}));
  const torch::Tensor places = test::token_ids("logmel/places", {200}, mel.numel());
  EXPECT_LT(max_error(mel.flatten().index_select(0, places), golden("logmel", "full_at_places")), 1e-3);
  EXPECT_LT(max_error(mel_filterbank(config).slice(0, 0, 513, 16), golden("logmel", "filters")), 1e-6);
}

TEST(LogMel, SilenceIsTheFloorAndFirstGenerationHasEmptyBands) {
  AudioConfig config;
  EXPECT_EQ(LogMel(config)(torch::zeros({1, 4000})).eq(-100).all().item<bool>(), true);
  config.f_max = 14000;  // section 12: the last 10 of 64 filters lie above 8 kHz
  const torch::Tensor mel = LogMel(config)(test::sound_like("logmel/full", 1, 4000));
  EXPECT_TRUE(mel.narrow(2, 54, 10).eq(-100).all().item<bool>());
  EXPECT_FALSE(mel.narrow(2, 53, 1).eq(-100).any().item<bool>());
}

torch::Tensor run_tower(const ClapConfig& clap, int n_mels, const std::string& name, int64_t n,
                        int64_t frames) {
  AudioConfig audio;
  audio.n_mels = n_mels;
  Htsat tower(clap, audio);
  test::fill_named(*tower, "htsat/" + name + "/");
  tower->eval();
  torch::NoGradGuard no_grad;
  return tower->forward(test::mel_like("htsat/" + name, n, frames, n_mels));
}

TEST(Htsat, PatchStemWithShiftedBlocks) {
  EXPECT_LT(
      relative_error(run_tower(test::tiny_patch_tower(), 32, "patch", 2, 126), golden("htsat", "patch")),
      kParity);
}

TEST(Htsat, WiderGrid) {
  ClapConfig clap = test::tiny_patch_tower();
  clap.spec_size = 128;
  EXPECT_LT(relative_error(run_tower(clap, 64, "wide", 1, 250), golden("htsat", "wide")), kParity);
}

TEST(Htsat, PublishedGeometryAndTokenOrder) {
  ClapConfig clap;  // 256 x 256, patch 4, window 8, four stages; narrow, and fewer blocks
  clap.embed_dim = 8, clap.depths = {2, 1, 1, 2}, clap.heads = {1, 2, 4, 4};
  const torch::Tensor tokens = run_tower(clap, 64, "published", 1, 1001), want = golden("htsat", "published");
  EXPECT_LT(relative_error(tokens, want), kParity);
  // The check sees the order: the grid's own order, rows before columns, is far off.
  const torch::Tensor grid_order = want.view({1, 2, 4, 8, 64}).permute({0, 2, 1, 3, 4}).reshape({1, 64, 64});
  EXPECT_GT(relative_error(tokens, grid_order), 0.1);
}

TEST(Htsat, ConvolutionalStem) {
  EXPECT_LT(relative_error(run_tower(test::tiny_stem_tower(), 32, "stem", 2, 126), golden("htsat", "stem")),
            kParity);
}

TEST(Htsat, StemWithPoolingItsOwnFramesAndProjection) {
  ClapConfig clap = test::tiny_stem_tower();
  clap.stem = {{8, 1, 2, 2}, {12, 2}, {20, 1, 2, 1}};
  clap.stem_frames = 64;
  clap.stem_input = "log1p";
  EXPECT_LT(relative_error(run_tower(clap, 32, "pooled", 2, 63), golden("htsat", "pooled")), kParity);
}

TEST(Htsat, WindowsOfABatchDoNotTouchEachOther) {
  AudioConfig audio = test::tiny_audio();
  for (const ClapConfig& clap : {test::tiny_patch_tower(), test::tiny_stem_tower()}) {
    Htsat tower(clap, audio);
    test::fill_named(*tower, "alone/");
    tower->eval();
    torch::NoGradGuard no_grad;
    const torch::Tensor mel = test::mel_like("alone", 3, 126, 32);
    const torch::Tensor all = tower->forward(mel);
    for (int64_t i = 0; i < 3; ++i)
      EXPECT_LT(relative_error(tower->forward(mel.narrow(0, i, 1)), all.narrow(0, i, 1)), 1e-5);
  }
}

torch::Tensor run_memory(const std::string& rotary, const torch::Tensor& tokens, const torch::Tensor& mask,
                         const std::string& weights = "memory/") {
  AudioTransformerConfig config;
  config.layers = 2, config.heads = 2, config.rotary = rotary;
  AudioTransformer transformer(tokens.size(2), config);
  test::fill_named(*transformer, weights);
  transformer->eval();
  torch::NoGradGuard no_grad;
  return transformer->forward(tokens, mask);
}

torch::Tensor ones_then_zeros(int64_t n, std::vector<int64_t> ones) {
  torch::Tensor mask = torch::zeros({static_cast<int64_t>(ones.size()), n}, torch::kInt64);
  for (std::size_t i = 0; i < ones.size(); ++i) mask[static_cast<int64_t>(i)].narrow(0, 0, ones[i]).fill_(1);
  return mask;
}

TEST(AudioTransformer, ThreeWindowsOneOfThemMissing) {
  const torch::Tensor tokens = test::uniform("memory/tokens", {2, 48, 128}),
                      mask = ones_then_zeros(48, {48, 32});
  const torch::Tensor memory = run_memory("on", tokens, mask);
  EXPECT_LT(relative_error(memory, golden("memory", "on")), kParity);
  // What stands in the missing window reaches no other.
  torch::Tensor other = tokens.clone();
  other[1].narrow(0, 32, 16).fill_(7);
  EXPECT_EQ(max_error(run_memory("on", other, mask)[1].narrow(0, 0, 32), memory[1].narrow(0, 0, 32)), 0);
}

TEST(AudioTransformer, OneWindowWithoutMask) {
  const torch::Tensor tokens = test::uniform("memory/tokens", {2, 48, 128}).narrow(1, 0, 16);
  EXPECT_LT(relative_error(run_memory("on", tokens, {}), golden("memory", "one_window")), kParity);
  // All ones and no mask are the same.
  EXPECT_EQ(max_error(run_memory("on", tokens, ones_then_zeros(16, {16, 16})), run_memory("on", tokens, {})),
            0);
}

TEST(AudioTransformer, TwelveAndThirtyWindowsTheLastOnePadding) {
  for (const int64_t windows : {12, 30}) {
    const std::string name = std::to_string(windows);
    const int64_t n = windows * 64;
    const torch::Tensor tokens = test::uniform("memory/long" + name, {1, n, 64});
    const torch::Tensor memory = run_memory("on", tokens, ones_then_zeros(n, {n - 64}), "memory/long/");
    EXPECT_LT(relative_error(memory.slice(1, 0, n, 301), golden("memory", "windows_" + name)), kParity)
        << name;
  }
}

TEST(AudioTransformer, RotationsOfTheTwoGenerations) {
  const torch::Tensor tokens = test::uniform("memory/tokens", {2, 48, 128}),
                      mask = ones_then_zeros(48, {48, 32});
  const torch::Tensor noop = run_memory("heads_noop", tokens, mask);
  EXPECT_LT(relative_error(noop.slice(1, 0, 48, 3), golden("memory", "heads_noop")), kParity);
  EXPECT_EQ(max_error(run_memory("off", tokens, mask), noop), 0);
  // Leaving the rotation out is seen.
  EXPECT_GT(relative_error(noop, golden("memory", "on")), 0.05);
}

TEST(CrossAttention, EqualsTheFormulas) {
  const torch::Tensor x = test::uniform("memory/x", {2, 7, 48}),
                      media = test::uniform("memory/media", {2, 24, 40});
  for (const auto& [name, ff_mult] : {std::pair{"4", 4.0}, std::pair{"1.5", 1.5}}) {
    XattnConfig config;
    config.heads = 3, config.dim_head = 16, config.ff_mult = ff_mult;
    GatedCrossAttention block(48, 40, config);
    test::fill_named(*block, std::string("xattn/") + name + "/");
    torch::NoGradGuard no_grad;
    const AudioKeyValues heard = block->attn->project(media);
    EXPECT_LT(relative_error(block->forward(x, heard, {}), golden("memory", std::string("xattn_") + name)),
              kParity);
    EXPECT_LT(relative_error(block->forward(x, heard, ones_then_zeros(24, {24, 16})),
                             golden("memory", std::string("xattn_") + name + "_masked")),
              kParity);
    block->attn_gate.zero_();
    block->ff_gate.zero_();
    EXPECT_EQ(max_error(block->forward(x, heard, {}), x), 0);
  }
}

torch::Tensor language_model_logits(const LmConfig& lm, const std::string& name) {
  Af2Config config = test::tiny_config(lm, test::tiny_patch_tower(), 1, 2);
  Af2Model model(config);
  test::fill_named(*model->lang_encoder->model, "lm/" + name + "/");
  model->eval();
  torch::NoGradGuard no_grad;
  return model->logits(model->forward(test::token_ids("lm/" + name, {2, 19}, lm.vocab + 4), {}));
}

TEST(Decoder, LlamaTied) {
  EXPECT_LT(max_error(language_model_logits(test::tiny_llama(), "llama"), golden("decoder", "llama")),
            kLogits);
}

TEST(Decoder, Qwen2WithBiasesUntied) {
  EXPECT_LT(max_error(language_model_logits(test::tiny_qwen2(), "qwen2"), golden("decoder", "qwen2")),
            kLogits);
}

struct HeardStages {
  torch::Tensor tokens, memory, logits;
};

// windows [B, W, samples], window_mask [B, W].
HeardStages run_whole(Af2Model& model, const torch::Tensor& windows, const torch::Tensor& window_mask,
                      const torch::Tensor& ids) {
  torch::NoGradGuard no_grad;
  const int64_t b = windows.size(0), w = windows.size(1);
  const torch::Tensor each = model->encode(windows.reshape({b * w, -1}));
  const torch::Tensor tokens = each.view({b, w * each.size(1), each.size(2)});
  const torch::Tensor mask = window_mask.repeat_interleave(each.size(1), 1);
  const torch::Tensor memory = model->remember(tokens, mask);
  return {tokens, memory, model->logits(model->forward(ids, model->listen(memory, mask)))};
}

struct WholeCase {
  std::string name;
  LmConfig lm;
  ClapConfig clap;
  int every;
  double ff_mult;
};

void PrintTo(const WholeCase& value, std::ostream* out) {
  *out << value.name;
}

class Whole : public ::testing::TestWithParam<WholeCase> {
 protected:
  Whole() : model(test::tiny_config(GetParam().lm, GetParam().clap, GetParam().every, GetParam().ff_mult)) {
    test::fill_named(*model, "whole/" + GetParam().name + "/");
    model->eval();
    windows = test::sound_like("whole", 6, 20000).view({2, 3, 20000});
    mask = ones_then_zeros(3, {3, 2});
    ids = test::token_ids("whole/" + GetParam().name, {2, 11}, GetParam().lm.vocab + 4);
  }
  Af2Model model;
  torch::Tensor windows, mask, ids;
};

TEST_P(Whole, EqualsTheFormulas) {
  const std::string name = GetParam().name;
  const HeardStages heard = run_whole(model, windows, mask, ids);
  const int64_t n = heard.tokens.size(1);
  EXPECT_LT(relative_error(heard.tokens.slice(1, 0, n, 4), golden("whole", name + "_tokens")), kParity);
  const torch::Tensor want = golden("whole", name + "_memory"), have = heard.memory.slice(1, 0, n, 4);
  EXPECT_LT(relative_error(have, want), kParity);
  const torch::Tensor logits = golden("whole", name + "_logits");
  EXPECT_LT(max_error(heard.logits, logits), kLogits);
  EXPECT_TRUE(heard.logits.argmax(-1).equal(logits.argmax(-1)));
}

TEST_P(Whole, SixtyFourGreedyTokensAreThoseOfTheFormulas) {
  torch::NoGradGuard no_grad;
  const torch::Tensor tokens = model->encode(windows[0].narrow(0, 0, 1));
  const AudioContext context = model->listen(model->remember(tokens, {}), {});
  const torch::Tensor want = golden("whole", GetParam().name + "_greedy").to(torch::kInt64);
  ASSERT_EQ(want.numel(), 64);
  KvCache cache;
  torch::Tensor text = ids.narrow(0, 0, 1), next = text;
  for (int64_t i = 0; i < 64; ++i) {
    torch::Tensor logits = model->logits(model->forward(next, context, &cache))[0][-1];
    const int64_t n = text.size(1), last = std::min<int64_t>(n, 16);  // none of the last 16 again
    logits.index_fill_(0, text[0].narrow(0, n - last, last), -std::numeric_limits<float>::infinity());
    next = logits.argmax().view({1, 1});
    ASSERT_EQ(next.item<int64_t>(), want[i].item<int64_t>()) << "token " << i;
    text = torch::cat({text, next}, 1);
  }
}

TEST_P(Whole, AMissingWindowChangesNothing) {
  const torch::Tensor logits = run_whole(model, windows, mask, ids).logits;
  torch::Tensor other = windows.clone();
  other[1][2] = test::sound_like("else", 1, 20000)[0];
  EXPECT_EQ(max_error(run_whole(model, other, mask, ids).logits, logits), 0);
  // Nor is it there at all.
  const HeardStages two =
      run_whole(model, windows.narrow(0, 1, 1).narrow(1, 0, 2), torch::ones({1, 2}), ids.narrow(0, 1, 1));
  EXPECT_LT(max_error(two.logits, logits.narrow(0, 1, 1)), 1e-4);
  // Where it counts, it is heard.
  EXPECT_GT(max_error(run_whole(model, other, torch::ones({2, 3}), ids).logits[1], logits[1]), 0.01);
}

TEST_P(Whole, TheRotationReachesTheLogits) {
  const torch::Tensor logits = run_whole(model, windows, mask, ids).logits;
  model->audio_transformer_clap->config.rotary = "off";
  EXPECT_GT(max_error(run_whole(model, windows, mask, ids).logits, logits), 10 * kLogits);
}

TEST_P(Whole, ClosedGatesAreTheLanguageModelAlone) {
  torch::NoGradGuard no_grad;
  const torch::Tensor alone = model->logits(model->forward(ids, {}));
  EXPECT_GT(max_error(run_whole(model, windows, mask, ids).logits, alone), 0.01);
  for (auto& item : model->named_parameters())
    if (item.key().ends_with("_gate")) item.value().zero_();
  EXPECT_EQ(max_error(run_whole(model, windows, mask, ids).logits, alone), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, Whole,
    ::testing::Values(WholeCase{"every", test::tiny_llama(), test::tiny_patch_tower(), 1, 2},
                      WholeCase{"second", test::tiny_qwen2(), test::tiny_stem_tower(), 2, 4}),
    [](const auto& item) { return item.param.name; });

TEST(CrossAttention, StandsBeforeEveryNthLayer) {
  const Af2Config config = test::tiny_config(test::tiny_llama(), test::tiny_patch_tower(), 2, 1);
  const Af2Model model(config);
  EXPECT_EQ(model->lang_encoder->xattn_before, std::vector<int64_t>{1});  // of layers 0, 1, 2
  const auto parameters = model->named_parameters();
  EXPECT_TRUE(parameters.contains("lang_encoder.gated_cross_attn_layers_sound.1.attn_gate"));
  EXPECT_FALSE(parameters.contains("lang_encoder.gated_cross_attn_layers_sound.0.attn_gate"));
  EXPECT_EQ(*parameters.find("lang_encoder.gated_cross_attn_layers_sound.1.attn_gate")->data_ptr<float>(), 0);
}

}  // namespace
}  // namespace af2
