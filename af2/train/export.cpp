#include "af2/train/export.h"

#include "af2/core/error.h"
#include "af2/core/log.h"
#include "af2/generate/model_folder.h"
#include "af2/io/checkpoint.h"
#include "af2/model/weights.h"

namespace af2 {
namespace fs = std::filesystem;

namespace {

fs::path checkpoint_in(const fs::path& run_or_checkpoint) {
  if (fs::exists(run_or_checkpoint / "model.safetensors")) return run_or_checkpoint;
  const LatestCheckpoint last = latest_complete(run_or_checkpoint);
  if (!last.folder)
    throw user_error("holds no complete checkpoint", run_or_checkpoint.string(),
                     "name a run or a step-N folder");
  return *last.folder;
}

}  // namespace

void export_adapter(const std::vector<fs::path>& runs_or_checkpoints, const fs::path& folder,
                    const std::string& dtype) {
  const SaveType type = save_type_from_name(dtype, "--dtype");
  if (runs_or_checkpoints.empty()) throw user_error("names no run", "-i");
  ModelFolder model = load_model_folder(folder, {.low_bit_lm = true, .adapters = false});
  const auto tensors = adapter_tensors(*model.network);
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> sums;  // in float64
  for (const auto& given : runs_or_checkpoints) {
    const fs::path checkpoint = checkpoint_in(given);
    verify(checkpoint);
    const auto surplus = load_strict(SafeTensors::open(checkpoint / "model.safetensors"), tensors);
    if (!surplus.empty())
      throw model_error("holds tensors that the model lacks, such as " + surplus.front(), checkpoint.string(),
                        "give a checkpoint of the adapter task");
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const torch::Tensor wide = tensors[i].second.to(torch::kFloat64);
      if (sums.size() <= i)
        sums.push_back(wide);
      else
        sums[i] += wide;
    }
  }
  if (runs_or_checkpoints.size() > 1)
    for (std::size_t i = 0; i < tensors.size(); ++i)
      tensors[i].second.copy_(sums[i] / static_cast<double>(runs_or_checkpoints.size()));
  save_tensors(folder / "adapter.safetensors", tensors, type, {{"format", "af2"}, {"dtype", dtype}});
  notice("wrote {} ({:.1f} MB)", (folder / "adapter.safetensors").string(),
         static_cast<double>(fs::file_size(folder / "adapter.safetensors")) / 1e6);
}

}  // namespace af2
