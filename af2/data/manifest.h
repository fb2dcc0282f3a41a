// Manifests in jsonl: one question about one sound a line (docs/spec/training.md section 7).
//
// {"audio": path, "prompt": text, "output": text or list, "start"?, "duration"?, "id"?, "task"?, "meta"?};
// audio paths are relative to the manifest's folder. The other formats of section 7 are read elsewhere.
// Thread rule: free functions.
//
//   for (const ManifestItem& item : read_manifest("sets/count.jsonl")) use(item.audio, item.prompt);
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "af2/core/json.h"

namespace af2 {

struct ManifestItem {
  std::string audio, prompt;
  std::vector<std::string> outputs;  // one is drawn by name where there are several
  std::optional<double> start_s, duration_s;
  std::string id, task;
  Json meta;  // null if there is none
  // Of files that say it beside their items (AF2's `split`) or in `meta`; no key of a line.
  std::string split = "";
};

// Throws kData naming file and line: unreadable, no items, no JSON object, key missing or unknown, wrong
// type, empty text, negative or infinite time, an id twice.
std::vector<ManifestItem> read_manifest(const std::filesystem::path& path);
std::vector<ManifestItem> parse_manifest(std::string_view text, const std::string& where);

// One line without its line end; keys in the order above.
std::string manifest_line(const ManifestItem& item);
void write_manifest(const std::filesystem::path& path, const std::vector<ManifestItem>& items);

}  // namespace af2
