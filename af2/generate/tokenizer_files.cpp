#include "af2/generate/tokenizer_files.h"

#include <algorithm>
#include <optional>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/text/tokenizer_json.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr const char* kEndOfText = "<|endoftext|>";

// GGUF key and the name of the same token in a Hugging Face folder, without "_token".
constexpr std::pair<const char*, const char*> kSpecials[] = {
    {"tokenizer.ggml.bos_token_id", "bos"},
    {"tokenizer.ggml.eos_token_id", "eos"},
    {"tokenizer.ggml.unknown_token_id", "unk"},
    {"tokenizer.ggml.padding_token_id", "pad"},
};

Json json_beside(const fs::path& file) {
  return fs::exists(file) ? parse_json(read_file(file), file.string()) : Json::object();
}

// "bos_token": "<s>", or {"content": "<s>", …}.
std::string token_text(const Json& config, const std::string& name) {
  const auto at = config.find(name + "_token");
  if (at == config.end()) return {};
  if (at->is_string()) return at->get<std::string>();
  if (at->is_object() && at->contains("content") && (*at)["content"].is_string())
    return (*at)["content"].get<std::string>();
  return {};
}

// "eos_token_id": 2, or a list of which the first counts.
std::optional<int> token_number(const Json& config, const std::string& name) {
  const auto at = config.find(name + "_token_id");
  if (at == config.end()) return std::nullopt;
  const Json& value = at->is_array() && !at->empty() ? at->front() : *at;
  return value.is_number_unsigned() ? std::optional(value.get<int>()) : std::nullopt;
}

TokenizerLists lists_in(const Gguf& file) {
  TokenizerLists lists;
  if (const std::string* model = file.find_string("tokenizer.ggml.model"); model && *model != "gpt2")
    throw model_error("has a tokenizer of the kind \"" + *model + "\"", file.where(),
                      "byte-level BPE (\"gpt2\") is built in");
  lists.pre = file.get_string("tokenizer.ggml.pre");
  lists.tokens = file.get_strings("tokenizer.ggml.tokens");
  lists.merges = file.get_strings("tokenizer.ggml.merges");
  if (file.has("tokenizer.ggml.token_type"))
    for (const std::int64_t type : file.get_ints("tokenizer.ggml.token_type"))
      lists.types.push_back(static_cast<int>(type));
  return lists;
}

}  // namespace

bool holds_tokenizer(const fs::path& folder) {
  return fs::exists(folder / "tokenizer.json") ||
         (fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt"));
}

ByteBpe tokenizer_in(const fs::path& folder) {
  if (fs::exists(folder / "tokenizer.json")) return ByteBpe::from_tokenizer_json(folder / "tokenizer.json");
  return ByteBpe::from_vocab_and_merges(folder / "vocab.json", folder / "merges.txt", "qwen2");
}

ByteBpe tokenizer_of(const Gguf& file) {
  const TokenizerLists lists = lists_in(file);
  return ByteBpe::from_lists(lists.tokens, lists.merges, lists.types, lists.pre, file.where());
}

std::vector<std::string> copy_tokenizer(const fs::path& from, const fs::path& to) {
  std::vector<std::string> names;
  for (const char* name :
       {"tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "chat_template.jinja", "tokenizer.model"}) {
    if (!fs::exists(from / name)) continue;
    std::error_code error;
    fs::copy_file(from / name, to / name, error);
    if (error) throw resource_error("cannot be written: " + error.message(), (to / name).string());
    names.push_back(name);
  }
  return names;
}

GgufMetadata tokenizer_metadata(const fs::path& folder, int vocab) {
  const fs::path file = folder / "tokenizer.json";
  if (!fs::exists(file)) return {};
  std::optional<TokenizerLists> lists;
  std::string begin;
  try {
    const BpeParts parts = read_tokenizer_json(file);
    begin = parts.begin;
    lists = lists_of(parts);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kModel) throw;  // another kind of tokenizer is no damage
  }
  if (!lists || static_cast<int>(lists->tokens.size()) > vocab) return {};
  while (static_cast<int>(lists->tokens.size()) < vocab) {
    lists->tokens.push_back("[PAD" + std::to_string(lists->tokens.size()) + "]");
    lists->types.push_back(kUnusedToken);
  }
  const Json names = json_beside(folder / "tokenizer_config.json"),
             numbers = json_beside(folder / "config.json");
  GgufMetadata metadata = {{"tokenizer.ggml.model", std::string("gpt2")}, {"tokenizer.ggml.pre", lists->pre}};
  for (const auto& [key, name] : kSpecials) {
    std::string token = token_text(names, name);
    if (std::string_view(name) == "bos" && !begin.empty()) token = begin;
    const std::optional<int> number = token_number(numbers, name);
    if (token.empty() && number && *number < vocab) token = lists->tokens[static_cast<std::size_t>(*number)];
    if (token.empty() && std::string_view(name) == "eos") token = kEndOfText;
    const auto at = std::find(lists->tokens.begin(), lists->tokens.end(), token);
    if (!token.empty() && at != lists->tokens.end())
      metadata.emplace_back(key, static_cast<std::uint32_t>(at - lists->tokens.begin()));
  }
  metadata.emplace_back("tokenizer.ggml.add_bos_token", !begin.empty());
  metadata.emplace_back("tokenizer.ggml.tokens", std::move(lists->tokens));
  metadata.emplace_back("tokenizer.ggml.merges", std::move(lists->merges));
  metadata.emplace_back("tokenizer.ggml.token_type",
                        std::vector<std::int32_t>(lists->types.begin(), lists->types.end()));
  if (names.contains("chat_template") && names["chat_template"].is_string())
    metadata.emplace_back("tokenizer.chat_template", names["chat_template"].get<std::string>());
  else if (fs::exists(folder / "chat_template.jinja"))
    metadata.emplace_back("tokenizer.chat_template", read_file(folder / "chat_template.jinja"));
  return metadata;
}

bool write_tokenizer_files(const Gguf& file, const fs::path& folder) {
  TokenizerLists lists;
  try {
    lists = lists_in(file);
  } catch (const Error&) {
    return false;  // of another kind, or none
  }
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"clean_up_tokenization_spaces", false}};
  std::string begin;
  for (const auto& [key, name] : kSpecials) {
    const std::optional<std::uint64_t> id = file.find_uint(key);
    if (!id || *id >= lists.tokens.size()) continue;
    const std::string& token = lists.tokens[static_cast<std::size_t>(*id)];
    config[std::string(name) + "_token"] = token;
    if (std::string_view(name) == "bos") begin = token;
  }
  // What llama.cpp does where the file does not say.
  const bool llama3 = lists.pre == "llama-bpe" || lists.pre == "llama3" || lists.pre == "llama-v3";
  if (!file.find_bool("tokenizer.ggml.add_bos_token").value_or(llama3)) begin.clear();
  const std::optional<std::string> json = tokenizer_json_of(std::move(lists), begin);
  if (!json) return false;
  if (const std::string* chat = file.find_string("tokenizer.chat_template")) config["chat_template"] = *chat;
  write_file_atomic(folder / "tokenizer.json", *json + "\n");
  write_file_atomic(folder / "tokenizer_config.json", config.dump(2) + "\n");
  return true;
}

}  // namespace af2
