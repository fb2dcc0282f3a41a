#include "af2/data/manifest.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"

namespace af2 {
namespace {

std::string text_of(const Json& json, const char* key, const std::string& where) {
  if (!json.is_string()) throw data_error(std::string("`") + key + "` is not a string", where);
  std::string text = json.get<std::string>();
  if (text.empty()) throw data_error(std::string("`") + key + "` is empty", where);
  return text;
}

double seconds_of(const Json& json, const char* key, const std::string& where) {
  if (!json.is_number()) throw data_error(std::string("`") + key + "` is not a number", where);
  const double seconds = json.get<double>();
  if (!std::isfinite(seconds) || seconds < 0)
    throw data_error(std::string("`") + key + "` is negative or not finite", where);
  return seconds;
}

ManifestItem parse_item(const Json& json, const std::string& where) {
  constexpr std::array<const char*, 8> kKeys = {"audio",    "prompt", "output", "start",
                                                "duration", "id",     "task",   "meta"};
  if (!json.is_object()) throw data_error("is not a JSON object", where);
  for (const auto& [key, value] : json.items())
    if (std::find(kKeys.begin(), kKeys.end(), key) == kKeys.end())
      throw data_error("unknown key `" + key + "`", where, "extra fields belong into `meta`");
  for (std::size_t i = 0; i < 3; ++i)
    if (!json.contains(kKeys[i])) throw data_error(std::string("`") + kKeys[i] + "` is missing", where);
  ManifestItem item;
  item.audio = text_of(json["audio"], "audio", where);
  item.prompt = text_of(json["prompt"], "prompt", where);
  if (json["output"].is_array()) {
    for (const Json& output : json["output"]) item.outputs.push_back(text_of(output, "output", where));
    if (item.outputs.empty()) throw data_error("`output` is an empty list", where);
  } else {
    item.outputs.push_back(text_of(json["output"], "output", where));
  }
  if (json.contains("start")) item.start_s = seconds_of(json["start"], "start", where);
  if (json.contains("duration")) item.duration_s = seconds_of(json["duration"], "duration", where);
  if (json.contains("id")) item.id = text_of(json["id"], "id", where);
  if (json.contains("task")) item.task = text_of(json["task"], "task", where);
  if (json.contains("meta")) item.meta = json["meta"];
  return item;
}

}  // namespace

std::vector<ManifestItem> parse_manifest(std::string_view text, const std::string& name) {
  std::vector<ManifestItem> items;
  std::set<std::string> ids;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = name + ":" + std::to_string(number);
    items.push_back(parse_item(parse_json(line, where), where));
    const std::string& id = items.back().id;
    if (!id.empty() && !ids.insert(id).second) throw data_error("id `" + id + "` stands twice", where);
  }
  if (items.empty()) throw data_error("has no items", name);
  return items;
}

std::vector<ManifestItem> read_manifest(const std::filesystem::path& path) {
  return parse_manifest(read_file(path), path.string());
}

std::string manifest_line(const ManifestItem& item) {
  Json json;
  json["audio"] = item.audio;
  json["prompt"] = item.prompt;
  if (item.outputs.size() == 1)
    json["output"] = item.outputs[0];
  else
    json["output"] = item.outputs;
  if (item.start_s) json["start"] = *item.start_s;
  if (item.duration_s) json["duration"] = *item.duration_s;
  if (!item.id.empty()) json["id"] = item.id;
  if (!item.task.empty()) json["task"] = item.task;
  if (!item.meta.is_null()) json["meta"] = item.meta;
  return json.dump();
}

void write_manifest(const std::filesystem::path& path, const std::vector<ManifestItem>& items) {
  std::string text;
  for (const ManifestItem& item : items) text += manifest_line(item) + "\n";
  write_file_atomic(path, text);
}

}  // namespace af2
