#include "af2/text/compatibility.h"

#include <algorithm>
#include <cstdint>

#include "af2/core/error.h"
#include "af2/text/utf8.h"

#ifdef AF2_WITH_ICU
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#endif

namespace af2 {

std::string to_nfkc(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    return std::string(text);
#ifdef AF2_WITH_ICU
  if (text.size() > INT32_MAX / 4) throw user_error("text of more than 512 MB");
  const std::string clean = replace_invalid_utf8(text);
  UErrorCode code = U_ZERO_ERROR;
  const icu::Normalizer2* form = icu::Normalizer2::getNFKCInstance(code);
  if (U_FAILURE(code)) throw internal_error(std::string("ICU getNFKCInstance: ") + u_errorName(code));
  std::string out;
  icu::StringByteSink<std::string> sink(&out, static_cast<std::int32_t>(clean.size()));
  form->normalizeUTF8(0, icu::StringPiece(clean.data(), static_cast<std::int32_t>(clean.size())), sink,
                      nullptr, code);
  if (U_FAILURE(code)) throw internal_error(std::string("ICU normalizeUTF8: ") + u_errorName(code));
  return out;
#else
  throw user_error("this build has no ICU and compares ASCII answers only", "text",
                   "build with AF2_WITH_ICU=ON");
#endif
}

}  // namespace af2
