#include "af2/data/manifest_formats.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>

#include "af2/audio/decode.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/data/manifest_table.h"
#include "af2/data/sound_place.h"
#include "af2/data/table.h"
#include "af2/data/tar_shard.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr double kDurationTolerance_s = 0.5;

// An item that cannot be taken, and why.
struct Refused {
  std::string reason;
};

std::string text_at(const Json& json, const char* key, const char* empty_reason) {
  if (!json.contains(key)) throw Refused{"key_missing"};
  if (!json[key].is_string()) throw Refused{"wrong_type"};
  std::string text = json[key].get<std::string>();
  if (trim(text).empty()) throw Refused{empty_reason};
  return text;
}

std::optional<double> time_at(const Json& json, const char* key) {
  if (!json.contains(key) || json[key].is_null()) return std::nullopt;
  if (!json[key].is_number()) throw Refused{"wrong_type"};
  const double seconds = json[key].get<double>();
  if (!std::isfinite(seconds) || seconds < 0) throw Refused{"bad_time"};
  return seconds;
}

std::vector<std::string> outputs_at(const Json& json) {
  if (!json.contains("output")) throw Refused{"key_missing"};
  if (!json["output"].is_array()) return {text_at(json, "output", "output_empty")};
  std::vector<std::string> outputs;
  for (const Json& output : json["output"])
    outputs.push_back(text_at({{"output", output}}, "output", "output_empty"));
  if (outputs.empty()) throw Refused{"output_empty"};
  return outputs;
}

// Text or number, as ids are; empty where there is none.
std::string id_at(const Json& json, const char* key) {
  if (!json.contains(key)) return "";
  if (json[key].is_string()) return json[key].get<std::string>();
  if (json[key].is_number_integer()) return json[key].dump();
  throw Refused{"wrong_type"};
}

class Reader {
 public:
  Reader(const fs::path& path, const ManifestRead& options, RecordCounts& counts, const ManifestSink& sink)
      : path_(path), options_(options), counts_(counts), sink_(sink) {}

  void read() {
    const std::string format = options_.format == "auto" ? manifest_format(path_) : options_.format;
    placed_ = format == "tar";  // its sounds lie where this puts them
    if (format == "jsonl")
      of_lines();
    else if (format == "af2")
      of_af2();
    else if (format == "af3" || format == "ltu")
      of_list(format == "af3");
    else if (format == "tar")
      of_tar();
    else if (format == "table")
      of_table();
    else
      throw user_error("is `" + format + "`", "format of the manifest",
                       "give auto, jsonl, af2, af3, ltu, tar or table");
    if (seen_ == 0) throw data_error("has no items", path_.string());
  }

 private:
  // Counts what `make` refuses; an id that was there before is refused too.
  template <class Make>
  void take(const std::string& where, const Make& make) {
    ++seen_;
    try {
      for (ManifestItem& item : make()) {
        if (!item.id.empty() && !ids_.insert(item.id).second) throw Refused{"id_twice"};
        give(std::move(item));
      }
    } catch (const Refused& refused) {
      counts_.drop(refused.reason, where);
    }
  }
  void give(ManifestItem item) {
    if (!placed_) {
      if (!root_) root_ = root_of(item.audio);
      item.audio = (*root_ / item.audio).generic_string();
    }
    sink_(std::move(item));
  }
  static void must_be_object(const Json& json) {
    if (!json.is_object()) throw Refused{"wrong_type"};
  }

  static ManifestItem plain_item(const Json& json) {
    must_be_object(json);
    ManifestItem item;
    item.audio = text_at(json, "audio", "audio_empty");
    item.prompt = text_at(json, "prompt", "prompt_empty");
    item.outputs = outputs_at(json);
    item.start_s = time_at(json, "start"), item.duration_s = time_at(json, "duration");
    item.id = id_at(json, "id"), item.task = id_at(json, "task");
    if (json.contains("meta")) item.meta = json["meta"];
    if (item.meta.is_object() && item.meta.contains("split") && item.meta["split"].is_string())
      item.split = item.meta["split"].get<std::string>();
    return item;
  }

  void of_lines() {
    std::ifstream file(path_, std::ios::binary);
    if (!file || fs::is_directory(path_)) throw data_error("cannot open", path_.string(), "name a file");
    std::string line;
    for (std::size_t number = 1; std::getline(file, line); ++number) {
      if (trim(line).empty()) continue;
      const std::string where = line_of(path_.string(), number);
      const Json json = parse_json(line, where);
      take(where, [&] { return std::vector<ManifestItem>{plain_item(json)}; });
    }
  }

  void of_table() {
    for (const auto& [where, json] : table_items(path_, options_.prompt))
      take(where, [&json = json] { return std::vector<ManifestItem>{plain_item(json)}; });
  }

