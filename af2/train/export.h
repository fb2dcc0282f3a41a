// From a checkpoint of training to the weights of a model folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace af2 {

// Reads CHECKPOINT/model.safetensors (or RUN's last complete checkpoint), of several the mean of their
// weights (arXiv 2203.05482: runs that go on from one another often do better together), and writes
// FOLDER/adapter.safetensors: matrices as "f32", "bf16" or "i8" (save_tensors), the rest float32. FOLDER must
// hold the config.json of the model; every tensor is checked against it. Where that names AF-CLAP's weights
// (clap.file), tensors of the tower that are as there are left out. A language model that was trained becomes
// FOLDER/lm-tuned.gguf ("i8": Q8_0), which config.json then names; with `keep_pairs` its low-rank pairs go
// into adapter.safetensors instead, and it stays as it is. Throws kUser, kData, kModel, kResource.
struct ExportOptions {
  std::string dtype = "bf16";
  int levels = 127;  // of "i8": the largest whole number (save_tensors)
  bool keep_pairs = false;
};
void export_model(const std::vector<std::filesystem::path>& runs_or_checkpoints,
                  const std::filesystem::path& folder, const ExportOptions& options);

}  // namespace af2
