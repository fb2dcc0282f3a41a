#include "af2/text/token_trie.h"

#include <algorithm>
#include <string_view>

namespace af2 {
namespace {

constexpr std::size_t kLongest = 4096;

std::vector<std::string> text_tokens(const ByteBpe& tokenizer) {
  std::vector<std::string> bytes(static_cast<std::size_t>(tokenizer.size()));
  for (int id = 0; id < tokenizer.size(); ++id)
    if (!tokenizer.is_special(id)) bytes[static_cast<std::size_t>(id)] = tokenizer.token_bytes(id);
  return bytes;
}

}  // namespace

TokenTrie::TokenTrie(const ByteBpe& tokenizer) : TokenTrie(text_tokens(tokenizer)) {}

TokenTrie::TokenTrie(const std::vector<std::string>& bytes) : size(static_cast<int>(bytes.size())) {
  for (int id = 0; id < size; ++id) {
    const std::size_t n = bytes[static_cast<std::size_t>(id)].size();
    if (n > 0 && n <= kLongest) tokens.push_back(id);
  }
  const auto text = [&](int id) { return std::string_view(bytes[static_cast<std::size_t>(id)]); };
  // Sorted by bytes, tokens stand in the order of the walk.
  std::stable_sort(tokens.begin(), tokens.end(), [&](int a, int b) { return text(a) < text(b); });
  std::vector<std::uint32_t> path;  // the nodes of the token before
  std::string_view before;
  const auto close = [&](std::size_t keep) {
    for (; path.size() > keep; path.pop_back())
      nodes[path.back()].skip = static_cast<std::uint32_t>(nodes.size());
  };
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string_view token = text(tokens[i]);
    std::size_t same = 0;
    while (same < token.size() && same < before.size() && token[same] == before[same]) ++same;
    close(same);
    for (std::size_t d = same; d < token.size(); ++d) {
      path.push_back(static_cast<std::uint32_t>(nodes.size()));
      nodes.push_back({0, static_cast<std::uint32_t>(i), static_cast<std::uint16_t>(d + 1),
                       static_cast<std::uint8_t>(token[d])});
    }
    depth = std::max(depth, static_cast<int>(token.size()));
    before = token;
  }
  close(0);
  nodes.push_back(
      {static_cast<std::uint32_t>(nodes.size() + 1), static_cast<std::uint32_t>(tokens.size()), 0, 0});
}

}  // namespace af2