  void of_af2() {
    const std::string where = path_.string();
    const Json json = parse_json(read_file(path_), where);
    for (const char* key : {"split_path", "total_num", "data"})
      if (!json.is_object() || !json.contains(key))
        throw data_error(std::string("lacks `") + key + "`", where);
    if (!json["split_path"].is_string() || !json["total_num"].is_number_integer() ||
        !json["data"].is_object())
      throw data_error("split_path, total_num or data is of the wrong type", where);
    if (json["total_num"] != json["data"].size())
      throw data_error("total_num is " + json["total_num"].dump() + ", there are " +
                           std::to_string(json["data"].size()) + " items",
                       where, "the file is cut or was edited: get it again, or correct the number");
    const fs::path folder = json["split_path"].get<std::string>();
    const auto said = [&json](const char* key) {
      return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
    };
    const std::string task = said("flamingo_task"), split = said("split");
    for (const auto& [key, entry] : json["data"].items())
      take(where + " key " + key, [&, &entry = entry] {
        must_be_object(entry);
        ManifestItem item;
        item.audio = (folder / text_at(entry, "name", "audio_empty")).generic_string();
        item.prompt = text_at(entry, "prompt", "prompt_empty");
        item.outputs = {text_at(entry, "output", "output_empty")};
        item.duration_s = time_at(entry, "duration"), item.start_s = time_at(entry, "audio_start");
        item.task = task, item.split = split;
        return std::vector<ManifestItem>{item};
      });
  }

  void of_list(bool conversations) {
    const Json json = parse_json(read_file(path_), path_.string());
    if (!json.is_array()) throw data_error("is no list", path_.string());
    for (std::size_t i = 0; i < json.size(); ++i)
      take(path_.string() + " item " + std::to_string(i), [&] {
        return conversations ? of_conversation(json[i]) : std::vector<ManifestItem>{of_ltu(json[i])};
      });
  }

  static ManifestItem of_ltu(const Json& json) {
    must_be_object(json);
    ManifestItem item;
    item.audio = text_at(json, "audio_id", "audio_empty");
    item.prompt = text_at(json, "instruction", "prompt_empty");
    if (const std::string input = id_at(json, "input"); !trim(input).empty()) item.prompt += "\n" + input;
    item.outputs = {text_at(json, "output", "output_empty")};
    item.task = id_at(json, "task");
    if (const std::string set = id_at(json, "dataset"); !set.empty()) item.meta = {{"dataset", set}};
    return item;
  }

  std::vector<ManifestItem> of_conversation(const Json& json) {
    must_be_object(json);
    if (!json.contains("sound") || json["sound"].is_null()) throw Refused{"sounds_none"};
    ManifestItem item;
    if (json["sound"].is_array()) {
      if (json["sound"].empty()) throw Refused{"sounds_none"};
      if (json["sound"].size() > 1) throw Refused{"sounds_several"};
      item.audio = text_at({{"sound", json["sound"][0]}}, "sound", "sounds_none");
    } else {
      item.audio = text_at(json, "sound", "sounds_none");
    }
    item.duration_s = time_at(json, "duration");
    item.id = id_at(json, "id");
    if (!json.contains("conversations")) throw Refused{"key_missing"};
    const Json& turns = json["conversations"];
    if (!turns.is_array()) throw Refused{"wrong_type"};
    if (turns.empty() || turns.size() % 2 != 0) throw Refused{"turns_out_of_order"};
    const std::size_t pairs = turns.size() / 2;
    if (pairs > 1 && options_.turns == "reject") throw Refused{"turns_several"};
    std::vector<ManifestItem> items;
    for (std::size_t p = 0; p < (options_.turns == "each" ? pairs : 1); ++p) {
      for (const std::size_t side : {0, 1}) {
        const Json& turn = turns[2 * p + side];
        must_be_object(turn);
        if (id_at(turn, "from") != (side == 0 ? "human" : "gpt")) throw Refused{"turns_out_of_order"};
      }
      ManifestItem one = item;
      one.prompt = without_marks(text_at(turns[2 * p], "value", "prompt_empty"));
      if (one.prompt.empty()) throw Refused{"prompt_empty"};
      one.outputs = {text_at(turns[2 * p + 1], "value", "output_empty")};
      if (pairs > 1 && options_.turns == "each" && !one.id.empty()) one.id += "-" + std::to_string(p + 1);
      items.push_back(std::move(one));
    }
    return items;
  }

  // "<sound>" and "<sound-1>" say where the sound stands; here it always stands before the question.
  static std::string without_marks(std::string text) {
    for (std::size_t at = 0; (at = text.find("<sound", at)) != std::string::npos;) {
      std::size_t end = at + 6;
      if (end < text.size() && text[end] == '-')
        for (++end; end < text.size() && text[end] >= '0' && text[end] <= '9';) ++end;
      if (end < text.size() && text[end] == '>')
        text.erase(at, end + 1 - at);
      else
        at = end;
    }
    return trim(text);
  }

