#include "af2/factory/set_stats.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "af2/core/error.h"
#include "af2/core/workers.h"
#include "af2/factory/set_counts.h"
#include "af2/factory/set_input.h"

namespace af2 {
namespace {

using SoundsByPath = std::map<std::string, SoundLook>;  // by path

void read(const SetInput& input, const StatsOptions& options, RecordCounts& left_out,
          const std::function<void(Item&& item)>& give_item,
          const std::function<void(Record&& record)>& give_record) {
  for_each_item_of(input, options.read, left_out, give_item);
  for_each_record_of(input, give_record);
}

std::vector<std::set<std::string>> files_of(const std::vector<SetInput>& inputs,
                                            const StatsOptions& options) {
  std::vector<std::set<std::string>> files;
  for (const SetInput& input : inputs) {
    std::set<std::string>& own = files.emplace_back();
    RecordCounts told_later;
    const auto add = [&](const std::string& audio) {
      if (!audio.empty()) own.insert(audio);
    };
    read(
        input, options, told_later, [&](Item&& item) { add(item.audio); },
        [&](Record&& record) { add(record.audio); });
  }
  return files;
}

SoundsByPath look_at(const std::vector<std::set<std::string>>& files, int threads,
                     const std::function<void(std::size_t, std::size_t)>& tell) {
  SoundsByPath sounds;
  for (const auto& own : files)
    for (const std::string& file : own) sounds.try_emplace(file);
  std::vector<SoundsByPath::value_type*> list;
  for (auto& sound : sounds) list.push_back(&sound);
  std::mutex mutex;
  std::size_t done = 0;
  for_each_by(threads, list.size(), [&](std::size_t i) {
    list[i]->second = look_at_sound(list[i]->first);
    if (!tell) return;
    const std::lock_guard lock(mutex);
    tell(++done, list.size());
  });
  return sounds;
}

Json sounds_json(const std::set<std::string>& files, const SoundsByPath& sounds, std::size_t listed) {
  std::int64_t missing = 0, unreadable = 0;
  Json list = Json::array();
  for (const std::string& file : files) {
    const std::string& problem = sounds.at(file).problem;
    if (problem.empty()) continue;
    (problem == "audio_missing" ? missing : unreadable) += 1;
    if (list.size() < listed)
      list.push_back({{"path", file}, {"problem", problem == "audio_missing" ? "missing" : "unreadable"}});
  }
  return {{"files", files.size()}, {"missing", missing}, {"unreadable", unreadable}, {"listed", list}};
}

Json json_of(const std::string& path, const std::string& form, const SetCounts& counts,
             const RecordCounts& left_out) {
  Json json = {{"path", path}, {"form", form}};
  const Json figures = counts.json();
  for (const auto& [key, value] : figures.items()) json[key] = value;
  json["left_out"] = Json::object();
  for (const auto& [reason, n] : left_out.dropped) json["left_out"][reason] = n;
  return json;
}

}  // namespace

SetStats stats_of(const std::vector<std::string>& paths, const StatsOptions& options,
                  const std::function<void(std::size_t, std::size_t)>& tell) {
  std::vector<SetInput> inputs;
  std::set<std::string> there;
  for (const std::string& path : paths) {
    inputs.push_back(set_input_of(path));
    if (!there.insert(inputs.back().file.string()).second)
      throw user_error("is named twice", path, "name each once: the total would count it twice");
  }
  std::vector<std::set<std::string>> files;
  SoundsByPath sounds;
  if (options.sounds) {
    files = files_of(inputs, options);
    sounds = look_at(files, options.threads, tell);
  }
  const auto whole_length = [&](const std::string& audio) {
    const auto found = sounds.find(audio);
    return found == sounds.end() ? 0.0 : found->second.seconds;
  };
  SetStats stats;
  SetCounts all;
  RecordCounts all_left_out;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    SetCounts counts;
    RecordCounts left_out;
    const RecordClips clips = inputs[i].is_records() ? RecordClips::kCount : RecordClips::kKnown;
    read(
        inputs[i], options, left_out,
        [&](Item&& item) {
          if (item.duration <= 0) item.duration = std::max(0.0, whole_length(item.audio) - item.start);
          counts.add(item);
        },
        [&](Record&& record) {
          if (record.duration.value_or(0) <= 0)
            record.duration = std::max(0.0, whole_length(record.audio) - record.start);
          counts.add(record, clips);
        });
    Json json = json_of(inputs[i].path, inputs[i].form, counts, left_out);
    if (options.sounds) {
      json["sounds"] = sounds_json(files[i], sounds, options.listed);
      stats.faults = stats.faults || json["sounds"]["missing"] != 0 || json["sounds"]["unreadable"] != 0;
    }
    stats.faults = stats.faults || !left_out.dropped.empty();
    stats.inputs.push_back(std::move(json));
    all.merge(counts);
    for (const auto& [reason, n] : left_out.dropped) all_left_out.dropped[reason] += n;
  }
  stats.total = json_of("", "total", all, all_left_out);
  if (options.sounds) {
    std::set<std::string> any;
    for (const auto& own : files) any.insert(own.begin(), own.end());
    stats.total["sounds"] = sounds_json(any, sounds, options.listed);
  }
  return stats;
}

}  // namespace af2
