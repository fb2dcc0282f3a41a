// Checkpoints of Audio Flamingo 2 and of what it is made of, in every layout they come in, as one set of
// tensors with one name each.
//
// Layouts (docs/spec/model.md section 9): the published folder (safe_ckpt/metadata.json beside chunks), a
// checkpoint_N.pt of the training code, an AF-CLAP .pt, a Hugging Face folder of a Qwen2 or Llama model. The
// names given out are those of the published code's modules in their shortest spelling, as in
// af2/model/af2_model.h: "lang_encoder.model.layers.0.self_attn.q_proj.weight",
// "lang_encoder.gated_cross_attn_layers_sound.0.attn.to_q.weight",
// "audio_transformer_clap.layer_norm.weight", "clap.nvclap.bn0.weight". Bytes stay in the mapped files. Not
// for af2's own model folders (af2/generate), nor for making a network of it (af2/model). Thread rule:
// constant after open.
//
//   CheckpointFiles files = CheckpointFiles::open("audio-flamingo-2");
//   const TensorView* gate = files.find("lang_encoder.gated_cross_attn_layers_sound.0.attn_gate");
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "af2/io/tensor_view.h"

namespace af2 {

enum class CheckpointLayout { kPublished, kTrainingCode, kClap, kHuggingFace };
// "published folder", "training checkpoint" … for messages.
std::string_view layout_name(CheckpointLayout layout);

// What layout `path` is of, told by what lies there; nothing when it is none of them. Reads names only.
std::optional<CheckpointLayout> checkpoint_layout(const std::filesystem::path& path);

// The shortest spelling of a tensor's name in the published code: "module." and the wrappers of its decoder
// layers fall away, "clap.afclap." becomes "clap.nvclap.". Equal names are one tensor.
std::string canonical_name(std::string_view name, CheckpointLayout layout);

class CheckpointFiles {
 public:
  // Throws kUser when `path` is of no known layout, kData when files cannot be opened, kModel for damaged
  // ones, missing chunks, and two spellings of one tensor that differ in type, shape or bytes (the first and
  // last 64 KiB are compared).
  static CheckpointFiles open(const std::filesystem::path& path);

  CheckpointLayout layout() const { return layout_; }
  const std::filesystem::path& path() const { return path_; }
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  const TensorView* find(std::string_view name) const;  // null when absent
  // Throws kModel naming the tensor and the checkpoint; -1 allows any size there.
  const TensorView& get(std::string_view name, std::span<const std::int64_t> shape) const;
  // The files that hold them, with those of fill_from.
  const std::vector<std::filesystem::path>& weight_files() const { return weight_files_; }
  // How many tensors the files hold under a second or third name.
  int n_duplicates() const { return n_duplicates_; }
  // Takes from `base` what is missing here: everything that these files have wins.
  void fill_from(const CheckpointFiles& base);

 private:
  void add(std::string_view name, const TensorView& tensor);
  void add_safetensors(const std::filesystem::path& path);
  void add_published();
  void add_torch();

  CheckpointLayout layout_ = CheckpointLayout::kPublished;
  std::filesystem::path path_;
  std::vector<std::shared_ptr<const void>> owners_;  // readers that hold the mapped files
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::vector<std::filesystem::path> weight_files_;
  int n_duplicates_ = 0;
};

}  // namespace af2
