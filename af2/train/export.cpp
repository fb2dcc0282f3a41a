#include "af2/train/export.h"

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"
#include "af2/generate/clap_folder.h"
#include "af2/generate/convert_detail.h"
#include "af2/generate/model_folder.h"
#include "af2/io/checkpoint.h"
#include "af2/model/clap_names.h"
#include "af2/model/low_rank.h"
#include "af2/model/weights.h"
#include "af2/train/parts.h"

namespace af2 {
namespace fs = std::filesystem;

namespace {

constexpr const char* kTunedLm = "lm-tuned.gguf";
constexpr const char* kWeights = "model.safetensors";

bool holds_low_rank(const SafeTensors& file) {
  for (const auto& item : file.tensors())
    if (is_low_rank(item.first)) return true;
  return false;
}

fs::path checkpoint_in(const fs::path& run_or_checkpoint) {
  if (fs::exists(run_or_checkpoint / kWeights)) return run_or_checkpoint;
  const LatestCheckpoint last = latest_complete(run_or_checkpoint);
  if (!last.folder)
    throw user_error("holds no complete checkpoint", run_or_checkpoint.string(),
                     "name a run, the stage-NAME folder of one with stages, or a step-N folder");
  return *last.folder;
}

// Fills the tensors with the mean of the runs' weights.
void take_mean(const std::vector<fs::path>& runs_or_checkpoints,
               const std::vector<std::pair<std::string, torch::Tensor>>& tensors) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> sums;  // in float64
  for (const auto& given : runs_or_checkpoints) {
    const fs::path checkpoint = checkpoint_in(given);
    verify(checkpoint);
    const auto surplus = load_strict(SafeTensors::open(checkpoint / kWeights), tensors);
    if (!surplus.empty())
      throw model_error("holds tensors that the model lacks, such as " + surplus.front(), checkpoint.string(),
                        "give a checkpoint that was trained for this folder's model");
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const torch::Tensor wide = tensors[i].second.to(torch::kFloat64);
      if (sums.size() <= i)
        sums.push_back(wide);
      else
        sums[i] += wide;
    }
  }
  if (runs_or_checkpoints.size() > 1)
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      torch::Tensor target = tensors[i].second;
      target.copy_(sums[i] / static_cast<double>(runs_or_checkpoints.size()));
    }
}

// The language model that training changed goes into a file of its own, which config.json then names: what it
// was trained from stays.
void write_tuned_lm(ModelFolder& model, const fs::path& folder, const std::string& dtype) {
  const fs::path file = folder / kTunedLm, config_file = folder / "config.json";
  ConvertOptions options;
  options.type = dtype == "i8" ? "q8_0" : dtype;
  ConvertReport report;
  TensorStream stream(options, report, TensorStream::Target::kGguf);
  if (fs::exists(file)) fs::remove(file);
  DecoderImpl& decoder = *model.network->lang_encoder->model;
  write_language_gguf({decoder, model.config.name, &model.lm_file, folder, false}, options, stream, file);
  Json config = read_config_file(config_file);
  config["lm"]["file"] = kTunedLm;
  write_file_atomic(config_file, config.dump(2) + "\n");
  notice("wrote {} ({:.1f} MB)", file.string(), static_cast<double>(fs::file_size(file)) / 1e6);
}

SaveType save_type_of(DType dtype) {
  return dtype == DType::kI8 ? SaveType::kI8 : dtype == DType::kBF16 ? SaveType::kBF16 : SaveType::kF32;
}

// Leaves out what the tower has from AF-CLAP's weights in `file`: what, saved as there, is what lies there.
void leave_to_clap(const fs::path& file, NamedTensors& tensors) {
  if (!fs::exists(file))
    throw user_error("is missing: key clap.file of config.json names it", file.string(),
                     "export AF-CLAP there first, or take the key away");
  const SafeTensors clap = SafeTensors::open(file);
  const std::size_t left_out = std::erase_if(tensors, [&](const auto& item) {
    const std::string there = name_in_clap(item.first);
    const TensorView* view = there.empty() ? nullptr : clap.find(there);
    return view && view->shape == item.second.sizes().vec() &&
           torch::allclose(as_saved(item.second, save_type_of(view->dtype)), read_tensor(clap, there), 1e-5,
                           1e-9);
  });
  notice("{} tensors of the tower are those of {}", left_out, file.string());
}

}  // namespace

void export_model(const std::vector<fs::path>& runs_or_checkpoints, const fs::path& folder,
                  const ExportOptions& options) {
  if (runs_or_checkpoints.empty()) throw user_error("names no run", "-i");
  const std::string& dtype = options.dtype;
  const bool keep_pairs = options.keep_pairs;
  const SaveType type = save_type_from_name(dtype, "--dtype");
  if (options.levels < 1 || options.levels > 127)
    throw user_error("is not from 1 to 127: " + std::to_string(options.levels), "--levels");
  fs::path file;
  if (is_clap_folder(folder)) {
    const ClapFolder clap = open_clap_folder(folder);
    ClapModel network(clap.config);
    const auto tensors = stored_tensors(*network);
    take_mean(runs_or_checkpoints, tensors);
    file = folder / kWeights;
    save_tensors(file, tensors, type, {{"format", "af2-clap"}, {"dtype", dtype}}, options.levels);
  } else {
    const SafeTensors first = SafeTensors::open(checkpoint_in(runs_or_checkpoints.front()) / kWeights);
    const bool with_lm = ModelParts::holds_language_model(first), low_rank = holds_low_rank(first);
    if (low_rank && runs_or_checkpoints.size() > 1)
      throw user_error("has low-rank pairs, whose mean means nothing", first.path().string(),
                       "export one run, or train with optimizer.ema");
    if (keep_pairs && (with_lm || !low_rank))
      throw user_error(low_rank ? "has low-rank pairs beside weights of the language model that an earlier "
                                  "stage trained"
                                : "has no low-rank pairs",
                       first.path().string(), "export it without --keep-pairs");
    const bool merges = low_rank && !keep_pairs;
    ModelFolder model = load_model_folder(folder, {.low_bit_lm = !with_lm && !merges, .adapters = false});
    if (low_rank) ModelParts::add_low_rank_of(*model.network, first);
    take_mean(runs_or_checkpoints, ModelParts::all_tensors(*model.network, with_lm));
    if (merges) merge_low_rank(*model.network->lang_encoder->model);
    if (with_lm || merges) write_tuned_lm(model, folder, dtype);
    file = folder / "adapter.safetensors";
    NamedTensors tensors = adapter_tensors(*model.network);
    if (!model.config.clap.file.empty()) leave_to_clap(folder / model.config.clap.file, tensors);
    save_tensors(file, tensors, type, {{"format", "af2"}, {"dtype", dtype}}, options.levels);
  }
  notice("wrote {} ({:.1f} MB)", file.string(), static_cast<double>(fs::file_size(file)) / 1e6);
}

}  // namespace af2
