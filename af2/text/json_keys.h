// Keys of JSON objects in grammars: literals, and every key but some. Only for af2/text/json_schema.
//
// Thread rule: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace af2 {

// Names of rules and what they say, as GBNF.
using KeyRules = std::vector<std::pair<std::string, std::string>>;

// `text` (valid UTF-8) as a literal of a grammar, quoted and escaped.
std::string gbnf_literal(std::string_view text);

// Rules for a quoted key that is none of `keys`, the first one being the whole; all names begin with `name`.
// Such keys have no escapes, so that no key can be written in a second way. Throws kUser naming `where` for
// keys longer than 200 characters.
KeyRules other_keys(const std::vector<std::string>& keys, const std::string& name, const std::string& where);

}  // namespace af2
