// Small JSON files read strictly: a size limit, no duplicate keys, nothing after the value.
//
// Not for safetensors headers, which are read without building a tree. Thread rule: pure functions.
//
//   const nlohmann::json index = read_strict_json(folder / "model.safetensors.index.json");
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace af2 {

// Throws kModel naming `where` and the byte for anything that is not one JSON value, and for a key given
// twice.
nlohmann::json parse_strict_json(std::string_view text, const std::string& where);
// Throws also kModel for a file over `max_bytes` and kData when it cannot be opened.
nlohmann::json read_strict_json(const std::filesystem::path& path, std::size_t max_bytes = 16 << 20);

}  // namespace af2
