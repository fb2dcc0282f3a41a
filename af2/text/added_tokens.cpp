#include "af2/text/added_tokens.h"

#include <algorithm>

#include "af2/text/unicode.h"
#include "af2/text/utf8.h"

namespace af2 {
namespace {

// Start of the last code point of `text` (valid UTF-8, not empty).
std::size_t last_start(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

bool ends_with_word(std::string_view text) {
  if (text.empty()) return false;
  std::size_t at = last_start(text);
  return is_word_character(next_code_point(text, at));
}

bool starts_with_word(std::string_view text) {
  std::size_t at = 0;
  return !text.empty() && is_word_character(next_code_point(text, at));
}

std::size_t end_without_spaces(std::string_view text) {
  while (!text.empty()) {
    const std::size_t start = last_start(text);
    std::size_t at = start;
    if (!is_white_space(next_code_point(text, at))) break;
    text = text.substr(0, start);
  }
  return text.size();
}

std::size_t spaces_at_start(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t here = at;
    if (!is_white_space(next_code_point(text, at))) return here;
  }
  return at;
}

}  // namespace

void AddedTokens::add(AddedToken token, int id) {
  int node = 0;
  starts_[static_cast<unsigned char>(token.content[0])] = true;
  for (const char c : token.content) {
    const std::uint64_t key = static_cast<std::uint64_t>(node) * 256 + static_cast<unsigned char>(c);
    const auto [at, fresh] = child_.try_emplace(key, static_cast<int>(token_of_node_.size()));
    if (fresh) token_of_node_.push_back(-1);
    node = at->second;
  }
  if (token_of_node_[node] >= 0) {
    tokens_[token_of_node_[node]] = {std::move(token), id};
  } else {
    token_of_node_[node] = static_cast<int>(tokens_.size());
    tokens_.push_back({std::move(token), id});
  }
}

int AddedTokens::longest_at(std::string_view text, std::size_t at) const {
  int node = 0, found = -1;
  for (; at < text.size(); ++at) {
    const auto next =
        child_.find(static_cast<std::uint64_t>(node) * 256 + static_cast<unsigned char>(text[at]));
    if (next == child_.end()) break;
    node = next->second;
    if (token_of_node_[node] >= 0) found = token_of_node_[node];
  }
  return found;
}

std::vector<AddedTokens::Part> AddedTokens::match(std::string_view text, bool parse_special) const {
  std::vector<Part> parts;
  std::size_t done = 0;  // everything before it is in parts
  for (std::size_t at = 0; at < text.size() && !tokens_.empty();) {
    const int found = starts_[static_cast<unsigned char>(text[at])] ? longest_at(text, at) : -1;
    if (found < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[found].token;
    std::size_t start = at, stop = at + token.content.size();
    at = stop;  // a token that is then refused is passed over whole, as the reference does
    if (token.special && !parse_special) continue;
    if (token.single_word && (ends_with_word(text.substr(0, start)) || starts_with_word(text.substr(stop)))) {
      continue;
    }
    if (token.lstrip) start = end_without_spaces(text.substr(0, start));
    if (token.rstrip) stop += spaces_at_start(text.substr(stop));
    start = std::max(start, done);
    if (stop <= start) continue;  // swallowed by the token before it
    if (done < start) parts.push_back({text.substr(done, start - done), -1});
    parts.push_back({text.substr(start, stop - start), tokens_[found].id});
    done = stop;
  }
  if (done < text.size()) parts.push_back({text.substr(done), -1});
  return parts;
}

}  // namespace af2
