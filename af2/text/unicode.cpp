#include "af2/text/unicode.h"

#include <algorithm>
#include <cstdint>

#include "af2/core/error.h"
#include "af2/text/utf8.h"

#ifdef AF2_WITH_ICU
#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/uniset.h>
#endif

namespace af2 {
namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

#ifdef AF2_WITH_ICU
icu::StringPiece piece(std::string_view text) {
  if (text.size() > INT32_MAX / 4) throw user_error("text of more than 512 MB");
  return {text.data(), static_cast<std::int32_t>(text.size())};
}

void check(UErrorCode code, const char* call) {
  if (U_FAILURE(code)) throw internal_error(std::string("ICU ") + call + ": " + u_errorName(code));
}
#else
[[noreturn]] void no_icu() {
  throw user_error("this build has no ICU and reads ASCII text only", "text",
                   "build with AF2_WITH_ICU=ON, or give token ids prepared elsewhere");
}

bool is_letter(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char32_t c) {
  return c >= '0' && c <= '9';
}
#endif

}  // namespace

#ifdef AF2_WITH_ICU

CharClass char_class(char32_t c) {
  const std::uint32_t category = U_GET_GC_MASK(static_cast<UChar32>(c));
  if (category & U_GC_L_MASK) return CharClass::kLetter;
  if (category & U_GC_N_MASK) return CharClass::kNumber;
  return is_white_space(c) ? CharClass::kSpace : CharClass::kOther;
}

bool is_word_character(char32_t c) {
  const auto code = static_cast<UChar32>(c);
  return u_hasBinaryProperty(code, UCHAR_ALPHABETIC) || u_hasBinaryProperty(code, UCHAR_JOIN_CONTROL) ||
         (U_GET_GC_MASK(code) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK));
}

std::string to_nfc(std::string_view text) {
  if (is_ascii(text)) return std::string(text);
  UErrorCode code = U_ZERO_ERROR;
  const icu::Normalizer2* newest = icu::Normalizer2::getNFCInstance(code);
  check(code, "getNFCInstance");
  // The `tokenizers` library normalises by Unicode 9 tables: characters added later (75 reordering marks
  // among them) stay as they are. Models were trained on such text, so it is what counts here.
  static const icu::UnicodeSet* known = [] {
    UErrorCode status = U_ZERO_ERROR;
    auto* set = new icu::UnicodeSet(icu::UnicodeString(u"[:Age=9.0:]"), status);
    check(status, "UnicodeSet");
    return set->freeze();
  }();
  const icu::FilteredNormalizer2 form(*newest, *known);
  std::string out;
  icu::StringByteSink<std::string> sink(&out, static_cast<std::int32_t>(piece(text).size()));
  form.normalizeUTF8(0, piece(text), sink, nullptr, code);
  check(code, "normalizeUTF8");
  return out;
}

std::string lower_case(std::string_view text) {
  const std::string clean = replace_invalid_utf8(text);
  UErrorCode code = U_ZERO_ERROR;
  std::string out;
  icu::StringByteSink<std::string> sink(&out, static_cast<std::int32_t>(piece(clean).size()));
  icu::CaseMap::utf8ToLower("", 0, piece(clean), sink, nullptr, code);
  check(code, "utf8ToLower");
  return out;
}

#else

CharClass char_class(char32_t c) {
  if (c >= 0x80) no_icu();
  if (is_letter(c)) return CharClass::kLetter;
  if (is_digit(c)) return CharClass::kNumber;
  return is_white_space(c) ? CharClass::kSpace : CharClass::kOther;
}

bool is_word_character(char32_t c) {
  if (c >= 0x80) no_icu();
  return is_letter(c) || is_digit(c) || c == '_';
}

std::string to_nfc(std::string_view text) {
  if (!is_ascii(text)) no_icu();
  return std::string(text);
}

std::string lower_case(std::string_view text) {
  if (!is_ascii(text)) no_icu();
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

#endif

}  // namespace af2
