#include "af2/factory/overlap.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <set>
#include <unordered_map>

#include "af2/audio/decode.h"
#include "af2/core/error.h"
#include "af2/core/json.h"
#include "af2/core/text_util.h"
#include "af2/core/workers.h"
#include "af2/data/table.h"
#include "af2/factory/balance.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}

bool is_sound_name(const fs::path& path) {
  const std::string ending = lower(path.extension().string());
  for (const char* known : {".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff",
                            ".au", ".mp4", ".webm", ".mkv", ".npy"})
    if (ending == known) return true;
  return false;
}

// Sets that name their files by Freesound's numbers, or sources that say so.
bool has_freesound_numbers(const std::string& text) {
  const std::string plain = lower(text);
  for (const char* known : {"freesound", "fsd", "esc-50", "esc50", "us8k", "urbansound", "clotho"})
    if (plain.find(known) != std::string::npos) return true;
  return false;
}

struct Listed {
  std::string name;  // a file, or an id
  MediaId id;
};

// What a row of a list says about one clip: keys in lower case.
std::optional<Listed> listed_of(const std::map<std::string, std::string>& row, bool numbers) {
  const auto first = [&](std::initializer_list<const char*> keys) -> std::string {
    for (const char* key : keys)
      if (const auto found = row.find(key); found != row.end() && !trim(found->second).empty())
        return trim(found->second);
    return "";
  };
  Listed listed;
  const std::string video = first({"youtube_id", "ytid", "yt_id", "video_id", "youtube", "segment_id"});
  const std::string sound = first({"freesound_id", "sound_id", "fsid", "fs_id"});
  listed.name = first({"file_name", "filename", "file", "fname", "audio", "audio_path", "path", "sound",
                       "name", "slice_file_name", "audio_id", "id"});
  if (!video.empty()) listed.id = media_id_of(video, false);
  if (!listed.id.known() && !listed.name.empty()) listed.id = media_id_of(listed.name, numbers);
  if (!sound.empty()) listed.id.freesound = sound.substr(0, sound.find('.'));
  if (!listed.id.youtube.empty() && !listed.id.start_s)
    if (const std::string start = first({"start_time", "start_seconds", "start", "start_time_seconds"});
        !start.empty())
      listed.id.start_s = std::strtod(start.c_str(), nullptr);
  if (listed.name.empty()) listed.name = !video.empty() ? video : sound;
  if (listed.name.empty()) return std::nullopt;
  return listed;
}

void walk_json(const Json& json, bool numbers, std::vector<Listed>& list) {
  if (json.is_array() || (json.is_object() && !json.empty() && json.begin()->is_object())) {
    for (const Json& value : json) walk_json(value, numbers, list);
    return;
  }
  if (json.is_string()) {
    list.push_back({json.get<std::string>(), media_id_of(json.get<std::string>(), numbers)});
    return;
  }
  if (!json.is_object()) return;
  std::map<std::string, std::string> row;
  for (const auto& [key, value] : json.items()) {
    if (value.is_object() || (value.is_array() && !value.empty() && value[0].is_object()))
      walk_json(value, numbers, list);
    if (value.is_string()) row[lower(key)] = value.get<std::string>();
    if (value.is_number()) row[lower(key)] = value.dump();
  }
  // Turns of a conversation, counts and the like name no clip.
  if (row.contains("from") && row.contains("value")) return;
  if (const auto listed = listed_of(row, numbers)) list.push_back(*listed);
}

std::vector<Listed> read_list(const TestSet& set) {
  const bool numbers = has_freesound_numbers(set.name) || has_freesound_numbers(set.path.string());
  const std::string ending = lower(set.path.extension().string()), text = read_file(set.path),
                    where = set.path.string();
  std::vector<Listed> list;
  if (ending == ".csv" || ending == ".tsv") {
    const Table table = parse_table(text, ending == ".csv" ? ',' : '\t', where);
    for (const auto& cells : table.rows) {
      std::map<std::string, std::string> row;
      for (std::size_t i = 0; i < cells.size() && i < table.header.size(); ++i)
        row[lower(trim(table.header[i]))] = cells[i];
      if (const auto listed = listed_of(row, numbers)) list.push_back(*listed);
    }
  } else if (ending == ".json") {
    walk_json(parse_json(text, where), numbers, list);
  } else {
    std::size_t number = 0;
    for (const std::string& line : split(text, '\n')) {
      ++number;
      if (trim(line).empty()) continue;
      if (ending == ".jsonl") {
        walk_json(parse_json(line, line_of(where, number)), numbers, list);
      } else {
        list.push_back({trim(line), media_id_of(trim(line), numbers)});
      }
    }
  }
  if (list.empty())
    throw data_error(
        "names no clip", where,
        "a list has a column such as file_name, youtube_id, sound_id or audio, or one name a line");
  return list;
}

