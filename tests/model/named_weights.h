// Tensor values as a function of their name: the same lines as tests/oracle/named_weights.py.
//
// Element i of tensor NAME is u = SplitMix64(FNV-1a-64(NAME) + i), its top 24 bits as a number in [-1, 1),
// scaled by the tensor's role, which is read from name and shape. So goldens need no weight files. Thread
// rule: pure.
//
//   Htsat tower(clap, audio);
//   fill_named(*tower, "htsat/patch/");
#pragma once

#include <torch/torch.h>

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include "af2/core/random.h"
#include "af2/model/weights.h"

namespace af2::test {

// Element `i` of the stream `name`: a multiple of 2^-23 in [-1, 1).
inline double uniform_at(std::uint64_t name_hash, std::uint64_t i) {
  std::uint64_t z = name_hash + i + 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  z = z ^ (z >> 31);
  return static_cast<double>(z >> 40) * 0x1p-23 - 1.0;
}

// Float32 tensor of `shape` whose element i is value(u_i).
template <class Value>
torch::Tensor make_uniform(const std::string& name, at::IntArrayRef shape, Value value) {
  torch::Tensor out = torch::empty(shape);
  float* data = out.data_ptr<float>();
  const std::uint64_t hash = fnv1a64(name);
  for (std::int64_t i = 0; i < out.numel(); ++i)
    data[i] = static_cast<float>(value(uniform_at(hash, static_cast<std::uint64_t>(i))));
  return out;
}

inline torch::Tensor uniform(const std::string& name, at::IntArrayRef shape) {
  return make_uniform(name, shape, [](double u) { return u; });
}

// A weight or buffer.
inline torch::Tensor named(const std::string& name, at::IntArrayRef shape) {
  const auto make = [&](auto value) { return make_uniform(name, shape, value); };
  if (name.ends_with("bn0.running_mean")) return make([](double u) { return -30 + 5 * u; });  // of decibels
  if (name.ends_with("bn0.running_var")) return make([](double u) { return 200 * (1 + 0.5 * std::abs(u)); });
  if (name.ends_with("running_mean")) return make([](double u) { return 0.1 * u; });
  if (name.ends_with("running_var")) return make([](double u) { return 1 + 0.5 * std::abs(u); });
  if (name.ends_with("_gate")) return make([](double u) { return 0.5 + 0.1 * u; });
  if (name.ends_with("relative_position_bias_table")) return make([](double u) { return 0.5 * u; });
  if (name.ends_with("embed_tokens.weight") || name.ends_with("added_embeddings"))
    return make([](double u) { return u; });
  if (shape.size() >= 2) {
    const double less = name.ends_with("SelfAttention.q.weight") ? 8 : 1;  // T5 does not scale q.k
    std::int64_t fan_in = 1;
    for (std::size_t i = 1; i < shape.size(); ++i) fan_in *= shape[i];
    const double scale = 1.5 / std::sqrt(static_cast<double>(fan_in)) / less;
    return make([scale](double u) { return u * scale; });
  }
  if (name.ends_with("weight")) return make([](double u) { return 1 + 0.1 * u; });
  return make([](double u) { return 0.1 * u; });
}

// Every parameter and stored buffer of a module, named `prefix` + its own name.
inline void fill_named(const torch::nn::Module& module, const std::string& prefix) {
  torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : stored_tensors(module)) tensor.copy_(named(prefix + name, tensor.sizes()));
}

// A log-mel input [N, F, M]: -30 dB plus or minus 20, with slow structure along time.
inline torch::Tensor mel_like(const std::string& name, std::int64_t n, std::int64_t frames,
                              std::int64_t mels) {
  const torch::Tensor slow = 10 * uniform(name + "/slow", {n, 1, mels}).to(torch::kFloat64);
  const torch::Tensor wave = (torch::arange(frames, torch::kFloat64) * 0.05).cos().view({1, frames, 1});
  const torch::Tensor noise = uniform(name, {n, frames, mels}).to(torch::kFloat64);
  return (-30 + 10 * noise + slow * wave).to(torch::kFloat32);
}

// Waveforms [N, samples]: two tones per row and noise, peak below 1.
inline torch::Tensor sound_like(const std::string& name, std::int64_t n, std::int64_t samples) {
  const torch::Tensor t = torch::arange(samples, torch::kFloat64) / 16000;
  std::vector<torch::Tensor> rows;
  for (std::int64_t r = 0; r < n; ++r) {
    const double turn = 2 * std::numbers::pi;
    const torch::Tensor tones = 0.3 * (turn * static_cast<double>(300 + 170 * r) * t).sin() +
                                0.2 * (turn * static_cast<double>(2500 - 211 * r) * t).sin();
    rows.push_back(tones + 0.1 * uniform(name + "/" + std::to_string(r), {samples}).to(torch::kFloat64));
  }
  return torch::stack(rows).to(torch::kFloat32);
}

// int64 token ids below `bound`.
inline torch::Tensor token_ids(const std::string& name, at::IntArrayRef shape, std::int64_t bound) {
  const auto half = static_cast<double>(bound) * 0.5;
  const torch::Tensor u = uniform(name, shape).to(torch::kFloat64);
  return ((u + 1) * half).floor().to(torch::kInt64);
}

}  // namespace af2::test
