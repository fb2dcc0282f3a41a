// Brings an index to the state of its folders: new files added, changed ones made again, gone ones removed.
//
// A file whose size and time are as noted is taken as unchanged; else its bytes decide, so that a touched or
// moved file is not heard again. Not for decoding or vectors: `embed` does that. Thread rule: one owner.
//
//   UpdateCounts counts = update_index(index, scan_folders({"/sounds"}, looks_like_audio), {}, work);
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "af2/index/folder_scan.h"
#include "af2/index/sound_index.h"

namespace af2 {

// What a file's sound became.
struct FileVectors {
  double seconds = 0;
  std::vector<std::string> warnings;
  std::vector<IndexedWindow> windows;
};

enum class FileChange { kAdded, kUpdated, kCopied, kTouched, kRemoved, kFailed };
const char* word_of(FileChange change);

struct UpdateOptions {
  bool keep_missing = false;  // files that are gone stay in the index
  bool retry = false;         // try those again that could not be read, though they are as they were
};

struct UpdateCounts {
  std::int64_t added = 0, updated = 0, copied = 0, touched = 0, unchanged = 0, removed = 0, failed = 0;
  bool stopped = false;
};

struct UpdateWork {
  // Hears a file: false when it was told to stop. An Error of kind data, resource or internal is noted as
  // that file's; others end the update.
  std::function<bool(const std::string& path, FileVectors& out)> embed;
  // After each change is in the file.
  std::function<void(FileChange change, const IndexedFile& file)> report = {};
  // Before each file: how many bytes of all are done.
  std::function<void(std::int64_t done_bytes, const FoundFile& file)> progress = {};
  std::function<bool()> stop = {};
};

// Throws kData where a folder that has files in the index now has none at all (an unmounted disk), and as
// SoundIndex does.
UpdateCounts update_index(SoundIndex& index, const FolderScan& scan, const UpdateOptions& options,
                          const UpdateWork& work);

}  // namespace af2
