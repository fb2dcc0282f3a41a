#include "af2/text/tokenizer_json.h"

#include <nlohmann/json.hpp>
#include <set>

#include "af2/core/error.h"
#include "af2/text/utf8.h"

namespace af2 {
namespace {

using SortedJson = nlohmann::json;  // with sorted keys: in an ordered one each of 150,000 tokens is a search
using Step = PreTokenizer::Step;

SortedJson byte_level(bool use_regex) {
  return {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

SortedJson pre_tokenizer(const std::vector<Step>& steps) {
  SortedJson passes = SortedJson::array();
  bool gpt2 = false;  // the one pattern that ByteLevel has itself; named() puts it last
  for (const Step step : steps) {
    gpt2 = step == Step::kGpt2;
    if (step == Step::kEachDigit || step == Step::kDigitRuns)
      passes.push_back({{"type", "Digits"}, {"individual_digits", step == Step::kEachDigit}});
    else if (!gpt2)
      passes.push_back({{"type", "Split"},
                        {"pattern", {{"Regex", PreTokenizer::pattern_of(step)}}},
                        {"behavior", "Isolated"},
                        {"invert", false}});
  }
  passes.push_back(byte_level(gpt2));
  if (passes.size() == 1) return passes[0];
  return {{"type", "Sequence"}, {"pretokenizers", std::move(passes)}};
}

// Puts `begin` before a text, and before the first of two.
SortedJson post_processor(const std::string& begin, int id) {
  if (begin.empty()) return byte_level(true);
  const auto special = [&](int part) {
    return SortedJson{{"SpecialToken", {{"id", begin}, {"type_id", part}}}};
  };
  const auto text = [](const char* name, int part) {
    return SortedJson{{"Sequence", {{"id", name}, {"type_id", part}}}};
  };
  return {
      {"type", "TemplateProcessing"},
      {"single", SortedJson::array({special(0), text("A", 0)})},
      {"pair", SortedJson::array({special(0), text("A", 0), special(1), text("B", 1)})},
      {"special_tokens",
       {{begin, {{"id", begin}, {"ids", SortedJson::array({id})}, {"tokens", SortedJson::array({begin})}}}}}};
}

bool is_added(int type) {
  return type == kControlToken || type == kUserToken;
}

bool same(const TokenizerLists& a, const TokenizerLists& b) {
  if (a.pre != b.pre || a.tokens != b.tokens || a.merges != b.merges) return false;
  for (std::size_t i = 0; i < a.types.size(); ++i)
    if ((is_added(a.types[i]) || is_added(b.types[i])) && a.types[i] != b.types[i]) return false;
  return true;
}

}  // namespace

std::optional<std::string> tokenizer_json_of(TokenizerLists lists, const std::string& begin) {
  if (lists.types.empty()) lists.types.assign(lists.tokens.size(), kPlainToken);
  if (lists.types.size() != lists.tokens.size()) return std::nullopt;
  while (!lists.types.empty() && lists.types.back() == kUnusedToken) {
    lists.types.pop_back();
    lists.tokens.pop_back();
  }
  SortedJson vocab = SortedJson::object(), added = SortedJson::array();
  std::set<std::string_view> seen;
  int begin_id = -1;
  for (std::size_t i = 0; i < lists.tokens.size(); ++i) {
    const std::string& token = lists.tokens[i];
    const int id = static_cast<int>(i), type = lists.types[i];
    if (token.empty() || !is_valid_utf8(token) || !seen.insert(token).second) return std::nullopt;
    if (type < kPlainToken || type > kUnusedToken) return std::nullopt;  // bytes of SentencePiece
    vocab[token] = id;
    if (token == begin) begin_id = id;
    if (!is_added(type)) continue;
    added.push_back({{"id", id},
                     {"content", token},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", type == kControlToken}});
  }
  if (!begin.empty() && begin_id < 0) return std::nullopt;
  for (const auto& merge : lists.merges)
    if (!is_valid_utf8(merge)) return std::nullopt;
  try {
    const PreTokenizer pre = PreTokenizer::named(lists.pre);
    const bool llama3 = pre.steps() == std::vector<Step>{Step::kLlama3};
    const bool nfc = pre.steps() == std::vector<Step>{Step::kQwen2};
    const SortedJson whole = {{"version", "1.0"},
                              {"truncation", nullptr},
                              {"padding", nullptr},
                              {"added_tokens", std::move(added)},
                              {"normalizer", nfc ? SortedJson{{"type", "NFC"}} : SortedJson()},
                              {"pre_tokenizer", pre_tokenizer(pre.steps())},
                              {"post_processor", post_processor(begin, begin_id)},
                              {"decoder", byte_level(true)},
                              {"model",
                               {{"type", "BPE"},
                                {"dropout", nullptr},
                                {"unk_token", nullptr},
                                {"continuing_subword_prefix", nullptr},
                                {"end_of_word_suffix", nullptr},
                                {"fuse_unk", false},
                                {"byte_fallback", false},
                                {"ignore_merges", llama3},
                                {"vocab", std::move(vocab)},
                                {"merges", lists.merges}}}};
    std::string text = whole.dump();
    const BpeParts parts = read_tokenizer_json_text(text);
    const ByteBpe loads(parts);
    std::optional<TokenizerLists> back = lists_of(parts);
    if (back && PreTokenizer::named(back->pre).steps() == pre.steps()) back->pre = lists.pre;
    if (back && same(*back, lists)) return text;
  } catch (const Error&) {
  }
  return std::nullopt;
}

}  // namespace af2
