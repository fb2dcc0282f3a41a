#include "af2/data/record_readers.h"

#include <algorithm>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/data/record_detail.h"
#include "af2/data/table.h"

namespace af2 {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kFormats = {"auto",     "records",   "events",   "audioset_strong",
                                           "captions", "audiocaps", "music",    "labels",
                                           "jams",     "audacity",  "subtitles"};
const std::set<std::string> kEndings = {".jsonl", ".tsv", ".csv", ".jams", ".txt", ".vtt", ".srt"};
const std::set<std::string> kSounds = {".wav", ".flac", ".mp3",  ".ogg", ".opus", ".m4a",
                                       ".aac", ".aiff", ".webm", ".mp4", ".mkv",  ".wma"};

// Two numbers and a text in the first line: Audacity's, which has no header.
bool is_audacity(const std::string& text) {
  const auto cells = split(text.substr(0, text.find('\n')), '\t');
  if (cells.size() < 3) return false;
  try {
    number_in(cells[0], "", ""), number_in(cells[1], "", "");
  } catch (const Error&) {
    return false;
  }
  return true;
}

std::vector<Record> records_of_file(const fs::path& path, const std::string& format, RecordCounts& counts) {
  const std::string text = read_file(path), ending = path.extension().string(), where = path.string();
  const auto is = [&](const char* name, bool by_ending) {
    return format == name || (format == "auto" && by_ending);
  };
  if (is("jams", ending == ".jams")) return {detail::record_of_jams(text, path, counts)};
  if (is("subtitles", ending == ".vtt" || ending == ".srt")) return {detail::record_of_subtitles(text, path)};
  if (is("audacity", ending == ".txt" && is_audacity(text))) return {detail::record_of_audacity(text, path)};
  if (ending == ".jsonl" || format == "records") return detail::records_of_lines(text, format, where, counts);
  if (ending == ".csv" || ending == ".tsv" || ending == ".txt")
    return detail::records_of_table(text, ending == ".csv" ? ',' : '\t', format, where, counts);
  throw data_error("is of no known kind", where, "give .jsonl, .csv, .tsv, .jams, .txt, .vtt or .srt");
}

// What two files say of one clip.
void put_together(Record& record, Record&& more) {
  const auto append = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  append(record.events, more.events), append(record.labels, more.labels);
  append(record.captions, more.captions), append(record.visual, more.visual),
      append(record.action, more.action);
  append(record.speech, more.speech);
  append(record.music.genres, more.music.genres), append(record.music.instruments, more.music.instruments);
  append(record.music.moods, more.music.moods), append(record.music.beats, more.music.beats);
  append(record.music.chords, more.music.chords), append(record.music.notes, more.music.notes);
  append(record.music.changes, more.music.changes);
  record.music.changes_known = record.music.changes_known || more.music.changes_known;
  const auto fill = [](std::string& to, const std::string& from) {
    if (to.empty()) to = from;
  };
  fill(record.music.key, more.music.key), fill(record.music.metre, more.music.metre);
  fill(record.music.cadence, more.music.cadence), fill(record.music.texture, more.music.texture);
  fill(record.music.rhythm, more.music.rhythm);
  fill(record.source, more.source), fill(record.licence, more.licence);
  fill(record.attribution, more.attribution), fill(record.group, more.group);
  if (!record.music.tempo) record.music.tempo = more.music.tempo;
  if (!record.duration) record.duration = more.duration;
  if (record.start == 0) record.start = more.start;
  record.all_labelled = record.all_labelled || more.all_labelled;
  // A name with an ending says more than one without.
  if (fs::path(record.audio).extension().empty()) record.audio = more.audio;
}

// Sounds below a folder, by path and by name without ending.
class SoundFolder {
 public:
  explicit SoundFolder(const fs::path& folder) : folder_(folder) {
    if (!fs::is_directory(folder))
      throw user_error("is no folder", "--audio " + folder.string(), "name the folder of the sounds");
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      std::string ending = entry.path().extension().string();
      std::transform(ending.begin(), ending.end(), ending.begin(),
                     [](unsigned char c) { return std::tolower(c); });
      if (!entry.is_regular_file() || !kSounds.contains(ending)) continue;
      by_name_[entry.path().stem().string()].push_back(entry.path());
    }
  }

  // By path, else by name: AudioSet's and AudioCaps' ids are file names with or without a leading Y, with or
  // without the start. Empty, counted: none has the name, or several have.
  std::string find(const Record& record, RecordCounts& counts) const {
    if (fs::path(record.audio).has_extension() && fs::is_regular_file(folder_ / record.audio))
      return (folder_ / record.audio).string();
    const std::string stem = fs::path(record.audio).stem().string();
    for (const std::string& name :
         {stem, "Y" + stem, record.id, "Y" + record.id, record.group, "Y" + record.group})
      if (const auto found = by_name_.find(name); !name.empty() && found != by_name_.end()) {
        if (found->second.size() == 1) return found->second[0].string();
        counts.drop("audio_of_several_folders", record.id);
        return "";
      }
    counts.drop("audio_missing", record.id);
    return "";
  }

