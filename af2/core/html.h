// Text and data as they may stand in a page, whatever they hold. Thread rule: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "af2/core/json.h"

namespace af2 {

// Text anywhere in HTML or XML, also in quoted attributes; control characters but line end and tabulator
// become blanks.
std::string html_text(std::string_view text);
// JSON inside a script: nothing in it can end the script. Invalid UTF-8 becomes U+FFFD.
std::string script_json(const Json& json);

}  // namespace af2
