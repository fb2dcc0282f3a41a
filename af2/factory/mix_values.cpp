// Inputs of a mix as they are written, and what it made as JSON (mix.h).
#include <charconv>
#include <filesystem>
#include <utility>

#include "af2/core/error.h"
#include "af2/factory/mix.h"

namespace af2 {
namespace fs = std::filesystem;

MixInput mix_input_of(const std::string& text) {
  const std::size_t at = text.rfind('=');
  std::error_code ignored;
  if (at == std::string::npos || fs::exists(text, ignored)) return {text, std::nullopt};
  double weight = 0;
  const char *begin = text.data() + at + 1, *end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(begin, end, weight);
  if (code != std::errc() || stop != end || !(weight > 0) || weight > 1e12)
    throw user_error("the weight must be a number above 0", "--in " + text, "as in --in sets/a=0.5");
  return {text.substr(0, at), weight};
}

Json MixResult::json() const {
  Json json = {{"items", items}, {"possible", possible}, {"renamed", renamed}};
  json["inputs"] = Json::array();
  for (const MixOfInput& input : inputs) {
    Json one = {{"path", input.path}, {"form", input.form}};
    if (input.weight) one["weight"] = *input.weight;
    for (const auto& [key, n] :
         {std::pair("read", input.read), std::pair("other_split", input.other_split),
          std::pair("no_share", input.no_share), std::pair("duplicates", input.duplicates),
          std::pair("available", input.available), std::pair("taken", input.taken),
          std::pair("repeats", input.repeats), std::pair("no_split", input.no_split)})
      one[key] = n;
    one["left_out"] = Json::object();
    for (const auto& [reason, n] : input.left_out.dropped) one["left_out"][reason] = n;
    json["inputs"].push_back(std::move(one));
  }
  json["shares"] = Json::array();
  for (const MixOfShare& share : shares)
    json["shares"].push_back({{"skill", share.skill},
                              {"weight", share.weight},
                              {"available", share.available},
                              {"taken", share.taken}});
  json["no_share"] = Json::object();
  for (const auto& [skill, n] : no_share) json["no_share"][skill] = n;
  json["absent"] = absent, json["other_words"] = other_words, json["files"] = files;
  return json;
}

}  // namespace af2
