#include "af2/generate/conclusion.h"

#include <algorithm>
#include <utility>

#include "af2/core/error.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

constexpr int kPromptTokens = 1024, kAnswerTokens = 1024;

}  // namespace

std::string take_conclusion(Json& config, const std::string& where) {
  if (!config.is_object() || !config.contains("text") || !config["text"].is_object()) return "";
  Json& text = config["text"];
  if (!text.contains("conclusion")) return "";
  if (!text["conclusion"].is_string())
    throw user_error("must be a text, not " + text["conclusion"].dump(), where + " key text.conclusion");
  const std::string words = text["conclusion"].get<std::string>();
  text.erase("conclusion");
  if (trim(words).empty()) return "";
  if (!text.contains("max_prompt_tokens")) text["max_prompt_tokens"] = kPromptTokens;
  if (!config.contains("generation")) config["generation"] = Json::object();
  Json& generation = config["generation"];
  if (generation.is_object() && !generation.contains("max_new_tokens"))
    generation["max_new_tokens"] = kAnswerTokens;
  return words;
}

void put_conclusion(Json& config, const std::string& conclusion) {
  if (!conclusion.empty()) config["text"]["conclusion"] = conclusion;
}

Conclusion::Conclusion(const std::string& words, const ByteBpe& tokenizer, const std::vector<int>& stop_ids,
                       int most)
    : tokenizer_(tokenizer), stop_ids_(stop_ids), words_(words), most_(static_cast<std::size_t>(most)) {}

int Conclusion::next(int id, const std::vector<int>& written) {
  if (at_ < due_.size()) return due_[at_++];
  if (words_.empty() || std::find(stop_ids_.begin(), stop_ids_.end(), id) == stop_ids_.end()) return id;
  due_ = begin(written);
  at_ = 0;
  return due_.empty() ? id : due_[at_++];
}

std::vector<int> Conclusion::begin(const std::vector<int>& written) {
  const std::string words = std::exchange(words_, "");
  if (words.empty() || tokenizer_.decode(written).find(trim(words)) != std::string::npos) return {};
  std::vector<int> ids = tokenizer_.encode(words);
  // Without room for one more token behind them the words would say nothing.
  if (written.size() + ids.size() >= most_) return {};
  return ids;
}

}  // namespace af2
