// A folder that is complete or absent: what training writes at each step (docs/spec/training.md section 6).
//
// Not for what lies in it (af2/train). The folder is filled as NAME.tmp, hashed into files.json, synced,
// renamed, and then gets an empty DONE: a kill at any moment leaves the older checkpoints usable and this one
// either whole or without DONE. Thread rule: one writer per folder; reading functions are free of shared
// state.
//
//   CheckpointWriter writer(run / "step-200");
//   write_safetensors(writer.path() / "model.safetensors", tensors);
//   writer.commit();
//   if (auto last = latest_complete(run); last.folder) verify(*last.folder);
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace af2 {

class CheckpointWriter {
 public:
  // Creates FOLDER.tmp, replacing one that a killed run left. Throws kUser when FOLDER is already complete,
  // kResource when it cannot be created.
  explicit CheckpointWriter(std::filesystem::path folder);
  // Without commit, removes FOLDER.tmp (so that a full disk gets its space back).
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // FOLDER.tmp: write the files here.
  const std::filesystem::path& path() const { return temporary_; }
  // Writes files.json (size and SHA-256 of every file, by relative path), syncs everything, replaces an
  // incomplete FOLDER, renames, writes DONE. Throws kResource; FOLDER is then absent or incomplete, older
  // ones are untouched.
  void commit();

 private:
  std::filesystem::path folder_, temporary_;
  bool committed_ = false;
};

// Has DONE.
bool is_complete(const std::filesystem::path& folder);

struct LatestCheckpoint {
  std::optional<std::filesystem::path> folder;  // the complete step-N of highest N
  std::int64_t step = -1;
  std::vector<std::string> notices;  // what was skipped, by name: "step-300: no DONE"
};
// Looks at the folders step-N of `run_folder`. A run folder that does not exist holds none.
LatestCheckpoint latest_complete(const std::filesystem::path& run_folder);

enum class CheckDepth { kSizes, kHashes };
// Holds a complete folder against its files.json. Throws kModel listing every file that is missing, changed
// or not listed, and for a folder without DONE or files.json.
void verify(const std::filesystem::path& folder, CheckDepth depth = CheckDepth::kHashes);

}  // namespace af2
