#include "af2/data/clap_pairs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

std::string text_of(const Json& json, const std::string& key, const std::string& where) {
  if (!json.is_string()) throw data_error("`" + key + "` is not a text", where, "correct the line");
  std::string text = json.get<std::string>();
  if (trim(text).empty()) throw data_error("`" + key + "` is empty", where, "fill it or drop the line");
  return text;
}

double time_of(const Json& json, const char* key, const std::string& where) {
  const double seconds = json.is_number() ? json.get<double>() : NAN;
  if (!std::isfinite(seconds) || seconds < 0)
    throw data_error(std::string("`") + key + "` is no time in seconds", where, "give a number from 0");
  return seconds;
}

std::vector<std::string> texts_of(const Json& json, const std::string& key, const std::string& where) {
  if (!json.is_array()) throw data_error("`" + key + "` is not a list", where, "correct the line");
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < json.size(); ++i)
    texts.push_back(text_of(json[i], key + "[" + std::to_string(i) + "]", where));
  return texts;
}

// `count` of `texts` drawn, in the order of the list.
template <class T>
std::vector<std::size_t> draw(const std::vector<T>& texts, std::size_t first, int count, Random& rng) {
  std::vector<std::size_t> places;
  for (std::size_t i = first; i < texts.size(); ++i) places.push_back(i);
  if (count >= static_cast<int>(places.size())) return places;
  rng.shuffle(places);
  places.resize(static_cast<std::size_t>(std::max(0, count)));
  std::sort(places.begin(), places.end());
  return places;
}

}  // namespace

std::string same_text_key(std::string_view text) {
  std::string key;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (blank && (key.empty() || key.back() == ' ')) continue;
    key += blank ? ' ' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  while (!key.empty() && std::string_view(" .!").find(key.back()) != std::string_view::npos) key.pop_back();
  return key;
}

ClapPair parse_clap_pair(const Json& json, const std::string& where, PairAudio audio) {
  constexpr std::array<const char*, 6> kKeys = {"audio",    "start",     "duration",
                                                "captions", "negatives", "source"};
  if (!json.is_object()) throw data_error("is not a JSON object", where, "give one object a line");
  for (const auto& [key, value] : json.items())
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end())
      throw data_error(
          "unknown key `" + printable(key) + "`", where,
          "did you mean `" + nearest_word(key, std::vector<std::string>(kKeys.begin(), kKeys.end())) + "`?");
  ClapPair pair;
  if (json.contains("audio"))
    pair.audio = text_of(json["audio"], "audio", where);
  else if (audio == PairAudio::kNamed)
    throw data_error("`audio` is missing", where, "name the clip's file");
  if (json.contains("start")) pair.start_s = time_of(json["start"], "start", where);
  if (json.contains("duration") && !json["duration"].is_null()) {
    pair.duration_s = time_of(json["duration"], "duration", where);
    if (*pair.duration_s == 0) throw data_error("`duration` is 0", where, "leave it out for the whole file");
  }
  if (!json.contains("captions")) throw data_error("`captions` is missing", where, "give at least one");
  pair.captions = texts_of(json["captions"], "captions", where);
  if (pair.captions.empty()) throw data_error("`captions` is an empty list", where, "give at least one");
  pair.negatives.resize(pair.captions.size());
  if (json.contains("negatives")) {
    const Json& lists = json["negatives"];
    if (!lists.is_array() || lists.size() != pair.captions.size())
      throw data_error("`negatives` has " + std::to_string(lists.is_array() ? lists.size() : 0) +
                           " lists for " + std::to_string(pair.captions.size()) + " captions",
                       where, "give one list for each caption, empty where there is none");
    for (std::size_t m = 0; m < lists.size(); ++m)
      pair.negatives[m] = texts_of(lists[m], "negatives[" + std::to_string(m) + "]", where);
  }
  if (json.contains("source")) pair.source = text_of(json["source"], "source", where);
  std::set<std::string> seen;
  const auto once = [&](const std::string& text) {
    if (!seen.insert(same_text_key(text)).second)
      throw data_error("a text stands twice: \"" + printable(text, 60) + "\"", where,
                       "a caption or negative must differ from all others of its clip");
  };
  for (const auto& caption : pair.captions) once(caption);
  for (const auto& list : pair.negatives)
    for (const auto& negative : list) once(negative);
  return pair;
}

std::string clap_pair_line(const ClapPair& pair) {
  Json json;
  json["audio"] = pair.audio;
  json["start"] = pair.start_s;
  if (pair.duration_s) json["duration"] = *pair.duration_s;
  json["captions"] = pair.captions;
  json["negatives"] = pair.negatives;
  if (!pair.source.empty()) json["source"] = pair.source;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

ClapTexts draw_texts(const ClapPair& pair, Random& rng, const CaptionOptions& options) {
  std::vector<std::size_t> places = {0};
  for (const std::size_t i : draw(pair.captions, 1, options.positives - 1, rng)) places.push_back(i);
  ClapTexts texts;
  for (const std::size_t m : places) {
    texts.captions.push_back(pair.captions[m]);
    texts.negatives.emplace_back();
    for (const std::size_t n : draw(pair.negatives[m], 0, options.negatives, rng))
      texts.negatives.back().push_back({pair.negatives[m][n], ""});
  }
  return texts;
}

}  // namespace af2
