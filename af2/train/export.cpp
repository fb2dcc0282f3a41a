#include "af2/train/export.h"

#include "af2/core/error.h"
#include "af2/core/log.h"
#include "af2/generate/model_folder.h"
#include "af2/io/checkpoint.h"
#include "af2/model/weights.h"

namespace af2 {
namespace fs = std::filesystem;

void export_adapter(const fs::path& run_or_checkpoint, const fs::path& folder, const std::string& dtype) {
  const SaveType type = save_type_from_name(dtype, "--dtype");
  fs::path checkpoint = run_or_checkpoint;
  if (!fs::exists(checkpoint / "model.safetensors")) {
    const LatestCheckpoint last = latest_complete(run_or_checkpoint);
    if (!last.folder)
      throw user_error("holds no complete checkpoint", run_or_checkpoint.string(),
                       "name a run or a step-N folder");
    checkpoint = *last.folder;
  }
  verify(checkpoint);
  ModelFolder model = load_model_folder(folder, {.low_bit_lm = true, .adapters = false});
  const auto tensors = adapter_tensors(*model.network);
  const auto surplus = load_strict(SafeTensors::open(checkpoint / "model.safetensors"), tensors);
  if (!surplus.empty())
    throw model_error("holds tensors that the model lacks, such as " + surplus.front(), checkpoint.string(),
                      "give a checkpoint of the adapter task");
  save_tensors(folder / "adapter.safetensors", tensors, type, {{"format", "af2"}, {"dtype", dtype}});
  notice("wrote {} ({:.1f} MB)", (folder / "adapter.safetensors").string(),
         static_cast<double>(fs::file_size(folder / "adapter.safetensors")) / 1e6);
}

}  // namespace af2
