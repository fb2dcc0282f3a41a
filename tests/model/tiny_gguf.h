// Tiny language models as GGUF files, from name-seeded weights: what a converter of Hugging Face folders
// writes.
//
// Llama files hold the rows of q and k in the order of interleaved rotary pairs, as llama.cpp stores them;
// Qwen2 files do not. Thread rule: pure.
//
//   const TinyGguf file = make_tiny_gguf(tiny_llama(), "lm/llama/", DType::kQ8_0);
//   file.write(path);                         file.values.at("layers.0.mlp.up_proj.weight");  // dequantised
#pragma once

#include <torch/torch.h>

#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "af2/io/gguf.h"
#include "af2/io/quant_blocks.h"
#include "af2/text/byte_alphabet.h"
#include "named_weights.h"

namespace af2::test {

struct TinyGguf {
  GgufMetadata metadata;
  std::vector<TensorView> views;
  std::map<std::string, torch::Tensor> values;  // by Hugging Face name, in its row order, dequantised

  void write(const std::filesystem::path& path) const { write_gguf(path, metadata, views); }

  // `name` of the file gets `tensor` in `dtype`; returns what a reader gets back.
  torch::Tensor add(const std::string& name, const torch::Tensor& tensor, DType dtype) {
    const torch::Tensor rows = tensor.contiguous();
    const std::vector<std::int64_t> shape = rows.sizes().vec();
    const auto n = static_cast<std::size_t>(rows.numel());
    auto& bytes = storage.emplace_back(static_cast<std::size_t>(checked_bytes(dtype, shape).value()));
    quantize(dtype, {rows.data_ptr<float>(), n}, bytes);
    views.push_back({name, dtype, shape, bytes});
    torch::Tensor back = torch::empty(shape);
    dequantize(dtype, bytes, {back.data_ptr<float>(), n});
    return back;
  }

  std::deque<std::vector<std::byte>> storage;
};

inline TinyGguf make_tiny_gguf(const LmConfig& lm, const std::string& prefix, DType matrices) {
  TinyGguf file;
  const std::string arch = lm.arch + ".";
  const auto u32 = [](int value) { return GgufValue(static_cast<std::uint32_t>(value)); };
  file.metadata = {{"general.architecture", lm.arch},
                   {arch + "block_count", u32(lm.n_layers)},
                   {arch + "context_length", u32(lm.context)},
                   {arch + "embedding_length", u32(lm.dim)},
                   {arch + "feed_forward_length", u32(lm.ffn_dim)},
                   {arch + "attention.head_count", u32(lm.n_heads)},
                   {arch + "attention.head_count_kv", u32(lm.n_kv_heads)},
                   {arch + "attention.key_length", u32(lm.head_dim)},
                   {arch + "rope.freq_base", static_cast<float>(lm.rope_theta)},
                   {arch + "attention.layer_norm_rms_epsilon", static_cast<float>(lm.rms_eps)}};
  const auto matrix = [&](const std::string& stored, const std::string& name, std::int64_t rows,
                          std::int64_t columns, std::int64_t heads = 0) {
    torch::Tensor w = named(prefix + name, {rows, columns});
    if (heads == 0) {
      file.values[name] = file.add(stored, w, matrices);
      return;
    }
    const std::int64_t half = rows / heads / 2;
    w = w.view({heads, 2, half, columns}).transpose(1, 2).reshape({rows, columns});
    file.values[name] = file.add(stored, w, matrices)
                            .view({heads, half, 2, columns})
                            .transpose(1, 2)
                            .reshape({rows, columns});
  };
  const auto vector = [&](const std::string& stored, const std::string& name, std::int64_t n) {
    file.values[name] = file.add(stored, named(prefix + name, {n}), DType::kF32);
  };
  const std::int64_t d = lm.dim, q = lm.n_heads * lm.head_dim, kv = lm.n_kv_heads * lm.head_dim;
  const bool llama = lm.arch == "llama";
  matrix("token_embd.weight", "embed_tokens.weight", lm.vocab, d);
  vector("output_norm.weight", "norm.weight", d);
  if (!lm.tied) matrix("output.weight", "lm_head.weight", lm.vocab, d);
  for (int i = 0; i < lm.n_layers; ++i) {
    const std::string to = "blk." + std::to_string(i) + ".", from = "layers." + std::to_string(i) + ".";
    vector(to + "attn_norm.weight", from + "input_layernorm.weight", d);
    vector(to + "ffn_norm.weight", from + "post_attention_layernorm.weight", d);
    matrix(to + "attn_q.weight", from + "self_attn.q_proj.weight", q, d, llama ? lm.n_heads : 0);
    matrix(to + "attn_k.weight", from + "self_attn.k_proj.weight", kv, d, llama ? lm.n_kv_heads : 0);
    matrix(to + "attn_v.weight", from + "self_attn.v_proj.weight", kv, d);
    matrix(to + "attn_output.weight", from + "self_attn.o_proj.weight", d, q);
    matrix(to + "ffn_gate.weight", from + "mlp.gate_proj.weight", lm.ffn_dim, d);
    matrix(to + "ffn_up.weight", from + "mlp.up_proj.weight", lm.ffn_dim, d);
    matrix(to + "ffn_down.weight", from + "mlp.down_proj.weight", d, lm.ffn_dim);
    if (llama) continue;
    vector(to + "attn_q.bias", from + "self_attn.q_proj.bias", q);
    vector(to + "attn_k.bias", from + "self_attn.k_proj.bias", kv);
    vector(to + "attn_v.bias", from + "self_attn.v_proj.bias", kv);
  }
  return file;
}

// A byte-level vocabulary of 256 bytes, a few merges and `<|endoftext|>`: 261 tokens.
inline constexpr int kTinyVocabulary = 261;
inline void add_tiny_tokenizer(TinyGguf& file) {
  std::vector<std::string> tokens;
  for (const char32_t c : byte_alphabet()) {
    if (c < 0x80)
      tokens.push_back(std::string(1, static_cast<char>(c)));
    else
      tokens.push_back({static_cast<char>(0xc0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3f))});
  }
  const std::string space = "\u0120";
  const std::vector<std::string> merges = {"a n", "o u", space + " a", "n d"};
  for (const char* merged : {"an", "ou", "\u0120a", "nd", "<|endoftext|>"}) tokens.push_back(merged);
  std::vector<std::int32_t> types(tokens.size(), 1);
  types.back() = 3;
  file.metadata.emplace_back("tokenizer.ggml.model", std::string("gpt2"));
  file.metadata.emplace_back("tokenizer.ggml.pre", std::string("smollm"));
  file.metadata.emplace_back("tokenizer.ggml.tokens", tokens);
  file.metadata.emplace_back("tokenizer.ggml.token_type", types);
  file.metadata.emplace_back("tokenizer.ggml.merges", merges);
}

}  // namespace af2::test
