#include "af2/eval/caption_files.h"

#include <cmath>
#include <map>
#include <optional>
#include <unordered_map>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json.h"

namespace af2 {
namespace {

// Python's scorers write NaN as a bare word, which JSON does not have.
std::string without_nan(const std::string& text) {
  std::string out;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"' && (at == 0 || text[at - 1] != '\\')) quoted = !quoted;
    if (!quoted && text.compare(at, 3, "NaN") == 0) {
      out += "null";
      at += 2;
    } else {
      out += text[at];
    }
  }
  return out;
}

std::string key_text(const Json& key) {
  return key.is_string() ? key.get<std::string>() : key.dump();
}

// A score, null for what is no number; nothing: this is no score.
std::optional<Json> score_in(const Json& value) {
  if (value.is_number() || value.is_null()) return value;
  if (!value.is_object()) return std::nullopt;
  if (value.contains("All")) return score_in(value.at("All"));
  if (value.contains("f")) return score_in(value.at("f"));
  if (value.contains("score")) return score_in(value.at("score"));
  std::optional<Json> only;
  for (const auto& [key, member] : value.items()) {
    if (key == "image_id" || key == "id") continue;
    const std::optional<Json> found = score_in(member);
    if (!found) continue;
    if (only) return std::nullopt;  // which of them is meant?
    only = found;
  }
  return only;
}

}  // namespace

void write_coco_captions(const std::filesystem::path& folder, const std::vector<CaptionItem>& items) {
  Json images = Json::array(), annotations = Json::array(), candidates = Json::array();
  for (std::size_t i = 0; i < items.size(); ++i) {
    images.push_back({{"id", i}, {"file_name", items[i].id}});
    for (const std::string& reference : items[i].references)
      annotations.push_back({{"image_id", i}, {"id", annotations.size()}, {"caption", reference}});
    candidates.push_back({{"image_id", i}, {"caption", items[i].candidate}});
  }
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) throw resource_error("cannot make the folder: " + failed.message(), folder.string());
  const Json references = {{"images", images}, {"annotations", annotations}, {"type", "captions"}};
  write_file_atomic(folder / "refs.json", references.dump(1) + "\n");
  write_file_atomic(folder / "cands.json", candidates.dump(1) + "\n");
}

ExternalScores read_external_scores(const std::filesystem::path& file, const std::vector<std::string>& ids) {
  const std::string where = file.string();
  const Json json = parse_json(without_nan(read_file(file)), where);
  std::unordered_map<std::string, std::size_t> by_id, by_number;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    by_id.emplace(ids[i], i);
    by_number.emplace(std::to_string(i), i);  // the image_id of write_coco_captions
  }
  std::vector<std::optional<Json>> found(ids.size());
  const auto take = [&](const auto& first, const auto& second, const std::string& key, const Json& value) {
    std::optional<std::size_t> at;
    if (const auto known = first.find(key); known != first.end())
      at = known->second;
    else if (const auto other = second.find(key); other != second.end())
      at = other->second;
    if (!at) throw data_error("a score of an unknown item \"" + key + "\"", where);
    const std::optional<Json> score = score_in(value);
    if (!score)
      throw data_error("no score of item \"" + key + "\" can be told", where,
                       "give {\"id\": score} or a list of {\"image_id\", \"score\"}");
    if (found[*at]) throw data_error("item \"" + key + "\" has two scores", where);
    found[*at] = score;
  };
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) take(by_id, by_number, key, value);
  } else if (json.is_array()) {
    for (const Json& entry : json) {
      const char* key = entry.contains("image_id") ? "image_id" : "id";
      if (!entry.is_object() || !entry.contains(key)) throw data_error("an entry without image_id", where);
      take(by_number, by_id, key_text(entry.at(key)), entry);
    }
  } else {
    throw data_error("neither a table nor a list of scores", where);
  }
  ExternalScores out;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!found[i])
      throw data_error("no score of item \"" + ids[i] + "\"", where, "run the scorer on all of cands.json");
    const bool number = found[i]->is_number();
    if (!number) out.not_numbers.push_back(ids[i]);
    out.scores.push_back(number ? found[i]->get<double>() : 0);
  }
  return out;
}

}  // namespace af2
