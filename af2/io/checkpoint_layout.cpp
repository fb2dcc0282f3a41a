#include "af2/io/checkpoint_layout.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/core/text_util.h"
#include "af2/io/safetensors.h"
#include "af2/io/torch_zip.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kCompared = 64 * 1024;  // bytes at either end of two spellings of one tensor
constexpr const char* kChunks = "safe_ckpt";
constexpr const char* kMetadata = "metadata.json";

// The folder that holds metadata.json and the chunks: `path` itself or its safe_ckpt.
std::optional<fs::path> chunk_folder(const fs::path& path) {
  for (const fs::path& folder : {path / kChunks, path})
    if (fs::is_regular_file(folder / kMetadata)) return folder;
  return std::nullopt;
}

bool is_torch_file(const fs::path& path) {
  const std::string extension = path.extension().string();
  return fs::is_regular_file(path) && (extension == ".pt" || extension == ".pth" || extension == ".ckpt");
}

constexpr std::string_view kTrainingPrefix = "model_state_dict.", kClapPrefix = "state_dict.";

// True where `name` begins with `prefix`, which is then taken off.
bool take_prefix(std::string_view& name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  return true;
}

// "12.rest" -> "12" and `name` becomes "rest"; empty when no number stands there.
std::string_view take_number(std::string_view& name) {
  std::size_t n = 0;
  while (n < name.size() && std::isdigit(static_cast<unsigned char>(name[n]))) ++n;
  if (n == 0 || n == name.size() || name[n] != '.') return {};
  const std::string_view number = name.substr(0, n);
  name.remove_prefix(n + 1);
  return number;
}

// The decoder's layers under the wrapper that holds a layer beside its cross-attention, and their second
// list.
std::string language_name(std::string_view name) {
  std::string_view rest = name;
  const bool old_list = take_prefix(rest, "old_decoder_blocks.");
  if (old_list || take_prefix(rest, "model.layers.")) {
    const std::string_view layer = take_number(rest);
    if (!layer.empty()) {
      const std::string number(layer);
      if (take_prefix(rest, "gated_cross_attn_layer_sound."))
        return "gated_cross_attn_layers_sound." + number + "." + std::string(rest);
      take_prefix(rest, "decoder_layer.");
      return "model.layers." + number + "." + std::string(rest);
    }
  }
  return std::string(name);
}

bool same_bytes(const TensorView& a, const TensorView& b) {
  if (a.bytes.data() == b.bytes.data()) return true;
  const std::size_t n = std::min(kCompared, a.bytes.size());
  return std::equal(a.bytes.begin(), a.bytes.begin() + static_cast<std::ptrdiff_t>(n), b.bytes.begin()) &&
         std::equal(a.bytes.end() - static_cast<std::ptrdiff_t>(n), a.bytes.end(),
                    b.bytes.end() - static_cast<std::ptrdiff_t>(n));
}

}  // namespace

std::string_view layout_name(CheckpointLayout layout) {
  constexpr std::array<std::string_view, 4> kNames = {"published folder", "training checkpoint",
                                                      "AF-CLAP checkpoint", "Hugging Face folder"};
  return kNames[static_cast<std::size_t>(layout)];
}

std::optional<CheckpointLayout> checkpoint_layout(const fs::path& path) {
  if (fs::is_directory(path)) {
    if (chunk_folder(path)) return CheckpointLayout::kPublished;
    if (!fs::is_regular_file(path / "config.json")) return std::nullopt;
    const Json config = parse_json(read_file(path / "config.json"), (path / "config.json").string());
    return config.is_object() && config.contains("model_type") ? std::optional(CheckpointLayout::kHuggingFace)
                                                               : std::nullopt;
  }
  if (!is_torch_file(path)) return std::nullopt;
  const TorchZip file = TorchZip::open(path);
  for (const auto& [name, tensor] : file.tensors()) {
    if (name.starts_with(kTrainingPrefix)) return CheckpointLayout::kTrainingCode;
    if (name.starts_with(kClapPrefix)) return CheckpointLayout::kClap;
  }
  return std::nullopt;
}

std::string canonical_name(std::string_view name, CheckpointLayout layout) {
  take_prefix(name, "module.");
  switch (layout) {
    case CheckpointLayout::kHuggingFace:
      return "lang_encoder." + std::string(name);
    case CheckpointLayout::kClap:
      return take_prefix(name, "audio_branch.") ? "clap.nvclap." + std::string(name)
                                                : "clap." + std::string(name);
    case CheckpointLayout::kPublished:
    case CheckpointLayout::kTrainingCode:
      break;
  }
  if (take_prefix(name, "lang_encoder.")) return "lang_encoder." + language_name(name);
  if (take_prefix(name, "clap.afclap.")) return "clap.nvclap." + std::string(name);
  return std::string(name);
}

