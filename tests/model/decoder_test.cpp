// The decoder step by step, and language models from GGUF files: float32, and low-bit as they lie.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "af2/generate/model_folder.h"
#include "af2/model/af2_model.h"
#include "af2/model/lm_gguf.h"
#include "model_testing.h"
#include "named_weights.h"
#include "tiny_gguf.h"

namespace af2 {
namespace {

using test::max_error;

struct Heard {
  AudioContext context;
  torch::Tensor ids;
};

Af2Model make_model(const LmConfig& lm, int every) {
  Af2Model model(test::tiny_config(lm, test::tiny_patch_tower(), every, 2));
  test::fill_named(*model, "cache/");
  model->eval();
  return model;
}

Heard make_clip(Af2Model& model, int64_t length) {
  torch::NoGradGuard no_grad;
  const torch::Tensor memory = test::uniform("cache/memory", {2, 48, 64});
  torch::Tensor mask = torch::ones({2, 48}, torch::kInt64);
  mask[1].narrow(0, 32, 16).zero_();
  return {model->listen(memory, mask), test::token_ids("cache/ids", {2, length}, model->config.lm.vocab + 4)};
}

// Logits of `ids` handed over in pieces of the given lengths; the last length repeats.
torch::Tensor in_pieces(Af2Model& model, const Heard& clip, const std::vector<int64_t>& lengths) {
  torch::NoGradGuard no_grad;
  KvCache cache;
  std::vector<torch::Tensor> parts;
  std::size_t piece = 0;
  for (int64_t at = 0; at < clip.ids.size(1);) {
    const int64_t n = std::min(lengths[std::min(piece++, lengths.size() - 1)], clip.ids.size(1) - at);
    parts.push_back(model->logits(model->forward(clip.ids.narrow(1, at, n), clip.context, &cache)));
    at += n;
    EXPECT_EQ(cache.length, at);
  }
  return torch::cat(parts, 1);
}

TEST(KvCache, PiecesAndSingleTokensEqualTheWhole) {
  for (const auto& [lm, every] : {std::pair{test::tiny_llama(), 1}, std::pair{test::tiny_qwen2(), 2}}) {
    Af2Model model = make_model(lm, every);
    const Heard clip = make_clip(model, 150);
    torch::NoGradGuard no_grad;
    const torch::Tensor whole = model->logits(model->forward(clip.ids, clip.context));
    // Pieces that end inside, at and beyond the cache's steps of 64; then token by token past two doublings.
    for (const auto& lengths :
         std::vector<std::vector<int64_t>>{{150}, {5, 1, 58, 1, 1, 63, 7}, {64, 64, 22}, {9, 1}, {1}})
      EXPECT_LT(max_error(in_pieces(model, clip, lengths), whole), 1e-4)
          << lm.arch << " " << ::testing::PrintToString(lengths);
    // And the text before counts: the last token alone is something else.
    const torch::Tensor last = model->logits(model->forward(clip.ids.narrow(1, 149, 1), clip.context));
    EXPECT_GT(max_error(last, whole.narrow(1, 149, 1)), 0.1);
  }
}

TEST(KvCache, RightPaddingDoesNotReachEarlierPositions) {
  Af2Model model = make_model(test::tiny_llama(), 1);
  const Heard clip = make_clip(model, 20);
  torch::NoGradGuard no_grad;
  const torch::Tensor whole = model->logits(model->forward(clip.ids, clip.context));
  torch::Tensor padded = clip.ids.clone();
  padded.narrow(1, 12, 8).fill_(3);
  const torch::Tensor other = model->logits(model->forward(padded, clip.context));
  EXPECT_EQ(max_error(other.narrow(1, 0, 12), whole.narrow(1, 0, 12)), 0);
}

torch::Tensor decoder_logits(Decoder& decoder, const torch::Tensor& ids) {
  torch::NoGradGuard no_grad;
  const LmConfig& lm = decoder->config;
  const RotaryTable table = rotary_table(0, ids.size(1), lm.head_dim, lm.rope_theta, torch::kCPU);
  torch::Tensor x = decoder->embed(ids);
  for (std::size_t i = 0; i < decoder->layers->size(); ++i)
    x = decoder->layers->ptr(i)->as<DecoderLayer>()->forward(x, table, nullptr, i);
  return decoder->logits(decoder->norm->forward(x));
}

class GgufModel : public ::testing::TestWithParam<LmConfig> {
 protected:
  // A decoder whose added rows are those of the oracle.
  Decoder make_decoder(const std::string& prefix) {
    Decoder decoder(GetParam(), 4);
    torch::NoGradGuard no_grad;
    decoder->added_embeddings.copy_(
        test::named(prefix + "added_embeddings", decoder->added_embeddings.sizes()));
    return decoder;
  }
  torch::Tensor ids() const {
    return test::token_ids("lm/" + GetParam().arch, {2, 19}, GetParam().vocab + 4);
  }
  std::string prefix() const { return "lm/" + GetParam().arch + "/"; }
  test::Scratch scratch;
};

TEST_P(GgufModel, FloatFileGivesTheLogitsOfTransformers) {
  test::make_tiny_gguf(GetParam(), prefix(), DType::kF32).write(scratch / "lm.gguf");
  const Gguf file = Gguf::open(scratch / "lm.gguf");
  Decoder decoder = make_decoder(prefix());
  load_decoder(file, *decoder, MatrixForm::kFloat32);
  const torch::Tensor want = test::golden("decoder", GetParam().arch);
  EXPECT_LT(max_error(decoder_logits(decoder, ids()), want), 2e-3);
  if (GetParam().arch != "llama") return;
  // Taken as they lie, q and k would give other logits.
  torch::NoGradGuard no_grad;
  for (int i = 0; i < GetParam().n_layers; ++i) {
    auto& attention = *decoder->layers->ptr(i)->as<DecoderLayer>()->self_attn;
    const std::string name = "blk." + std::to_string(i) + ".attn_q.weight";
    const std::vector<float> stored = to_float(file.get(name));
    attention.q_proj->weight.copy_(torch::tensor(stored).view(attention.q_proj->weight.sizes()));
  }
  EXPECT_GT(max_error(decoder_logits(decoder, ids()), want), 0.1);
}

TEST_P(GgufModel, SizesComeFromTheMetadata) {
  test::make_tiny_gguf(GetParam(), prefix(), DType::kF16).write(scratch / "lm.gguf");
  const LmConfig read = lm_config_from_gguf(Gguf::open(scratch / "lm.gguf")), &want = GetParam();
  EXPECT_EQ(read.arch, want.arch);
  EXPECT_EQ(read.n_layers, want.n_layers);
  EXPECT_EQ(read.dim, want.dim);
  EXPECT_EQ(read.n_heads, want.n_heads);
  EXPECT_EQ(read.n_kv_heads, want.n_kv_heads);
  EXPECT_EQ(read.head_dim, want.head_dim);
  EXPECT_EQ(read.ffn_dim, want.ffn_dim);
  EXPECT_EQ(read.vocab, want.vocab);
  EXPECT_EQ(read.context, want.context);
  EXPECT_EQ(read.tied, want.tied);
  EXPECT_FLOAT_EQ(static_cast<float>(read.rope_theta), static_cast<float>(want.rope_theta));
  EXPECT_FLOAT_EQ(static_cast<float>(read.rms_eps), static_cast<float>(want.rms_eps));
}

TEST_P(GgufModel, LowBitEqualsFloat32OfTheSameWeights) {
  for (const DType type : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_1, DType::kF16, DType::kBF16}) {
    const test::TinyGguf made = test::make_tiny_gguf(GetParam(), prefix(), type);
    made.write(scratch / "lm.gguf");
    const Gguf file = Gguf::open(scratch / "lm.gguf");
    Decoder low = make_decoder(prefix()), wide = make_decoder(prefix()), direct = make_decoder(prefix());
    load_decoder(file, *low, MatrixForm::kMapped);
    load_decoder(file, *wide, MatrixForm::kFloat32);
    EXPECT_TRUE(low->embed_tokens->is_low_bit());
    EXPECT_TRUE(low->layers->ptr(0)->as<DecoderLayer>()->self_attn->q_proj->is_low_bit());
    EXPECT_FALSE(wide->embed_tokens->is_low_bit());
    // Loaded as float32 the weights are exactly the dequantised ones in Hugging Face's order.
    std::size_t compared = 0;
    for (const auto& item : wide->named_parameters()) {
      if (item.key() == "added_embeddings") continue;
      EXPECT_TRUE(item.value().equal(made.values.at(item.key()))) << item.key() << " " << dtype_name(type);
      ++compared;
    }
    EXPECT_EQ(compared, made.values.size());
    {
      torch::NoGradGuard no_grad;
      for (auto& item : direct->named_parameters())
        if (item.key() != "added_embeddings") item.value().copy_(made.values.at(item.key()));
    }
    const torch::Tensor want = decoder_logits(direct, ids());
    EXPECT_LT(max_error(decoder_logits(wide, ids()), want), 1e-6) << dtype_name(type);
    EXPECT_LT(max_error(decoder_logits(low, ids()), want), 1e-4) << dtype_name(type);
    // A single position goes through QMatrix, which may round activations to 16 bits.
    const torch::Tensor first = want.narrow(1, 0, 1);
    const double rounding = PackedRows::usable(type) ? 1e-4 * first.abs().max().item<double>() : 1e-4;
    EXPECT_LT(max_error(decoder_logits(low, ids().narrow(1, 0, 1)), first), rounding) << dtype_name(type);
  }
}

TEST_P(GgufModel, BrokenFilesAreRefusedByName) {
  const test::TinyGguf whole = test::make_tiny_gguf(GetParam(), prefix(), DType::kF16);
  const auto load = [&](const test::TinyGguf& broken) {
    broken.write(scratch / "broken.gguf");
    const Gguf file = Gguf::open(scratch / "broken.gguf");
    Decoder decoder = make_decoder(prefix());
    load_decoder(file, *decoder, MatrixForm::kMapped);
  };
  test::TinyGguf broken = whole;
  std::erase_if(broken.views, [](const TensorView& view) { return view.name == "blk.1.ffn_up.weight"; });
  test::expect_error(ErrorKind::kModel, {"blk.1.ffn_up.weight", "broken.gguf"}, [&] { load(broken); });

  broken = whole;
  for (TensorView& view : broken.views)
    if (view.name == "blk.0.attn_v.weight") std::swap(view.shape[0], view.shape[1]);
  test::expect_error(ErrorKind::kModel, {"blk.0.attn_v.weight", "broken.gguf"}, [&] { load(broken); });

  broken = whole;
  broken.metadata[0].second = std::string("gpt2");
  broken.write(scratch / "broken.gguf");
  test::expect_error(ErrorKind::kModel, {"gpt2", "broken.gguf"},
                     [&] { lm_config_from_gguf(Gguf::open(scratch / "broken.gguf")); });

  broken = whole;
  std::erase_if(broken.metadata, [&](const auto& item) { return item.first.ends_with("block_count"); });
  broken.write(scratch / "broken.gguf");
  test::expect_error(ErrorKind::kModel, {"block_count"},
                     [&] { lm_config_from_gguf(Gguf::open(scratch / "broken.gguf")); });
}

// The language model that the shipped mini uses, as it lies on disk: it must speak sense, which wrong rotary
// pairs (Llama files store q and k rows permuted) or a wrong tokenizer would end.
TEST(ShippedLanguageModel, KnowsTheCapitalOfFrance) {
  const std::filesystem::path folder = std::filesystem::path(AF2_SOURCE_DIR) / "models/mini";
  if (!std::filesystem::exists(folder / "lm.gguf"))
    GTEST_SKIP() << "models/mini/lm.gguf is not there: make setup";
  const torch::NoGradGuard no_grad;
  std::vector<int> written[2];
  for (const bool low_bit : {true, false}) {
    ModelFolder model = load_model_folder(folder, {.low_bit_lm = low_bit, .adapters = false});
    std::vector<int> ids = model.tokenizer.encode("The capital of France is");
    KvCache cache;
    auto& out = written[low_bit];
    torch::Tensor next = torch::tensor(std::vector<int64_t>(ids.begin(), ids.end())).unsqueeze(0);
    for (int n = 0; n < 6; ++n) {
      const torch::Tensor hidden = model.network->forward(next, {}, &cache);
      out.push_back(model.network->logits(hidden.select(1, -1)).argmax().item<int>());
      next = torch::tensor({int64_t{out.back()}}).unsqueeze(0);
    }
    EXPECT_NE(model.tokenizer.decode(out).find("Paris"), std::string::npos) << model.tokenizer.decode(out);
  }
  EXPECT_EQ(written[0], written[1]);
}

INSTANTIATE_TEST_SUITE_P(Sizes, GgufModel, ::testing::Values(test::tiny_llama(), test::tiny_qwen2()),
                         [](const auto& item) { return item.param.arch; });

}  // namespace
}  // namespace af2