std::vector<fs::path> sounds_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && is_sound_name(entry.path())) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void must_be_there(const TestSet& set) {
  std::error_code ignored;
  if (!fs::exists(set.path, ignored))
    throw user_error("is not there", set.path.string(), "--against " + set.name + "=FILE_OR_FOLDER");
}

}  // namespace

std::string pcm_sha256(std::span<const float> samples) {
  std::vector<std::int16_t> pcm(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i)
    pcm[i] = static_cast<std::int16_t>(std::lrint(std::clamp(samples[i] * 32768.0f, -32768.0f, 32767.0f)));
  return sha256_hex(std::as_bytes(std::span(pcm)));
}

std::string OverlapIndex::inventory_of(const std::vector<TestSet>& sets) {
  std::string text;
  const auto add = [&](const fs::path& path) {
    text += path.string() + "\t" + std::to_string(fs::file_size(path)) + "\t" +
            std::to_string(fs::last_write_time(path).time_since_epoch().count()) + "\n";
  };
  for (const TestSet& set : sets) {
    must_be_there(set);
    text += set.name + "\n";
    if (fs::is_directory(set.path)) {
      for (const fs::path& file : sounds_in(set.path)) add(file);
    } else {
      add(set.path);
    }
  }
  return sha256_hex(std::as_bytes(std::span(text)));
}

OverlapIndex OverlapIndex::build(const std::vector<TestSet>& sets, RecordCounts& counts,
                                 const std::function<void(const TestClip&)>& tell, int threads) {
  OverlapIndex index;
  index.inventory_ = inventory_of(sets);
  std::vector<fs::path> files;  // [clips], empty: no sound at hand
  for (const TestSet& set : sets) {
    const bool numbers = has_freesound_numbers(set.name);
    const auto add = [&](const std::string& name, const MediaId& id, const fs::path& file) {
      index.clips_.push_back({set.name, name, id, "", "", 0, 0});
      files.push_back(file);
    };
    if (fs::is_directory(set.path)) {
      const auto sounds = sounds_in(set.path);
      if (sounds.empty()) throw data_error("has no sounds", set.path.string());
      for (const fs::path& file : sounds)
        add(file.lexically_relative(set.path).string(), media_id_of(file.filename().string(), numbers), file);
    } else if (is_sound_name(set.path)) {
      add(set.path.filename().string(), media_id_of(set.path.filename().string(), numbers), set.path);
    } else {
      for (const Listed& listed : read_list(set)) {
        const fs::path file = set.path.parent_path() / listed.name;
        std::error_code ignored;
        add(listed.name, listed.id,
            is_sound_name(file) && fs::is_regular_file(file, ignored) ? file : fs::path());
      }
    }
  }
  std::mutex mutex;
  std::vector<std::string> problems(files.size());
  for_each_by(threads, files.size(), [&](std::size_t i) {
    TestClip& clip = index.clips_[i];
    std::vector<Landmark> marks;
    if (!files[i].empty()) {
      try {
        const Clip sound = decode_file(files[i]);
        marks = landmarks(sound.samples);
        clip.file_sha256 = sha256_file(files[i]), clip.pcm_sha256 = pcm_sha256(sound.samples);
        clip.seconds = sound.seconds, clip.n_landmarks = static_cast<std::uint32_t>(marks.size());
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kData) throw;
        problems[i] = error.what();
      }
    }
    const std::lock_guard lock(mutex);
    for (const Landmark& mark : marks)
      index.own_.push_back({mark.hash, static_cast<std::uint32_t>(i), mark.frame});
    if (tell) tell(clip);
  });
  for (const std::string& problem : problems)
    if (!problem.empty()) counts.drop("overlap/unreadable", problem);
  std::sort(index.own_.begin(), index.own_.end(), [](const Entry& a, const Entry& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.clip != b.clip ? a.clip < b.clip : a.frame < b.frame;
  });
  return index;
}

