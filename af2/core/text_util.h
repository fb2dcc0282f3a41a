// Small text helpers: splitting, joining, the nearest known word for error hints.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace af2 {

// Parts between separators; "" gives one empty part.
std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
// Without ASCII blanks at both ends.
std::string trim(std::string_view text);
// The known word with the smallest edit distance ("" if there is none).
std::string nearest_word(std::string_view word, const std::vector<std::string>& known);
// For messages about text from a file: ASCII as it is, other bytes as \xNN, cut after `limit` bytes.
std::string printable(std::string_view text, std::size_t limit = 100);
bool starts_with(std::string_view text, std::string_view prefix);
// RFC 4648, with padding.
std::string base64(std::span<const std::byte> bytes);

}  // namespace af2
