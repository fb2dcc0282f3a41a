// AF-CLAP against docs/spec/model.md sections 2-4 computed a second time (tests/oracle/make_clap_goldens.py).
#include "af2/model/clap.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <ATen/Parallel.h>

#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/generate/clap_engine.h"
#include "af2/generate/clap_folder.h"
#include "model_testing.h"
#include "named_weights.h"

namespace af2 {
namespace {

using test::golden;
using test::max_error;
using test::relative_error;

constexpr double kRelative = 1e-4;  // section 10
constexpr int kJoint = 24;

ClapModelConfig tiny_clap() {
  ClapModelConfig config;
  config.audio = test::tiny_audio();
  config.audio.window_seconds = 0.5;
  config.tower = test::tiny_patch_tower();
  config.tower.fusion = true;
  config.text.vocab = 200, config.text.layers = 3, config.text.dim = 48, config.text.heads = 3;
  config.text.dim_head = 16, config.text.ffn_dim = 40;
  config.joint_dim = kJoint;
  config.check("test");
  return config;
}

ClapModel named_clap(const ClapModelConfig& config) {
  ClapModel clap(config);
  test::fill_named(*clap, "clap/");
  clap->eval();
  return clap;
}

std::vector<float> sound(const std::string& name, std::int64_t n) {
  const torch::Tensor x = test::sound_like("clap/" + name, 1, n);
  return {x.data_ptr<float>(), x.data_ptr<float>() + n};
}

std::vector<int> text_ids(const std::string& name, std::int64_t n) {
  if (n == 0) return {};
  const torch::Tensor ids = test::token_ids("clap/text/" + name, {n}, 200);
  return {ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + n};
}

torch::Tensor fused(const ClapConfig& tower, int n_mels, const std::string& name, std::int64_t frames) {
  AudioConfig audio;
  audio.n_mels = n_mels;
  Htsat network(tower, audio);
  test::fill_named(*network, "htsat/" + name + "/");
  network->eval();
  torch::NoGradGuard no_grad;
  return network->forward_fused(test::mel_like("htsat/" + name, 4, frames, n_mels).unsqueeze(0));
}

TEST(Fusion, TowerEqualsTheFormulas) {
  ClapConfig tower = test::tiny_patch_tower();
  tower.fusion = true;
  const torch::Tensor want = golden("clap", "fused");
  EXPECT_LT(relative_error(fused(tower, 32, "fused", 126), want), kRelative);
  // The crops count: without them the tokens are others.
  AudioConfig audio;
  audio.n_mels = 32;
  Htsat network(tower, audio);
  test::fill_named(*network, "htsat/fused/");
  network->eval();
  torch::NoGradGuard no_grad;
  const torch::Tensor mel = test::mel_like("htsat/fused", 4, 126, 32).narrow(0, 0, 1);
  EXPECT_GT(relative_error(network->forward(mel), want), 0.01);
}

TEST(Fusion, PublishedGeometry) {
  ClapConfig tower;
  tower.embed_dim = 8, tower.depths = {2, 1, 1, 2}, tower.heads = {1, 2, 4, 4};
  tower.fusion = true;
  EXPECT_LT(relative_error(fused(tower, 64, "fused_published", 1001), golden("clap", "fused_published")),
            kRelative);
}

TEST(Fusion, BelongsToThePatchProjection) {
  ClapModelConfig config = tiny_clap();
  config.tower = test::tiny_stem_tower();
  config.tower.fusion = true;
  test::expect_error(ErrorKind::kUser, {"clap.fusion", "stem"}, [&] { config.check("c.json"); });
  Htsat plain(test::tiny_patch_tower(), test::tiny_audio());
  test::expect_error(ErrorKind::kInternal, {"fusion"}, [&] {
    plain->forward_fused(torch::zeros({1, 4, 126, 32}));
  });
}

class ClipLength : public ::testing::TestWithParam<std::pair<const char*, int>> {};

TEST_P(ClipLength, FeaturesTowerAndVectorEqualTheFormulas) {
  const auto [name, n] = GetParam();
  const ClapModelConfig config = tiny_clap();
  const ClapFeatures features(config.audio);
  const ClapMel mel = features(sound(name, n), {});
  EXPECT_EQ(mel.longer, n > 8159);
  EXPECT_EQ(mel.channels.size(0), mel.longer ? 4 : 1);
  if (n < 1'000'000) {
    const torch::Tensor want = golden("clap", std::string("mel/") + name);
    ASSERT_EQ(mel.channels.sizes(), want.sizes());
    EXPECT_GE(((mel.channels - want).abs() < 1e-3).to(torch::kFloat64).mean().item<double>(), 0.999);
  }
  ClapModel clap = named_clap(config);
  torch::NoGradGuard no_grad;
  EXPECT_LT(relative_error(clap->audio_tokens(mel), golden("clap", std::string("tokens/") + name)),
            kRelative);
  const torch::Tensor vector = clap->embed_audio(mel);
  EXPECT_LT(relative_error(vector, golden("clap", std::string("audio/") + name)), kRelative);
  EXPECT_NEAR(vector.norm().item<double>(), 1, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Clap, ClipLength,
                         ::testing::Values(std::pair("short", 3000), std::pair("window", 8000),
                                           std::pair("barely", 8100), std::pair("long", 30001),
                                           std::pair("hour", 1'600'000)),
                         [](const auto& tested) { return tested.param.first; });

TEST(CropStarts, AreTheMiddleOfEachThirdOrDrawnFromIt) {
  // 8 places: parts 0-2, 3-5, 6-7.
  EXPECT_EQ(crop_starts(58, 51, {}), (std::array<std::int64_t, 3>{1, 4, 7}));
  // 2 places: the third part is empty and begins at 0; as numpy.array_split.
  EXPECT_EQ(crop_starts(52, 51, {}), (std::array<std::int64_t, 3>{0, 1, 0}));
  std::set<std::array<std::int64_t, 3>> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto starts = crop_starts(1050, 51, seed);
    EXPECT_EQ(starts, crop_starts(1050, 51, seed));
    for (int part = 0; part < 3; ++part) {
      EXPECT_GE(starts[part], part == 0 ? 0 : part == 1 ? 334 : 667);
      EXPECT_LT(starts[part], part == 0 ? 334 : part == 1 ? 667 : 1000);
    }
    seen.insert(starts);
  }
  EXPECT_GT(seen.size(), 45u);
}

TEST(T5, PositionBucketsAreThoseOfTransformers) {
  const torch::Tensor buckets = t5_position_buckets(201, 32, 128), want = golden("clap", "buckets");
  // want[d + 200] is the bucket of a key that lies d after its query.
  EXPECT_TRUE(buckets[0].to(torch::kFloat32).equal(want.slice(0, 200, 401)));
  EXPECT_TRUE(buckets[200].to(torch::kFloat32).equal(want.slice(0, 0, 201)));
}

TEST(T5, TextVectorsEqualTransformers) {
  ClapModel clap = named_clap(tiny_clap());
  ClapModelConfig other = tiny_clap();
  other.text.pooling = "text";
  ClapModel text_only = named_clap(other);
  torch::NoGradGuard no_grad;
  const std::pair<const char*, int> texts[] = {{"empty", 0}, {"few", 7}, {"full", 76}, {"cut", 120}};
  for (const auto& [name, n] : texts) {
    const std::vector<int> ids = text_ids(name, n);
    EXPECT_EQ(clap_tokens({ids}, clap->config.text).cut, n > 76);
    EXPECT_LT(relative_error(clap->embed_text(ids), golden("clap", std::string("text/") + name)), kRelative);
    EXPECT_LT(relative_error(text_only->embed_text(ids), golden("clap", std::string("text_only/") + name)),
              kRelative);
  }
  // The mean over all positions is another than that over the text.
  EXPECT_GT(relative_error(golden("clap", "text/few"), golden("clap", "text_only/few")), 0.01);
  test::expect_error(ErrorKind::kModel, {"200"}, [&] { clap->embed_text({3, 200}); });
}

// Means weighted by P1(x) = x and P2(x) = (3 x^2 - 1) / 2 of each token's place, in plain loops.
TEST(TextTower, TurnsTellTheOrderOfWords) {
  ClapModelConfig config = tiny_clap();
  config.text.turns = 2;
  test::expect_error(ErrorKind::kUser, {"text.turns", "pooling"}, [&] { config.check("test"); });
  config.text.pooling = "text";
  config.check("test");
  ClapModel clap = named_clap(config);
  torch::NoGradGuard no_grad;
  const std::vector<std::vector<int>> texts = {text_ids("one", 5), text_ids("two", 9), {}};
  const torch::Tensor together = clap->text_pooled(texts);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const ClapTokens tokens = clap_tokens({texts[i]}, config.text);
    const torch::Tensor hidden = clap->text_branch->forward(tokens.ids, tokens.mask)[0];  // [T, D]
    const auto n = hidden.size(0);
    torch::Tensor want = torch::zeros({config.text.dim}, torch::kFloat64);
    for (std::int64_t t = 0; t < n; ++t) {
      const double x = (static_cast<double>(t) + 0.5) * 2 / static_cast<double>(n) - 1;
      const double weights[] = {x, (3 * x * x - 1) / 2};
      torch::Tensor sum = hidden[t].to(torch::kFloat64);
      for (std::size_t k = 0; k < 2; ++k) {
        const torch::Tensor map = clap->text_turns->ptr(k)->as<Linear>()->weight.to(torch::kFloat64);
        sum = sum + map.mv(hidden[t].to(torch::kFloat64)) * weights[k];
      }
      want += sum / static_cast<double>(n);
    }
    EXPECT_LT(relative_error(clap->text_pooled(texts[i]), want.to(torch::kFloat32)), 1e-5) << i;
    EXPECT_LT(relative_error(together[static_cast<std::int64_t>(i)], want.to(torch::kFloat32)), 1e-5) << i;
  }
}

TEST(Clap, VectorsDoNotDependOnNeighboursOrThreads) {
  ClapModel clap = named_clap(tiny_clap());
  const ClapFeatures features(clap->config.audio);
  torch::NoGradGuard no_grad;
  const ClapMel one = features(sound("long", 30001), {});
  const torch::Tensor vector = clap->embed_audio(one), text = clap->embed_text(text_ids("few", 7));
  const torch::Tensor pooled = clap->audio_pooled(one).unsqueeze(0);
  for (const std::int64_t n : {1, 3, 17, 64})
    EXPECT_TRUE(clap->project_audio(pooled.expand({n, -1}))[n - 1].equal(vector)) << n;
  const int before = at::get_num_threads();
  for (const int threads : {1, 2, 3, 4}) {
    at::set_num_threads(threads);
    EXPECT_TRUE(clap->embed_audio(features(sound("long", 30001), {})).equal(vector)) << threads;
    EXPECT_TRUE(clap->embed_text(text_ids("few", 7)).equal(text)) << threads;
  }
  at::set_num_threads(before);
}

TEST(Clap, OddClips) {
  ClapModel clap = named_clap(tiny_clap());
  const ClapFeatures features(clap->config.audio);
  torch::NoGradGuard no_grad;
  for (const std::size_t n : {1u, 160u, 8160u, 100'000u}) {
    const std::vector<float> silence(n, 0.0f);
    EXPECT_TRUE(clap->embed_audio(features(silence, {})).isfinite().all().item<bool>()) << n;
  }
  test::expect_error(ErrorKind::kData, {"no samples"}, [&] { features({}, {}); });
  std::vector<float> bad(20000, 0.1f);
  bad[19999] = std::nanf("");
  test::expect_error(ErrorKind::kData, {"no numbers"}, [&] { features(bad, {}); });
}

class ClapFiles : public ::testing::Test {
 protected:
  ClapFiles() : unigram_(std::filesystem::path(AF2_SOURCE_DIR) / "tests/data/text/unigram.model") {}
  void SetUp() override {
#ifndef AF2_WITH_SENTENCEPIECE
    GTEST_SKIP() << "this build has no SentencePiece";
#endif
  }

  std::filesystem::path save(const ClapModelConfig& config, const std::string& name = "clap") {
    ClapModel clap = named_clap(config);
    const std::filesystem::path folder = scratch_.path() / name;
    save_clap_folder(folder, config, *clap, unigram_, SaveType::kF32);
    return folder;
  }

  test::Scratch scratch_;
  std::filesystem::path unigram_;
};

TEST_F(ClapFiles, ComeBackAsTheyWere) {
  const ClapModelConfig config = tiny_clap();
  const std::filesystem::path folder = save(config, "model/clap");
  // A model folder's clap is found too.
  const ClapEngine engine = ClapEngine::load((scratch_.path() / "model").string(), {});
  ClapModel clap = named_clap(config);
  torch::NoGradGuard no_grad;
  const std::vector<float> samples = sound("long", 30001);
  const torch::Tensor want = clap->embed_audio(ClapFeatures(config.audio)(samples, {}));
  const Vector vector = engine.audio(samples);
  EXPECT_TRUE(torch::tensor(vector).equal(want));
  EXPECT_NEAR(cosine(vector, vector), 1, 1e-6);
  const torch::Tensor words = clap->embed_text(engine.tokens("a dog barks"));
  EXPECT_TRUE(torch::tensor(engine.text("a dog barks")).equal(words));
  EXPECT_NE(engine.text("a bell"), engine.text("a dog"));
  EXPECT_FALSE(engine.text_is_cut("a dog barks"));
  std::string much;
  for (int i = 0; i < 60; ++i) much += "a bell and a dog ";
  EXPECT_TRUE(engine.text_is_cut(much));
  const std::vector<std::string> many = {"a bell", "", much, "rain", "a dog", "x", "a b", "bell", "a bell"};
  const auto together = engine.texts(many);
  ASSERT_EQ(together.size(), many.size());
  for (std::size_t i = 0; i < many.size(); ++i) EXPECT_EQ(together[i], engine.text(many[i])) << many[i];
  EXPECT_NEAR(engine.logit_scale(), std::exp(clap->logit_scale_a.item<double>()), 1e-9);

  ClapEngineOptions drawn;
  drawn.crop_seed = 3;
  const ClapEngine random = ClapEngine::load(folder.string(), drawn);
  EXPECT_NE(random.audio(samples), vector);
  EXPECT_EQ(random.audio(samples), random.audio(samples));
}

TEST_F(ClapFiles, StretchesCoverAllOfAClip) {
  const ClapEngine engine = ClapEngine::load(save(tiny_clap()).string(), {});
  const auto at = [&](std::int64_t n, double window, double hop) {
    std::vector<std::pair<double, double>> found;
    for (const auto& s : engine.stretches(sound("long", n), window, hop))
      found.emplace_back(std::round(s.start_s * 1e6) / 1e6, std::round(s.end_s * 1e6) / 1e6);
    return found;
  };
  using Spans = std::vector<std::pair<double, double>>;
  EXPECT_EQ(at(16000, 0.5, 0.25), (Spans{{0, 0.5}, {0.25, 0.75}, {0.5, 1}}));
  EXPECT_EQ(at(17600, 0.5, 0.25), (Spans{{0, 0.5}, {0.25, 0.75}, {0.5, 1}, {0.6, 1.1}}));
  EXPECT_EQ(at(4800, 0.5, 0.25), (Spans{{0, 0.3}}));
  EXPECT_EQ(at(16000, 0.25, 0.5), (Spans{{0, 0.25}, {0.5, 0.75}, {0.75, 1}}));
  // A stretch is what it is as a clip of its own.
  const std::vector<float> samples = sound("long", 16000);
  const auto found = engine.stretches(samples, 0.5, 0.25);
  EXPECT_EQ(found[1].vector, engine.audio(std::span(samples).subspan(4000, 8000)));
  std::vector<std::span<const float>> parts;
  for (std::size_t i = 0; i < 11; ++i) parts.push_back(std::span(samples).subspan(i * 700, 8000 - i * 300));
  const auto together = engine.windows(parts);
  ASSERT_EQ(together.size(), parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) EXPECT_EQ(together[i], engine.audio(parts[i])) << i;
  test::expect_error(ErrorKind::kUser, {"--window"}, [&] { engine.stretches(samples, 0.6, 0.1); });
  test::expect_error(ErrorKind::kUser, {"--hop"}, [&] { engine.stretches(samples, 0.5, 0); });
}

TEST_F(ClapFiles, ThreadsDoNotChangeABit) {
  ClapModelConfig config = tiny_clap();
  config.text.ffn_dim = 1408;  // 77 rows of it are parted among threads in the middle of a vector
  const ClapEngine engine = ClapEngine::load(save(config).string(), {});
  const std::vector<float> samples = sound("long", 40000);
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const Vector text = engine.text("a bell and a dog"), clip = engine.audio(samples);
  for (const int threads : {2, 3, 5, 16}) {
    at::set_num_threads(threads);
    EXPECT_EQ(engine.text("a bell and a dog"), text) << threads;
    EXPECT_EQ(engine.audio(samples), clip) << threads;
  }
  at::set_num_threads(before);
}

TEST_F(ClapFiles, WithoutTheFusionPathWindowsAreAveraged) {
  ClapModelConfig config = tiny_clap();
  config.tower.fusion = false;
  const ClapEngine engine = ClapEngine::load(save(config).string(), {});
  ClapModel clap = named_clap(config);
  torch::NoGradGuard no_grad;
  const std::vector<float> samples = sound("long", 20000);
  const ClapFeatures features(config.audio);
  const auto pooled = [&](std::size_t first, std::size_t n) {
    return clap->audio_pooled({features.window(std::span(samples).subspan(first, n)), false});
  };
  const torch::Tensor mean = 0.4 * pooled(0, 8000) + 0.4 * pooled(8000, 8000) + 0.2 * pooled(16000, 4000);
  EXPECT_LT(max_error(torch::tensor(engine.audio(samples)), clap->project_audio(mean.unsqueeze(0))[0]), 1e-6);
}

TEST_F(ClapFiles, BadFoldersAreRefusedByName) {
  const std::filesystem::path folder = save(tiny_clap());
  std::filesystem::create_directory(scratch_ / "empty");
  test::expect_error(ErrorKind::kUser, {"no AF-CLAP"}, [&] { find_clap((scratch_ / "empty").string()); });
  std::filesystem::rename(folder / "spiece.model", folder / "elsewhere");
  test::expect_error(ErrorKind::kUser, {"spiece.model", "missing"}, [&] { load_clap_folder(folder, {}); });
  write_file_atomic(folder / "spiece.model", "no such thing");
  test::expect_error(ErrorKind::kData, {"SentencePiece"}, [&] { load_clap_folder(folder, {}); });
  std::filesystem::rename(folder / "elsewhere", folder / "spiece.model");
  ClapModelConfig config = tiny_clap();
  config.text.layers = 4;
  write_file_atomic(folder / "config.json", to_json(config).dump());
  test::expect_error(ErrorKind::kModel, {"text_branch.encoder.block.3", "model.safetensors"},
                     [&] { load_clap_folder(folder, {}); });
  config = tiny_clap();
  config.text.vocab = 20, config.text.pad_id = 0;
  write_file_atomic(folder / "config.json", to_json(config).dump());
  test::expect_error(ErrorKind::kModel, {"rows", "spiece.model"}, [&] { load_clap_folder(folder, {}); });
}

TEST(TextTower, TheSizeOfALanguageModelsRowsDoesNotMatter) {
  ClapModelConfig config = tiny_clap();
  config.text.lm = "lm.gguf", config.text.lm_dim = 32, config.text.pooling = "text";
  ClapModel clap = named_clap(config);
  torch::NoGradGuard no_grad;
  const torch::Tensor rows = test::sound_like("clap/rows", config.text.vocab, config.text.lm_dim);
  const auto heard = [&](double times) {
    const torch::Tensor scaled = (rows * times).contiguous();
    const std::span<const std::byte> bytes(static_cast<const std::byte*>(scaled.data_ptr()),
                                           static_cast<std::size_t>(scaled.nbytes()));
    const TensorView view{"token_embd.weight", DType::kF32, {config.text.vocab, config.text.lm_dim}, bytes};
    clap->text_branch->set_token_rows(std::make_shared<QMatrix>(view));
    return clap->text_pooled(text_ids("rows", 6));
  };
  const torch::Tensor plain = heard(1);
  EXPECT_LT(relative_error(heard(30), plain), 1e-3);
  EXPECT_TRUE(torch::equal(heard(1), plain));
  EXPECT_GT(relative_error(heard(-1), plain), 0.1);
}

}  // namespace
}  // namespace af2
