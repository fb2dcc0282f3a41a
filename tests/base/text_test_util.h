// Shared by the tests of af2/text: hashes and hex as the oracles write them, and the small trained tokenizer.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "af2/core/file.h"
#include "af2/text/byte_bpe.h"

namespace af2::text_test {

using Json = nlohmann::json;

inline std::string data_path(const std::string& name) {
  return AF2_SOURCE_DIR "/tests/data/text/" + name;
}

inline Json data_json(const std::string& name) {
  return Json::parse(read_file(data_path(name)));
}

inline constexpr std::uint64_t kFnvStart = 0xCBF29CE484222325ull;

inline std::uint64_t fnv64(std::string_view bytes, std::uint64_t state = kFnvStart) {
  for (const char c : bytes) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return state;
}

inline std::uint64_t fnv64(std::span<const int> ids, std::uint64_t state) {
  for (const int id : ids) {
    for (int shift = 0; shift < 32; shift += 8) {
      state = (state ^ ((static_cast<std::uint32_t>(id) >> shift) & 0xFF)) * 0x100000001B3ull;
    }
  }
  return state;
}

inline std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

inline ByteBpe small_tokenizer() {
  return ByteBpe::from_tokenizer_json(data_path("small.json"));
}

}  // namespace af2::text_test