 private:
  fs::path folder_;
  std::map<std::string, std::vector<fs::path>> by_name_;
};

// "/m/0bt9lr<tab>Dog", or comma-separated with an index before (AudioSet's class_labels_indices.csv).
std::map<std::string, std::string> read_names(const fs::path& path) {
  std::map<std::string, std::string> names;
  std::size_t number = 0;
  for (std::string line : split(read_file(path), '\n')) {
    ++number;
    if (line.ends_with("\r")) line.pop_back();
    if (trim(line).empty()) continue;
    std::vector<std::string> cells = split(line, line.find('\t') != std::string::npos ? '\t' : ',');
    std::size_t at = 0;
    if (cells.size() > 2 && cells[0].find_first_not_of("0123456789") == std::string::npos) at = 1;
    if (cells.size() < at + 2)
      throw data_error("has no id and name", path.string() + ":" + std::to_string(number),
                       "as /m/0bt9lr<tab>Dog");
    std::string name = cells[at + 1];
    for (std::size_t i = at + 2; i < cells.size(); ++i) name += "," + cells[i];
    name = trim(name);
    if (name.size() > 1 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
    names[trim(cells[at])] = name;
  }
  if (names.empty()) throw data_error("is empty", path.string(), "give a machine id and a name a line");
  return names;
}

bool is_machine_id(const std::string& label) {
  return starts_with(label, "/m/") || starts_with(label, "/t/") || starts_with(label, "/g/");
}

void name_labels(Record& record, const std::map<std::string, std::string>& names, RecordCounts& counts) {
  const auto named = [&](std::string& label) {
    label = trim(label);
    if (const auto found = names.find(label); found != names.end()) label = found->second;
    if (!is_machine_id(label)) return true;
    counts.drop("label_without_name", record.id + " " + label);
    return false;
  };
  std::erase_if(record.events, [&](RecordEvent& event) { return !named(event.label); });
  std::erase_if(record.labels, [&](std::string& label) { return !named(label); });
}

}  // namespace

std::set<std::string> read_id_list(const fs::path& path) {
  std::set<std::string> ids;
  std::size_t number = 0;
  for (const std::string& raw : split(read_file(path), '\n')) {
    ++number;
    const std::string line = trim(raw), here = line_of(path.string(), number);
    if (line.empty()) continue;
    std::string id = line;
    if (line[0] == '{') {
      const Json json = parse_json(line, here);
      if (!json.contains("id") || !json["id"].is_string() || trim(json["id"].get<std::string>()).empty())
        throw data_error("has no id", here, "give {\"id\": ...}, or the id alone");
      id = json["id"].get<std::string>();
    }
    if (!ids.insert(id).second)
      throw data_error("has the id " + printable(id, 60) + " a second time", here, "give each id once");
  }
  if (ids.empty()) throw data_error("has no ids", path.string(), "give an id a line");
  return ids;
}

std::vector<Record> read_records(const fs::path& path, const RecordInputs& inputs, RecordCounts& counts) {
  if (std::find(kFormats.begin(), kFormats.end(), inputs.format) == kFormats.end())
    throw user_error("unknown format " + inputs.format, "--format",
                     "did you mean " + nearest_word(inputs.format, kFormats) + "?");
  std::vector<fs::path> files;
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::recursive_directory_iterator(path))
      if (entry.is_regular_file() && kEndings.contains(entry.path().extension().string()))
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    if (files.empty())
      throw data_error("holds no annotations", path.string(),
                       "give .jsonl, .csv, .tsv, .jams, .txt, .vtt or .srt");
  } else {
    files.push_back(path);
  }
  std::map<std::string, Record> by_id;
  for (const fs::path& file : files)
    for (Record& record : records_of_file(file, inputs.format, counts)) {
      const auto [at, fresh] = by_id.try_emplace(record.id);
      if (fresh)
        at->second = std::move(record);
      else
        put_together(at->second, std::move(record));
    }
  if (!inputs.only.empty()) {
    std::set<std::string> wanted = read_id_list(inputs.only);
    std::erase_if(by_id, [&](const auto& entry) { return wanted.erase(entry.first) == 0; });
    for (const std::string& id : wanted) counts.drop("wanted_but_not_there", id);
  }
  const auto names = inputs.names.empty() ? std::map<std::string, std::string>() : read_names(inputs.names);
  std::optional<SoundFolder> sounds;
  if (!inputs.audio.empty()) sounds.emplace(inputs.audio);
  std::vector<Record> records;
  for (auto& [id, record] : by_id) {
    name_labels(record, names, counts);
    if (record.source.empty()) record.source = inputs.source;
    if (record.licence.empty()) record.licence = inputs.licence;
    if (record.group.empty()) record.group = record.id;
    record.all_labelled = record.all_labelled || (inputs.all_labelled && !record.events.empty());
    tidy(record, id, counts);
    if (sounds) {
      record.audio = sounds->find(record, counts);
      if (record.audio.empty()) continue;
    }
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace af2
