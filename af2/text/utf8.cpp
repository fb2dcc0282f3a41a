#include "af2/text/utf8.h"

namespace af2 {

Utf8Step utf8_step(std::string_view bytes, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {Utf8Step::kWhole, 1};
  std::size_t length = 0;
  unsigned char low = 0x80, high = 0xBF;  // bounds of the second byte
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;   // no over-long forms
    if (first == 0xED) high = 0x9F;  // no surrogates
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;  // nothing beyond U+10FFFF
  } else {
    return {Utf8Step::kInvalid, 1};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (at + i >= bytes.size()) return {Utf8Step::kCut, i};
    if (byte(i) < low || byte(i) > high) return {Utf8Step::kInvalid, i};
    low = 0x80;
    high = 0xBF;
  }
  return {Utf8Step::kWhole, length};
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Step step = utf8_step(bytes, at);
    if (step.kind == Utf8Step::kWhole) {
      text.append(bytes.substr(at, step.length));
    } else {
      append_utf8(text, kReplacementCharacter);
    }
    at += step.length;
  }
  return text;
}

bool is_valid_utf8(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Step step = utf8_step(bytes, at);
    if (step.kind != Utf8Step::kWhole) return false;
    at += step.length;
  }
  return true;
}

char32_t next_code_point(std::string_view bytes, std::size_t& at) {
  const Utf8Step step = utf8_step(bytes, at);
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(bytes[at + i]));
  };
  char32_t c = kReplacementCharacter;
  if (step.kind == Utf8Step::kWhole) {
    constexpr char32_t kLeadBits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    c = byte(0) & kLeadBits[step.length];
    for (std::size_t i = 1; i < step.length; ++i) c = (c << 6) | (byte(i) & 0x3F);
  }
  at += step.length;
  return c;
}

void append_utf8(std::string& text, char32_t c) {
  const auto put = [&](char32_t value) {
    text.push_back(static_cast<char>(static_cast<unsigned char>(value)));
  };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

bool is_white_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_python_space(char32_t c) {
  return is_white_space(c) || (c >= 0x1C && c <= 0x1F);
}

std::string_view strip_python(std::string_view text) {
  std::size_t begin = 0, end = 0;
  bool started = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t from = at;
    if (is_python_space(next_code_point(text, at))) continue;
    if (!started) begin = from;
    started = true;
    end = at;
  }
  return text.substr(begin, end - begin);
}

}  // namespace af2
