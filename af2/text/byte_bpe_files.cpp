// Reading ByteBpe from tokenizer.json, from vocab.json + merges.txt and from plain lists.
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/text/byte_bpe.h"
#include "af2/text/utf8.h"

namespace af2 {
namespace {

using SortedJson = nlohmann::json;
using Step = PreTokenizer::Step;

constexpr int kMaxNesting = 8;                 // Sequences within Sequences
constexpr int kControl = 3, kUserDefined = 4;  // tokenizer.ggml.token_type

SortedJson parse_json(std::string_view text, const std::string& where) {
  try {
    return SortedJson::parse(text);
  } catch (const SortedJson::exception& error) {
    throw data_error(std::string("not JSON: ") + replace_invalid_utf8(error.what()), where);
  }
}

// Reads the parts of one tokenizer.json; every complaint names the file.
class JsonReader {
 public:
  explicit JsonReader(std::string where) { parts_.where = std::move(where); }

  BpeParts read(const SortedJson& root) {
    if (!root.is_object()) throw bad("not a tokenizer: no JSON object");
    const SortedJson& model = member(root, "model");
    if (!model.is_object()) throw bad("no model");
    read_model(model);
    if (const SortedJson& added = member(root, "added_tokens"); !added.is_null()) read_added(added);
    read_normalizer(member(root, "normalizer"), 0);
    read_pre_tokenizer(member(root, "pre_tokenizer"), 0);
    parts_.begin = beginning(member(root, "post_processor"), 0);
    if (!byte_level_) throw unsupported("a pre_tokenizer without ByteLevel");
    parts_.pre = PreTokenizer(std::move(steps_));
    return std::move(parts_);
  }

  void read_vocab(const SortedJson& vocab) {
    if (!vocab.is_object()) throw bad("vocab is not an object of tokens and ids");
    parts_.vocab.reserve(vocab.size());
    for (const auto& [token, id] : vocab.items())
      parts_.vocab.emplace_back(token, number(id, "id of a token"));
  }

  BpeParts take() { return std::move(parts_); }

 private:
  Error bad(std::string what) const { return data_error(std::move(what), parts_.where); }
  Error unsupported(const std::string& what) const {
    return model_error("not supported: " + what, parts_.where,
                       "byte-level BPE of the GPT-2, SmolLM2, Qwen2 or Llama 3 kind is");
  }

  static const SortedJson& member(const SortedJson& object, const char* name) {
    static const SortedJson null;
    const auto at = object.find(name);
    return at == object.end() ? null : *at;
  }
  int number(const SortedJson& value, const char* what) const {
    if (!value.is_number_integer() || value < 0 || value > std::numeric_limits<int>::max()) {
      throw bad(std::string(what) + " is not a whole number from 0 on");
    }
    return value.get<int>();
  }
  bool flag(const SortedJson& object, const char* name, bool otherwise) const {
    const SortedJson& value = member(object, name);
    if (value.is_null()) return otherwise;
    if (!value.is_boolean()) throw bad(std::string(name) + " is not true or false");
    return value.get<bool>();
  }
  // A string, or empty for null and for what is not there.
  std::string text(const SortedJson& object, const char* name) const {
    const SortedJson& value = member(object, name);
    if (value.is_null()) return {};
    if (!value.is_string()) throw bad(std::string(name) + " is not a string");
    return value.get<std::string>();
  }

  void read_model(const SortedJson& model) {
    const std::string type = text(model, "type");
    if (!type.empty() && type != "BPE") throw unsupported("model type " + type);
    if (flag(model, "byte_fallback", false)) throw unsupported("byte_fallback");
    if (!text(model, "continuing_subword_prefix").empty()) throw unsupported("continuing_subword_prefix");
    if (!text(model, "end_of_word_suffix").empty()) throw unsupported("end_of_word_suffix");
    if (const SortedJson& dropout = member(model, "dropout"); !dropout.is_null() && dropout != 0) {
      throw unsupported("dropout");
    }
    parts_.unk_token = text(model, "unk_token");
    parts_.fuse_unk = flag(model, "fuse_unk", false);
    parts_.ignore_merges = flag(model, "ignore_merges", false);
    read_vocab(member(model, "vocab"));
    const SortedJson& merges = member(model, "merges");
    if (!merges.is_array()) throw bad("merges is not a list");
    parts_.merges.reserve(merges.size());
    for (const SortedJson& merge : merges) {
      if (merge.is_string()) {
        parts_.merges.push_back(split_merge(merge.get_ref<const std::string&>(), parts_.where));
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
        parts_.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      } else {
        throw bad("merge " + std::to_string(parts_.merges.size()) + " is not a pair of tokens");
      }
    }
  }

