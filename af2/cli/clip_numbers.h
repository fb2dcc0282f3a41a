// Which clips of a folder of scenes or music a command is about: their numbers, or a file of items that ask
// about some of them.
//
// Thread rule: free functions.
//
//   clip_numbers("12,699", "sets/skills/clips/short");
//   clip_numbers("sets/skills/items.jsonl", "sets/skills/clips/short");  // of records short-000012 ...
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace af2 {

// Sorted, each once. Items name a clip by its record, FOLDER-NUMBER with the last part of the folder's path,
// or NUMBER alone; other items are of other folders. Throws kUser and kData naming file and line.
std::vector<std::int64_t> clip_numbers(const std::string& list_or_file, const std::filesystem::path& folder);

}  // namespace af2
