// Files of one JSON value a line. Thread rule: free functions.
//
//   each_json_line("scores.jsonl", [&](const Json& line, const std::string& where) { … });
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/core/text_util.h"

namespace af2 {

// Calls use(value, where) for every line but blank ones, in order; `where` is "scores.jsonl:12", as errors
// name it. Throws kData for a line that is no JSON, and what read_file throws.
template <class Use>
void each_json_line(const std::filesystem::path& file, const Use& use) {
  std::size_t number = 0;
  for (const std::string& text : split(read_file(file), '\n')) {
    ++number;
    if (trim(text).empty()) continue;
    const std::string where = file.string() + ":" + std::to_string(number);
    use(parse_json(text, where), where);
  }
}

}  // namespace af2