  void read_added(const SortedJson& list) {
    if (!list.is_array()) throw bad("added_tokens is not a list");
    for (const SortedJson& item : list) {
      if (!item.is_object()) throw bad("an added token is not an object");
      AddedToken token;
      token.content = text(item, "content");
      token.special = flag(item, "special", false);
      token.lstrip = flag(item, "lstrip", false);
      token.rstrip = flag(item, "rstrip", false);
      token.single_word = flag(item, "single_word", false);
      token.normalized = flag(item, "normalized", !token.special);
      parts_.added.emplace_back(std::move(token), number(member(item, "id"), "id of an added token"));
    }
  }

  // The list `name` of a Sequence.
  const SortedJson& sequence(const SortedJson& object, const char* name, int depth) const {
    const SortedJson& list = member(object, name);
    if (!list.is_array()) throw bad(std::string(name) + " of a Sequence is not a list");
    if (depth >= kMaxNesting) throw unsupported("Sequences nested deeper than 8");
    return list;
  }

  void read_normalizer(const SortedJson& value, int depth) {
    if (value.is_null()) return;
    if (!value.is_object()) throw bad("a normalizer is not an object");
    const std::string type = text(value, "type");
    if (type == "NFC") {
      parts_.nfc = true;
    } else if (type == "Sequence") {
      for (const SortedJson& item : sequence(value, "normalizers", depth)) read_normalizer(item, depth + 1);
    } else {
      throw unsupported("normalizer " + type);
    }
  }

  // Of a TemplateProcessing that starts with a special token: that token.
  std::string beginning(const SortedJson& value, int depth) const {
    if (!value.is_object()) return {};
    const std::string type = text(value, "type");
    if (type == "Sequence") {
      for (const SortedJson& item : sequence(value, "processors", depth))
        if (std::string token = beginning(item, depth + 1); !token.empty()) return token;
    }
    const SortedJson& single = member(value, "single");
    if (type != "TemplateProcessing" || !single.is_array() || single.empty() || !single[0].is_object())
      return {};
    const SortedJson& special = member(single[0], "SpecialToken");
    return special.is_object() ? text(special, "id") : "";
  }

  void read_pre_tokenizer(const SortedJson& value, int depth) {
    if (value.is_null()) return;
    if (!value.is_object()) throw bad("a pre_tokenizer is not an object");
    const std::string type = text(value, "type");
    if (type == "Sequence") {
      for (const SortedJson& item : sequence(value, "pretokenizers", depth))
        read_pre_tokenizer(item, depth + 1);
      return;
    }
    if (byte_level_) throw unsupported("pre_tokenizer " + type + " after ByteLevel");
    if (type == "ByteLevel") {
      if (flag(value, "add_prefix_space", true)) throw unsupported("ByteLevel with add_prefix_space");
      if (flag(value, "use_regex", true)) steps_.push_back(Step::kGpt2);
      byte_level_ = true;
    } else if (type == "Digits") {
      steps_.push_back(flag(value, "individual_digits", false) ? Step::kEachDigit : Step::kDigitRuns);
    } else if (type == "Split") {
      const std::string behavior = text(value, "behavior");
      const bool invert = flag(value, "invert", false);
      // The known patterns match every character, so these two give the same words.
      if (!(behavior == "Isolated" && !invert) && !(behavior == "Removed" && invert)) {
        throw unsupported("Split with behavior " + behavior + (invert ? " inverted" : ""));
      }
      const SortedJson& pattern = member(value, "pattern");
      if (!pattern.is_object() || !member(pattern, "Regex").is_string()) {
        throw unsupported("Split by something else than a Regex");
      }
      try {
        steps_.push_back(PreTokenizer::step_of_pattern(text(pattern, "Regex")));
      } catch (const Error& error) {
        throw Error(error.kind(), error.problem(), parts_.where, error.hint());
      }
    } else {
      throw unsupported("pre_tokenizer " + type);
    }
    if (steps_.size() > 16) throw unsupported("more than 16 pre_tokenizers");
  }

 public:
  // "a b" as the two tokens. Throws kData.
  static std::pair<std::string, std::string> split_merge(std::string_view line, const std::string& where) {
    const std::size_t space = line.find(' ');
    if (space == 0 || space == std::string_view::npos || space + 1 == line.size() ||
        line.find(' ', space + 1) != std::string_view::npos) {
      throw data_error("not a merge of two tokens: '" + replace_invalid_utf8(line.substr(0, 80)) + "'",
                       where);
    }
    return {std::string(line.substr(0, space)), std::string(line.substr(space + 1))};
  }

