// GPT-2's byte alphabet: the printable characters in which byte-level vocabularies spell bytes.
//
// Not for users: ByteBpe hides it. Thread rule: pure functions.
//
//   std::optional<std::string> bytes = bytes_of_spelling("\u0120the");  // " the"
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "af2/text/utf8.h"

namespace af2 {

// The character of each byte: itself where it prints (33-126, 161-172, 174-255), else U+0100 and on, in
// order.
inline const std::array<char32_t, 256>& byte_alphabet() {
  static const std::array<char32_t, 256> alphabet = [] {
    std::array<char32_t, 256> table{};
    char32_t next = 0x100;
    for (char32_t b = 0; b < 256; ++b) {
      const bool prints = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
      table[b] = prints ? b : next++;
    }
    return table;
  }();
  return alphabet;
}

// The bytes that `spelling` stands for; nothing if a character is not in the alphabet.
inline std::optional<std::string> bytes_of_spelling(std::string_view spelling) {
  static const std::array<int, 0x144> byte_of = [] {
    std::array<int, 0x144> table{};
    table.fill(-1);
    for (int b = 0; b < 256; ++b) table[byte_alphabet()[static_cast<std::size_t>(b)]] = b;
    return table;
  }();
  std::string bytes;
  for (std::size_t at = 0; at < spelling.size();) {
    const char32_t c = next_code_point(spelling, at);
    if (c >= byte_of.size() || byte_of[c] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(static_cast<unsigned char>(byte_of[c])));
  }
  return bytes;
}

}  // namespace af2