OverlapResult find_overlaps(const std::vector<Item>& items, const fs::path& folder, const OverlapIndex& index,
                            const OverlapOptions& options, int threads) {
  std::unordered_multimap<std::string, std::uint32_t> by_video, by_sound, by_file, by_pcm;
  for (std::uint32_t i = 0; i < index.clips().size(); ++i) {
    const TestClip& clip = index.clips()[i];
    if (!clip.id.youtube.empty()) by_video.emplace(clip.id.youtube, i);
    if (!clip.id.freesound.empty()) by_sound.emplace(clip.id.freesound, i);
    if (!clip.file_sha256.empty()) by_file.emplace(clip.file_sha256, i), by_pcm.emplace(clip.pcm_sha256, i);
  }
  // Clips in the order of their first item.
  std::vector<std::vector<std::size_t>> clips;
  std::unordered_map<std::string, std::size_t> place;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto [found, fresh] = place.try_emplace(clip_key(items[i]), clips.size());
    if (fresh) clips.emplace_back();
    clips[found->second].push_back(i);
  }
  std::vector<std::vector<OverlapHit>> hits(clips.size());
  std::vector<std::string> problems(clips.size());
  const auto work = [&](std::size_t c) {
    const Item& item = items[clips[c].front()];
    std::set<std::uint32_t> seen;
    const auto hit = [&](std::uint32_t test, const char* how, const std::string& detail) {
      if (!seen.insert(test).second) return;
      hits[c].push_back(
          {item.audio, item.id, index.clips()[test].set, index.clips()[test].name, how, detail});
    };
    const bool numbers = has_freesound_numbers(item.source);
    for (const std::string& name : {item.record, item.audio, item.group}) {
      MediaId id = media_id_of(name, numbers);
      if (!id.known()) continue;
      if (!id.youtube.empty() && !id.start_s && item.start > 0) id.start_s = item.start;
      for (const auto& [list, key] :
           {std::pair(&by_video, &id.youtube), std::pair(&by_sound, &id.freesound)}) {
        const auto [begin, end] = list->equal_range(*key);
        for (auto test = begin; test != end; ++test)
          if (!key->empty() && same_media(id, index.clips()[test->second].id)) hit(test->second, "id", *key);
      }
    }
    if (!options.hear) return;
    try {
      const fs::path file = folder / item.audio;
      const auto add_all = [&](const auto& list, const std::string& key, const char* how) {
        const auto [begin, end] = list.equal_range(key);
        for (auto test = begin; test != end; ++test) hit(test->second, how, key.substr(0, 12));
      };
      add_all(by_file, sha256_file(file), "file");
      DecodeOptions decode;
      decode.start_s = item.start, decode.duration_s = item.start > 0 ? item.duration : 0;
      const Clip sound = decode_file(file, decode);
      add_all(by_pcm, pcm_sha256(sound.samples), "samples");
      for (const OverlapIndex::Match& match :
           index.find(sound.samples, options.least_landmarks, options.share)) {
        char text[100];
        std::snprintf(text, sizeof text, "%u landmarks, %.0f %%, at %.2f s", match.landmarks,
                      100 * match.share, match.offset_s);
        hit(match.clip, "fingerprint", text);
      }
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kData) throw;
      problems[c] = error.what();
    }
  };
  for_each_by(threads, clips.size(), work);
  OverlapResult result;
  result.keep.assign(items.size(), 1);
  for (std::size_t c = 0; c < clips.size(); ++c) {
    std::set<std::string> sets;
    for (OverlapHit& hit : hits[c]) {
      sets.insert(hit.set);
      result.hits.push_back(std::move(hit));
    }
    for (const std::size_t i : clips[c]) {
      if (!sets.empty()) result.keep[i] = 0;
      for (const std::string& set : sets)
        ++result.by_set[set], result.counts.drop("overlap/" + set, items[i].id);
    }
    if (!problems[c].empty()) result.counts.drop("overlap/audio_unreadable", problems[c]);
  }
  return result;
}

}  // namespace af2
