// Which clips a verb shall hear: plain arguments, --audio, folders, --manifest, and --join.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace af2 {

struct ClipFlags {
  std::string model, base_lm, generation;      // the last two of a published checkpoint
  std::vector<std::string> files, more_files;  // plain arguments, --audio
  bool recursive = false, json = false;
  double start_s = 0, duration_s = 0;
  int windows = 0, threads = 0;
  std::string channels, long_mode = "cut", dtype;
  std::string device = "cpu", gpu_layers = "auto";
  std::optional<double> contrast = {};  // without it the model's
  std::string manifest;
  bool join = false;
};

struct ClipItem {
  std::vector<std::string> paths;  // one, or all of them with --join
  std::string prompt;              // of a manifest; empty: the flags'
  std::optional<double> start_s, duration_s;

  // The path, or the paths with " + " between them.
  std::string name() const;
};

// In order: plain arguments, then --audio, then the manifest; a folder gives its files by name (-r: below it
// too). "-" is stdin. Throws kUser when there is none, kData for an empty folder and a bad manifest.
std::vector<ClipItem> list_clips(const ClipFlags& flags);

// Whether a folder's file counts as a clip: by the ending of its name.
bool looks_like_audio(const std::filesystem::path& path);

// Lines {"path": ..., "prompt": ...?, "start": ...?, "duration": ...?}, or an AF2 manifest
// (docs/spec/training.md section 7), whose "audio" and "prompt" count. Paths are relative to the file's
// folder. Throws kData naming file and line.
std::vector<ClipItem> read_clip_manifest(const std::string& path);

}  // namespace af2