void CheckpointFiles::add(std::string_view name, const TensorView& tensor) {
  TensorView view = tensor;
  view.name = canonical_name(name, layout_);
  const auto [place, added] = tensors_.emplace(view.name, view);
  if (added) return;
  const TensorView& first = place->second;
  if (first.dtype != view.dtype || first.shape != view.shape || !same_bytes(first, view))
    throw model_error(
        "holds " + view.name + " twice, with different values (once as " + std::string(name) + ")",
        path_.string(), "get the checkpoint again, or remove one of the two");
  ++n_duplicates_;
}

void CheckpointFiles::add_safetensors(const fs::path& path) {
  auto file = std::make_shared<SafeTensors>(SafeTensors::open(path));
  if (!fs::is_directory(path))
    weight_files_.push_back(path);
  else
    for (const auto& entry : fs::directory_iterator(path))
      if (entry.path().extension() == ".safetensors") weight_files_.push_back(entry.path());
  for (const auto& [name, tensor] : file->tensors()) add(name, tensor);
  owners_.push_back(std::move(file));
}

void CheckpointFiles::add_published() {
  const fs::path folder = *chunk_folder(path_), list = folder / kMetadata;
  const Json chunks = parse_json(read_file(list), list.string());
  if (!chunks.is_object() || chunks.empty())
    throw model_error("is no table of chunks", list.string(), "get the checkpoint again");
  std::vector<std::string> missing;
  for (const auto& [chunk, content] : chunks.items()) {
    if (chunk.empty() || chunk.find('/') != std::string::npos || chunk.starts_with("."))
      throw model_error("names a chunk \"" + chunk + "\", which is no file name", list.string());
    if (!fs::is_regular_file(folder / (chunk + ".safetensors"))) missing.push_back(chunk + ".safetensors");
  }
  if (!missing.empty())
    throw model_error("chunks are missing: " + join(missing, ", "), folder.string(), "copy the whole folder");
  for (const auto& [chunk, content] : chunks.items()) add_safetensors(folder / (chunk + ".safetensors"));
}

void CheckpointFiles::add_torch() {
  auto file = std::make_shared<TorchZip>(TorchZip::open(path_));
  weight_files_.push_back(path_);
  const std::string_view prefix = layout_ == CheckpointLayout::kTrainingCode ? kTrainingPrefix : kClapPrefix;
  for (const auto& [path, tensor] : file->tensors()) {
    std::string_view name = path;
    if (take_prefix(name, prefix)) add(name, tensor);  // the optimizer's moments stay aside
  }
  owners_.push_back(std::move(file));
}

CheckpointFiles CheckpointFiles::open(const fs::path& path) {
  CheckpointFiles files;
  files.path_ = path;
  if (!fs::exists(path)) throw user_error("does not exist", path.string(), "check the path");
  const std::optional<CheckpointLayout> layout = checkpoint_layout(path);
  if (!layout)
    throw user_error(
        "is no checkpoint of a known layout", path.string(),
        "give a folder with safe_ckpt/metadata.json, a .pt file of the training code or of AF-CLAP, "
        "or the folder of a Qwen2 or Llama model");
  files.layout_ = *layout;
  switch (*layout) {
    case CheckpointLayout::kPublished:
      files.add_published();
      break;
    case CheckpointLayout::kHuggingFace:
      files.add_safetensors(path);
      break;
    case CheckpointLayout::kTrainingCode:
    case CheckpointLayout::kClap:
      files.add_torch();
      break;
  }
  return files;
}

const TensorView* CheckpointFiles::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

const TensorView& CheckpointFiles::get(std::string_view name, std::span<const std::int64_t> shape) const {
  if (const TensorView* tensor = find(name)) return expect_shape(*tensor, shape, path_.string());
  throw model_error("lacks the tensor " + std::string(name), path_.string(), "get the complete checkpoint");
}

void CheckpointFiles::fill_from(const CheckpointFiles& base) {
  for (const auto& [name, tensor] : base.tensors_) tensors_.emplace(name, tensor);
  owners_.insert(owners_.end(), base.owners_.begin(), base.owners_.end());
  weight_files_.insert(weight_files_.end(), base.weight_files_.begin(), base.weight_files_.end());
}

}  // namespace af2
