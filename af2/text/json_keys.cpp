#include "af2/text/json_keys.h"

#include <fmt/format.h>

#include <map>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/text/utf8.h"

namespace af2 {
namespace {

constexpr int kLongestKey = 200;
constexpr const char* kNever = R"("\\\x00-\x1F\x7F)";  // characters that such a key does not hold

bool plain(char32_t c) {
  return c >= 0x20 && c != 0x7F && c != U'"' && c != U'\\';
}

// Keys as a tree of characters.
struct KeyTree {
  std::map<char32_t, KeyTree> next;
  bool ends = false;
};

std::string escaped(char32_t c) {
  return fmt::format("\\U{:08X}", static_cast<std::uint32_t>(c));
}

// The rule of a tree's node: a key ends here, goes on in the tree, or leaves it for any other key.
void add_rules(const KeyTree& tree, const std::string& name, KeyRules& rules) {
  const std::size_t mine = rules.size();
  rules.emplace_back(name, "");
  std::string body, others;
  for (const auto& [c, below] : tree.next) {
    const std::string rule = name + "_" + std::to_string(rules.size());
    body += fmt::format("[{}] {} | ", escaped(c), rule);
    others += escaped(c);
    add_rules(below, rule, rules);
  }
  body += fmt::format("[^{}{}] [^{}]* \"\\\"\"", kNever, others, kNever);
  if (!tree.ends) body += R"( | "\"")";
  rules[mine].second = body;
}

}  // namespace

std::string gbnf_literal(std::string_view text) {
  std::string literal = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      literal += '\\', literal += c;
    else if (static_cast<unsigned char>(c) < 0x20)
      literal += fmt::format("\\x{:02X}", static_cast<unsigned>(c));
    else
      literal += c;
  }
  return literal + "\"";
}

KeyRules other_keys(const std::vector<std::string>& keys, const std::string& name, const std::string& where) {
  KeyTree tree;
  for (const auto& key : keys) {
    KeyTree* at = &tree;
    bool writable = true;
    std::vector<char32_t> characters;
    for (std::size_t i = 0; i < key.size();) {
      characters.push_back(next_code_point(key, i));
      writable = writable && plain(characters.back());
    }
    if (!writable) continue;  // no key of these can be this one
    if (characters.size() > kLongestKey)
      throw user_error("key \"" + printable(key, 40) + "…\" is too long beside additionalProperties", where);
    for (const char32_t c : characters) at = &at->next[c];
    at->ends = true;
  }
  KeyRules rules;
  add_rules(tree, name + "_rest", rules);
  rules.insert(rules.begin(), {name, R"("\"" )" + name + "_rest"});
  return rules;
}

}  // namespace af2
