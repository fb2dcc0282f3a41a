#include "af2/data/clap_rewriter.h"

#include "af2/core/text_util.h"

namespace af2 {

ClapRewriter::ClapRewriter(LlmClient* client, const std::filesystem::path& templates)
    : client_(client),
      merge_(llm_template("clap_merge", templates)),
      visual_(llm_template("clap_clean_visual", templates)),
      audible_(llm_template("clap_clean_audible", templates)),
      positives_(llm_template("clap_positives", templates)),
      negatives_(llm_template("clap_negatives", templates)) {}

std::optional<Json> ClapRewriter::ask(const LlmRequest& request, const char* stage,
                                      ClapCounts& counts) const {
  LlmReply reply = client_->ask(request);
  if (!reply.value) ++counts[std::string(stage) + "/failed_parse"];
  return std::move(reply.value);
}

LlmRequest ClapRewriter::merge_request(const std::string& caption, const std::string& visual) const {
  return merge_.request({{"caption", data_slot(caption)}, {"visual", data_slot(visual)}});
}

LlmRequest ClapRewriter::audible_request(const std::string& caption, const std::string& heard,
                                         const std::string& visual) const {
  return audible_.request(
      {{"caption", data_slot(caption)}, {"heard", data_slot(heard)}, {"visual", data_slot(visual)}});
}

std::optional<std::string> ClapRewriter::merge(const std::string& caption, const std::string& visual,
                                               ClapCounts& counts) const {
  const auto reply = ask(merge_request(caption, visual), "merge", counts);
  if (!reply) return std::nullopt;
  const Json& text = (*reply)["text"];
  if (text.is_string() && !trim(text.get<std::string>()).empty()) return trim(text.get<std::string>());
  ++counts["merge/none"];
  return std::nullopt;
}

std::optional<std::string> ClapRewriter::clean(const std::string& caption, const std::string& heard,
                                               const std::string& visual, ClapCounts& counts) const {
  std::string now = caption;
  for (const bool first : {true, false}) {
    const auto reply =
        ask(first ? visual_.request({{"caption", data_slot(now)}}) : audible_request(now, heard, visual),
            "clean", counts);
    if (!reply) return std::nullopt;
    const Json& text = (*reply)["text"];
    if (!text.is_string() || trim(text.get<std::string>()).empty()) {
      ++counts["clean/none"];
      return std::nullopt;
    }
    now = trim(text.get<std::string>());
  }
  if (now != caption) ++counts["clean/changed"];
  return now;
}

std::vector<std::string> ClapRewriter::positives(const std::string& caption, int number,
                                                 const std::string& words, ClapCounts& counts) const {
  std::vector<std::string> texts;
  if (number <= 0) return texts;
  const auto reply =
      ask(positives_.request(
              {{"caption", data_slot(caption)}, {"number", std::to_string(number)}, {"words", words}}),
          "positive", counts);
  if (reply)
    for (const Json& text : (*reply)["texts"]) texts.push_back(trim(text.get<std::string>()));
  return texts;
}

std::vector<ClapNegative> ClapRewriter::negatives(const std::string& caption, int number,
                                                  const std::string& words, ClapCounts& counts) const {
  std::vector<ClapNegative> texts;
  if (number <= 0) return texts;
  const auto reply =
      ask(negatives_.request(
              {{"caption", data_slot(caption)}, {"number", std::to_string(number)}, {"words", words}}),
          "negative", counts);
  if (reply)
    for (const Json& one : (*reply)["texts"])
      texts.push_back({trim(one["text"].get<std::string>()), one["kind"].get<std::string>()});
  return texts;
}

std::vector<LlmRequest> ClapRewriter::preview(const std::string& caption, const std::string& visual,
                                              bool clean, int n_positives, int n_negatives,
                                              const std::string& words) const {
  std::vector<LlmRequest> all;
  if (!visual.empty()) all.push_back(merge_request(caption, visual));
  if (clean) {
    all.push_back(visual_.request({{"caption", data_slot(caption)}}));
    all.push_back(audible_request(caption, caption, visual));
  }
  const auto slots = [&](int number) {
    return std::map<std::string, std::string>{
        {"caption", data_slot(caption)}, {"number", std::to_string(number)}, {"words", words}};
  };
  if (n_positives > 1) all.push_back(positives_.request(slots(n_positives - 1)));
  for (int m = 0; m < n_positives && n_negatives > 0; ++m)
    all.push_back(negatives_.request(slots(n_negatives)));
  return all;
}

Json ClapRewriter::versions() const {
  Json all = Json::object();
  for (const LlmTemplate* one : {&merge_, &visual_, &audible_, &positives_, &negatives_})
    all[one->name] = one->version;
  return all;
}

}  // namespace af2
