// Helpers of the model tests: goldens, distances, tiny sizes, a scratch folder, caught errors.
//
// Thread rule: one test at a time.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <functional>
#include <ostream>
#include <string>

#include "../scratch.h"
#include "af2/core/error.h"
#include "af2/io/safetensors.h"
#include "af2/model/af2_config.h"
#include "af2/model/weights.h"

namespace af2 {

inline void PrintTo(const LmConfig& lm, std::ostream* out) {
  *out << lm.arch;
}

}  // namespace af2

namespace af2::test {

// One tensor of tests/data/model/FILE.safetensors.
inline torch::Tensor golden(const std::string& file, const std::string& name) {
  const std::filesystem::path folder = std::filesystem::path(AF2_SOURCE_DIR) / "tests/data/model";
  return read_tensor(SafeTensors::open(folder / (file + ".safetensors")), name);
}

// |a - b| / |b| over all elements.
inline double relative_error(const torch::Tensor& a, const torch::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  const torch::Tensor wide = b.detach().to(torch::kFloat64);
  return ((a.detach().to(torch::kFloat64) - wide).norm() / wide.norm()).item<double>();
}

inline double max_error(const torch::Tensor& a, const torch::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a.detach() - b.detach()).abs().max().item<double>();
}

// The sizes that the oracle calls LLAMA and QWEN2.
inline LmConfig tiny_llama() {
  LmConfig lm;
  lm.arch = "llama";
  lm.n_layers = 3, lm.dim = 64, lm.n_heads = 4, lm.n_kv_heads = 2, lm.head_dim = 16, lm.ffn_dim = 96;
  lm.vocab = 80, lm.context = 256, lm.rope_theta = 10000, lm.rms_eps = 1e-5, lm.tied = true;
  return lm;
}
inline LmConfig tiny_qwen2() {
  LmConfig lm;
  lm.arch = "qwen2";
  lm.n_layers = 2, lm.dim = 96, lm.n_heads = 6, lm.n_kv_heads = 2, lm.head_dim = 16, lm.ffn_dim = 64;
  lm.vocab = 75, lm.context = 256, lm.rope_theta = 1e6, lm.rms_eps = 1e-6, lm.tied = false;
  return lm;
}

// And PATCH and STEM, on windows of 1.25 s and 32 mel bands.
inline ClapConfig tiny_patch_tower() {
  ClapConfig clap;
  clap.embed_dim = 16, clap.depths = {2, 2, 2}, clap.heads = {2, 4, 4};
  clap.spec_size = 64, clap.patch = 4, clap.window = 4;
  return clap;
}
inline ClapConfig tiny_stem_tower() {
  ClapConfig clap;
  clap.embed_dim = 16, clap.depths = {1, 2}, clap.heads = {2, 4};
  clap.spec_size = 64, clap.patch = 8, clap.window = 4;
  clap.stem = {{8, 2}, {12, 1}, {12, 2}, {16, 2}};
  return clap;
}
inline AudioConfig tiny_audio() {
  AudioConfig audio;
  audio.window_seconds = 1.25;
  audio.n_mels = 32;
  return audio;
}

inline Af2Config tiny_config(const LmConfig& lm, const ClapConfig& clap, int every, double ff_mult) {
  Af2Config config;
  config.lm = lm;
  config.clap = clap;
  config.audio = tiny_audio();
  config.audio_transformer.layers = 2;
  config.audio_transformer.heads = 1;
  config.xattn.every = every;
  config.xattn.ff_mult = ff_mult;
  config.xattn.heads = 2;
  config.xattn.dim_head = 16;
  config.check("test");
  return config;
}

// The error that `body` throws must be of this kind and hold all words; returns its text.
inline std::string expect_error(ErrorKind kind, const std::vector<std::string>& words,
                                const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(error.kind(), kind) << text;
    for (const auto& word : words) EXPECT_NE(text.find(word), std::string::npos) << word << " in: " << text;
    return text;
  }
  ADD_FAILURE() << "no error";
  return "";
}

}  // namespace af2::test