  void of_tar() {
    if (options_.sounds.empty() && !options_.in_place)
      throw user_error("is missing: the sounds of a tar have to lie somewhere", "folder of the sounds",
                       "name one (--sounds)");
    std::map<std::string, std::map<std::string, TarMember>> keys;
    for (const TarMember& member : list_tar(path_)) {
      const std::size_t slash = member.name.rfind('/');
      const std::size_t dot = member.name.find('.', slash == std::string::npos ? 0 : slash + 1);
      if (dot != std::string::npos) keys[member.name.substr(0, dot)][member.name.substr(dot + 1)] = member;
    }
    for (const auto& [key, parts] : keys)
      take(path_.string() + " member " + key, [&, &key = key, &parts = parts] {
        const auto sound = std::find_if(parts.begin(), parts.end(), [](const auto& part) {
          return part.first == "wav" || part.first == "flac" || part.first == "mp3" || part.first == "ogg";
        });
        if (sound == parts.end()) throw Refused{"sound_missing"};
        const fs::path inside = fs::path(key + "." + sound->first).lexically_normal();
        if (inside.is_absolute() || inside.string().starts_with("..")) throw Refused{"path_leads_out"};
        ManifestItem item;
        if (parts.contains("json")) {
          Json json = Json::parse(read_tar_member(path_, parts.at("json")), nullptr, false);
          must_be_object(json);
          json["audio"] = "x";
          item = plain_item(json);
        } else if (parts.contains("txt")) {
          item.prompt = options_.prompt;
          item.outputs = {trim(read_tar_member(path_, parts.at("txt")))};
          if (trim(item.prompt).empty()) throw Refused{"prompt_empty"};
          if (item.outputs[0].empty()) throw Refused{"output_empty"};
        } else {
          throw Refused{"text_missing"};
        }
        if (item.id.empty()) item.id = key;
        if (options_.sounds.empty()) {
          item.audio = tar_place(path_, sound->second);
          return std::vector<ManifestItem>{item};
        }
        const fs::path out = fs::path(options_.sounds) / inside;
        fs::create_directories(out.parent_path());
        write_file_atomic(out, read_tar_member(path_, sound->second));
        item.audio = out.generic_string();
        return std::vector<ManifestItem>{item};
      });
  }

  // The given folder; else the manifest's, or the one above it where the first sound lies there.
  fs::path root_of(const std::string& first) const {
    if (!options_.audio.empty()) return options_.audio;
    const fs::path folder = path_.parent_path();
    return !fs::exists(folder / first) && fs::exists(folder / ".." / first)
               ? (folder / "..").lexically_normal()
               : folder;
  }

  const fs::path& path_;
  const ManifestRead& options_;
  RecordCounts& counts_;
  const ManifestSink& sink_;
  std::optional<fs::path> root_;
  bool placed_ = false;
  std::set<std::string> ids_;
  std::size_t seen_ = 0;
};

}  // namespace

std::string manifest_format(const fs::path& path) {
  if (path.extension() == ".tar") return "tar";
  if (path.extension() == ".jsonl") return "jsonl";
  if (path.extension() == ".csv" || path.extension() == ".tsv") return "table";
  const std::string text = read_file(path);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '{') {
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded() || !json.contains("data")) return "jsonl";  // several lines, or one item
    return "af2";
  }
  if (first != std::string::npos && text[first] == '[') {
    const Json json = parse_json(text, path.string());
    for (const Json& item : json) {
      if (item.is_object() && item.contains("conversations")) return "af3";
      if (item.is_object() && item.contains("audio_id")) return "ltu";
    }
  }
  throw data_error("is no manifest that is known here", path.string(),
                   "name its format: jsonl, af2, af3, ltu, tar or table");
}

void for_each_manifest_item(const fs::path& path, const ManifestRead& options, RecordCounts& counts,
                            const ManifestSink& sink) {
  if (options.turns != "reject" && options.turns != "first" && options.turns != "each")
    throw user_error("is `" + options.turns + "`", "turns of the manifest", "give reject, first or each");
  Reader(path, options, counts, sink).read();
}

std::vector<ManifestItem> read_any_manifest(const fs::path& path, const ManifestRead& options,
                                            RecordCounts& counts) {
  std::vector<ManifestItem> items;
  for_each_manifest_item(path, options, counts,
                         [&](ManifestItem&& item) { items.push_back(std::move(item)); });
  return items;
}

SoundLook look_at_sound(const fs::path& file) {
  if (!fs::is_regular_file(file_of_place(file.string()))) return {"audio_missing"};
  try {
    DecodeOptions some;
    some.max_seconds = 0.1;
    return {"", decode_place(file.string(), some).file_seconds};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kData) throw;
    return {"audio_unreadable"};
  }
}

void verify_sounds(std::vector<ManifestItem>& items, bool drop, RecordCounts& counts) {
  std::map<std::string, SoundLook> heard;
  std::erase_if(items, [&](ManifestItem& item) {
    const auto [place, first] = heard.try_emplace(item.audio);
    if (first) place->second = look_at_sound(item.audio);
    const auto& [problem, seconds] = place->second;
    if (!problem.empty()) counts.drop(problem, item.audio);
    const double rest = seconds - item.start_s.value_or(0);
    // Of a stretch, only what lies past the file's end shows.
    if (problem.empty() && item.duration_s &&
        (item.start_s.value_or(0) > 0 ? *item.duration_s - rest > kDurationTolerance_s
                                      : std::abs(*item.duration_s - rest) > kDurationTolerance_s))
      counts.drop("duration_differs", item.audio);
    return drop && !problem.empty();
  });
}

}  // namespace af2
