// Writing of manifest_formats.h.
#include <cmath>
#include <map>
#include <set>

#include "af2/audio/decode.h"
#include "af2/core/error.h"
#include "af2/data/manifest_formats.h"
#include "af2/io/atomic_file.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

class Writer {
 public:
  Writer(const fs::path& path, const std::string& format, const ManifestWrite& options, RecordCounts& counts)
      : folder_(fs::absolute(path).lexically_normal().parent_path()),
        path_(path),
        format_(format),
        options_(options),
        counts_(counts) {}

  std::size_t write(const std::vector<ManifestItem>& items) {
    std::vector<ManifestItem> kept;
    for (const ManifestItem& item : items) take(item, kept);
    if (kept.empty())
      throw data_error("no item is left of " + std::to_string(items.size()), path_.string(),
                       "the counts say why each was left out");
    fs::create_directories(folder_);
    AtomicFile file(path_);
    if (format_ == "af2") file.write(af2_head(kept));
    if (format_ == "af3" || format_ == "ltu") file.write("[");
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (format_ == "jsonl") {
        file.write(manifest_line(kept[i]) + "\n");
        continue;
      }
      file.write(i == 0 ? "\n" : ",\n");
      if (format_ == "af2") file.write("\"" + std::to_string(i) + "\":");
      file.write(entry(kept[i]).dump(-1, ' ', false, Json::error_handler_t::replace));
    }
    if (format_ == "af2") file.write("\n}}\n");
    if (format_ == "af3" || format_ == "ltu") file.write("\n]\n");
    file.commit();
    return kept.size();
  }

 private:
  void take(ManifestItem item, std::vector<ManifestItem>& kept) {
    const std::string where = item.id.empty() ? item.audio : item.id;
    const bool needs_duration = format_ == "af2" || format_ == "af3";
    if (needs_duration && !item.duration_s) {
      item.duration_s = seconds_of(item.audio, item.start_s.value_or(0));
      if (!item.duration_s) return counts_.drop("duration_unknown", where);
    }
    if ((format_ == "af3" || format_ == "ltu") && item.start_s.value_or(0) > 0)
      return counts_.drop("stretch", where);
    if (format_ != "jsonl") {
      if (!item.meta.is_null() && !(format_ == "ltu" && item.meta.is_object() && item.meta.size() == 1 &&
                                    item.meta.contains("dataset")))
        counts_.drop("lost_meta", where);
      if (!item.id.empty() && format_ != "af3") counts_.drop("lost_id", where);
      if (!item.task.empty() && format_ == "af3") counts_.drop("lost_task", where);
    }
    item.audio = fs::absolute(item.audio).lexically_normal().lexically_proximate(folder_).generic_string();
    if (format_ == "jsonl" || item.outputs.size() == 1) {
      kept.push_back(std::move(item));
    } else if (options_.outputs == "reject") {
      counts_.drop("outputs_several", where);
    } else {
      for (std::size_t i = 0; i < (options_.outputs == "each" ? item.outputs.size() : 1); ++i) {
        ManifestItem one = item;
        one.outputs = {item.outputs[i]};
        if (options_.outputs == "each" && !one.id.empty()) one.id += "-" + std::to_string(i + 1);
        kept.push_back(std::move(one));
      }
    }
  }

  // From the header; nothing where it cannot be read.
  std::optional<double> seconds_of(const std::string& audio, double start) {
    const auto [place, first] = seconds_.emplace(audio, std::nullopt);
    if (first) {
      try {
        DecodeOptions some;
        some.max_seconds = 0.1;
        place->second = decode_file(audio, some).file_seconds;
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kData) throw;
      }
    }
    if (!place->second || *place->second <= start) return std::nullopt;
    return *place->second - start;
  }

  std::string af2_head(const std::vector<ManifestItem>& items) const {
    std::string task = options_.task;
    bool same = true;
    for (const ManifestItem& item : items) same = same && item.task == items[0].task;
    if (task.empty()) task = same && !items[0].task.empty() ? items[0].task : "AF2";
    std::string head = Json{
        {"split", options_.split},
        {"split_path", ""},
        {"flamingo_task", task},
        {"total_num",
         items.size()}}.dump(-1, ' ', false, Json::error_handler_t::replace);
    head.pop_back();
    return head + ",\"data\":{";
  }

  // A name of its own for what has no id: the sound's, with a number from the second question about it on.
  std::string id_of(const ManifestItem& item) {
    std::string id = item.id.empty() ? item.audio : item.id;
    for (int n = 2; !ids_.insert(id).second && item.id.empty(); ++n)
      id = item.audio + "#" + std::to_string(n);
    return id;
  }

  Json entry(const ManifestItem& item) {
    if (format_ == "af2") {
      Json json = {{"name", item.audio},
                   {"prompt", item.prompt},
                   {"output", item.outputs[0]},
                   {"duration", *item.duration_s}};
      if (item.start_s.value_or(0) > 0) json["audio_start"] = *item.start_s;
      return json;
    }
    if (format_ == "af3")
      return {{"id", id_of(item)},
              {"sound", item.audio},
              {"duration", *item.duration_s},
              {"conversations",
               {{{"from", "human"}, {"value", "<sound>\n" + item.prompt}},
                {{"from", "gpt"}, {"value", item.outputs[0]}}}}};
    Json json = {{"audio_id", item.audio}, {"instruction", item.prompt}, {"output", item.outputs[0]}};
    if (item.meta.is_object() && item.meta.contains("dataset")) json["dataset"] = item.meta["dataset"];
    if (!item.task.empty()) json["task"] = item.task;
    return json;
  }

  fs::path folder_, path_;
  std::string format_;
  const ManifestWrite& options_;
  RecordCounts& counts_;
  std::map<std::string, std::optional<double>> seconds_;
  std::set<std::string> ids_;  // written, of af3
};

}  // namespace

std::size_t write_any_manifest(const fs::path& path, const std::string& format,
                               const std::vector<ManifestItem>& items, const ManifestWrite& options,
                               RecordCounts& counts) {
  if (format != "jsonl" && format != "af2" && format != "af3" && format != "ltu")
    throw user_error("is `" + format + "`", "format to write", "give jsonl, af2, af3 or ltu");
  if (options.outputs != "reject" && options.outputs != "first" && options.outputs != "each")
    throw user_error("is `" + options.outputs + "`", "outputs of the manifest", "give reject, first or each");
  return Writer(path, format, options, counts).write(items);
}

}  // namespace af2