 private:
  BpeParts parts_;
  std::vector<Step> steps_;
  bool byte_level_ = false;
};

// What the name of a pre-tokeniser says besides the pattern.
void apply_pre(BpeParts& parts, std::string_view pre) {
  try {
    parts.pre = PreTokenizer::named(pre);
  } catch (const Error& error) {
    throw Error(error.kind(), error.problem(), parts.where, error.hint());
  }
  parts.nfc = pre == "qwen2";
  parts.ignore_merges = parts.pre.steps() == std::vector<Step>{Step::kLlama3};
}

}  // namespace

ByteBpe ByteBpe::from_tokenizer_json_text(std::string_view json, const std::string& where) {
  return ByteBpe(read_tokenizer_json_text(json, where));
}

ByteBpe ByteBpe::from_tokenizer_json(const std::filesystem::path& path) {
  return ByteBpe(read_tokenizer_json(path));
}

BpeParts read_tokenizer_json(const std::filesystem::path& path) {
  return read_tokenizer_json_text(read_file(path), path.string());
}

BpeParts read_tokenizer_json_text(std::string_view json, const std::string& where) {
  return JsonReader(where).read(parse_json(json, where));
}

std::optional<TokenizerLists> lists_of(const BpeParts& parts) {
  if (!parts.unk_token.empty()) return std::nullopt;
  TokenizerLists lists;
  for (const char* pre : {"smollm", "gpt-2", "qwen2", "llama-bpe"}) {
    BpeParts named;
    apply_pre(named, pre);
    if (named.pre.steps() == parts.pre.steps() && named.nfc == parts.nfc &&
        named.ignore_merges == parts.ignore_merges)
      lists.pre = pre;
  }
  if (lists.pre.empty()) return std::nullopt;
  std::size_t size = 0;
  for (const auto& [token, id] : parts.vocab) size = std::max(size, static_cast<std::size_t>(id) + 1);
  for (const auto& [token, id] : parts.added) size = std::max(size, static_cast<std::size_t>(id) + 1);
  if (size > parts.vocab.size() + parts.added.size()) return std::nullopt;
  lists.tokens.resize(size);
  lists.types.assign(size, 1);
  for (const auto& [token, id] : parts.vocab) lists.tokens[static_cast<std::size_t>(id)] = token;
  for (const auto& [token, id] : parts.added) {
    lists.tokens[static_cast<std::size_t>(id)] = token.content;
    lists.types[static_cast<std::size_t>(id)] = token.special ? kControl : kUserDefined;
  }
  if (std::find(lists.tokens.begin(), lists.tokens.end(), "") != lists.tokens.end()) return std::nullopt;
  for (const auto& [first, second] : parts.merges) lists.merges.push_back(first + " " + second);
  return lists;
}

ByteBpe ByteBpe::from_vocab_and_merges(const std::filesystem::path& vocab_json,
                                       const std::filesystem::path& merges_txt, std::string_view pre) {
  JsonReader reader(vocab_json.string());
  reader.read_vocab(parse_json(read_file(vocab_json), vocab_json.string()));
  BpeParts parts = reader.take();
  const std::string merges = read_file(merges_txt);
  for (std::size_t at = 0; at < merges.size();) {
    const std::size_t end = std::min(merges.find('\n', at), merges.size());
    std::string_view line = std::string_view(merges).substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && !line.starts_with("#version")) {
      parts.merges.push_back(JsonReader::split_merge(line, merges_txt.string()));
    }
    at = end + 1;
  }
  apply_pre(parts, pre);
  return ByteBpe(parts);
}

ByteBpe ByteBpe::from_lists(const std::vector<std::string>& tokens, const std::vector<std::string>& merges,
                            const std::vector<int>& token_types, std::string_view pre,
                            const std::string& where) {
  BpeParts parts;
  parts.where = where;
  if (!token_types.empty() && token_types.size() != tokens.size()) {
    throw model_error(
        std::to_string(token_types.size()) + " token types for " + std::to_string(tokens.size()) + " tokens",
        where);
  }
  parts.vocab.reserve(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const int id = static_cast<int>(i), type = token_types.empty() ? 1 : token_types[i];
    parts.vocab.emplace_back(tokens[i], id);
    if (type == kControl || type == kUserDefined) {
      parts.added.emplace_back(AddedToken{.content = tokens[i], .special = type == kControl}, id);
    }
  }
  parts.merges.reserve(merges.size());
  for (const std::string& merge : merges) parts.merges.push_back(JsonReader::split_merge(merge, where));
  apply_pre(parts, pre);
  return ByteBpe(parts);
}

}  // namespace af2
