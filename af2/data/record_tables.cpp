#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/record_detail.h"
#include "af2/data/table.h"

namespace af2::detail {
namespace {

namespace fs = std::filesystem;
constexpr double kAudioCapsSeconds = 10;

// "yard/a.wav" -> "yard/a": two files of one name in two folders are two clips.
std::string id_of(const std::string& audio) {
  return fs::path(audio).replace_extension().generic_string();
}

// A table whose columns are asked for by name.
class Columns {
 public:
  Columns(const Table& table, const std::string& where) : table_(table), where_(where) {}

  // The first of the names that the table has; nullopt: none.
  std::optional<std::size_t> find(std::initializer_list<const char*> names) const {
    for (const char* name : names)
      for (std::size_t c = 0; c < table_.header.size(); ++c)
        if (table_.header[c] == name) return c;
    return std::nullopt;
  }
  std::size_t need(std::initializer_list<const char*> names) const {
    if (const auto column = find(names)) return *column;
    std::vector<std::string> list(names.begin(), names.end());
    throw data_error("has no column " + join(list, " or "), line_of(where_, 1), "name it in the header");
  }

 private:
  const Table& table_;
  const std::string& where_;
};

constexpr std::initializer_list<const char*> kAudioColumns = {"audio", "filename", "file_name",
                                                              "fname", "path",     "location"};

std::string kind_of(const Table& table, const std::string& where) {
  const Columns columns(table, where);
  if (columns.find({"segment_id"})) return "audioset_strong";
  if (columns.find({"event_label"})) return "events";
  if (columns.find({"youtube_id"})) return "audiocaps";
  if (columns.find({"genre", "genres", "instrument", "instruments", "mood", "moods", "tempo", "bpm", "metre",
                    "meter", "time_signature"}))
    return "music";
  if (std::any_of(table.header.begin(), table.header.end(),
                  [](const std::string& name) { return starts_with(name, "caption"); }))
    return "captions";
  if (columns.find({"label", "labels"})) return "labels";
  throw data_error("is a table of no known kind: " + printable(join(table.header, ", ")), line_of(where, 1),
                   "`af2 data records --help` lists the columns of each format");
}

// Rows of one clip make one record, in the order of the first of each.
class Gathered {
 public:
  Record& of(const std::string& id) {
    const auto [at, fresh] = places_.emplace(id, records_.size());
    if (fresh) records_.emplace_back().id = id;
    return records_[at->second];
  }
  std::vector<Record> take() { return std::move(records_); }

 private:
  std::map<std::string, std::size_t> places_;
  std::vector<Record> records_;
};

std::vector<std::string> texts_of(const Json& value, const std::string& key, const std::string& where) {
  std::vector<std::string> texts;
  const auto add = [&](const Json& item) {
    if (!item.is_string()) throw data_error("`" + key + "` is not a text", where, "correct the line");
    texts.push_back(trim(item.get<std::string>()));
  };
  if (value.is_null()) return texts;
  if (value.is_array())
    for (const Json& item : value) add(item);
  else if (value.is_string() && value.get<std::string>().find_first_of("|;,") != std::string::npos)
    for (const auto& part : labels_in_cell(value.get<std::string>())) add(part);
  else
    add(value);
  std::erase_if(texts, [](const std::string& text) { return text.empty(); });
  return texts;
}

double number_or_text(const Json& value, const std::string& key, const std::string& where) {
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return number_in(value.get<std::string>(), key, where);
  throw data_error("`" + key + "` is no number", where, "correct the line");
}

std::vector<double> numbers_of(const Json& value, const std::string& key, const std::string& where) {
  if (!value.is_array()) throw data_error("`" + key + "` is no list of numbers", where, "correct the line");
  std::vector<double> numbers;
  for (const Json& item : value) numbers.push_back(number_or_text(item, key, where));
  return numbers;
}

// Beats as MusicBench has them: [[times], [places in the bar]].
void take_beats(const Json& value, Record& record, const std::string& where) {
  if (!value.is_array() || value.size() != 2 || !value[0].is_array()) {
    throw data_error("`beats` is not a list of times and a list of places in the bar", where,
                     "correct the line");
  }
  const auto times = numbers_of(value[0], "beats", where), places = numbers_of(value[1], "beats", where);
  if (times.size() != places.size())
    throw data_error("`beats` has " + std::to_string(times.size()) + " times and " +
                         std::to_string(places.size()) + " places",
                     where, "correct the line");
  for (std::size_t i = 0; i < times.size(); ++i)
    record.music.beats.push_back({times[i], static_cast<int>(std::lround(places[i]))});
}

// Chords by their beginnings: each lasts until the next, the last one until the clip's end or its last beat.
void take_chords(const Json& names, const Json& times, Record& record, const std::string& where,
                 RecordCounts& counts) {
  const auto list = texts_of(names, "chords", where);
  const auto starts = numbers_of(times, "chords_time", where);
  if (list.size() != starts.size())
    throw data_error(
        "has " + std::to_string(list.size()) + " chords and " + std::to_string(starts.size()) + " times",
        where, "correct the line");
  double end = record.duration.value_or(0);
  if (end == 0 && !record.music.beats.empty()) end = record.music.beats.back().at;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const double until = i + 1 < list.size() ? starts[i + 1] : end;
    if (until <= starts[i])
      counts.drop("chord_without_end", where);
    else if (const std::string name = chord_name(list[i]); !name.empty())
      record.music.chords.push_back({name, starts[i], until});
  }
}

}  // namespace

std::string metre_of(std::vector<RecordBeat> beats) {
  std::stable_sort(beats.begin(), beats.end(),
                   [](const RecordBeat& a, const RecordBeat& b) { return a.at < b.at; });
  static const std::map<int, std::string> names = {{2, "2/4"}, {3, "3/4"}, {4, "4/4"}, {6, "6/8"}};
  int length = 0, bars = 0;  // of whole bars
  bool whole = false;        // this bar was heard from its first beat on
  for (std::size_t i = 0; i < beats.size(); ++i) {
    const int number = beats[i].number, before = i > 0 ? beats[i - 1].number : number - 1;
    if (number < 1 || (number != 1 && number != before + 1)) return "";
    if (number != 1) continue;
    if (whole) {
      if (length != 0 && length != before) return "";
      length = before, ++bars;
    }
    whole = true;
  }
  const auto found = names.find(length);
  return bars >= 2 && found != names.end() ? found->second : "";
}

std::string chord_name(const std::string& harte) {
  const std::string plain = trim(harte);
  if (plain == "N" || plain == "X" || plain.empty()) return "";
  const std::size_t colon = plain.find(':');
  if (colon == std::string::npos) return plain;
  std::string kind = plain.substr(colon + 1), bass;
  if (const std::size_t slash = kind.find('/'); slash != std::string::npos)
    bass = kind.substr(slash), kind = kind.substr(0, slash);
  static const std::map<std::string, std::string> kinds = {
      {"maj", ""},      {"min", "m"},      {"dim", "dim"},   {"aug", "aug"},     {"maj7", "maj7"},
      {"min7", "m7"},   {"7", "7"},        {"maj6", "6"},    {"min6", "m6"},     {"sus2", "sus2"},
      {"sus4", "sus4"}, {"hdim7", "m7b5"}, {"dim7", "dim7"}, {"minmaj7", "mM7"}, {"9", "9"},
      {"maj9", "maj9"}, {"min9", "m9"}};
  const auto known = kinds.find(kind);
  return plain.substr(0, colon) + (known == kinds.end() ? kind : known->second) + bass;
}

void take_music(const Json& row, Record& record, const std::string& where, RecordCounts& counts) {
  const auto add = [&](std::initializer_list<const char*> keys, std::vector<std::string>& to) {
    for (const char* key : keys)
      if (row.contains(key))
        for (auto& text : texts_of(row[key], key, where)) to.push_back(std::move(text));
  };
  RecordMusic& music = record.music;
  add({"genre", "genres"}, music.genres);
  add({"instrument", "instruments"}, music.instruments);
  add({"mood", "moods", "emotion", "theme"}, music.moods);
  for (const char* key : {"tempo", "bpm"})
    if (row.contains(key) && !row[key].is_null() && row[key] != "") {
      const double tempo = number_or_text(row[key], key, where);
      if (tempo > 0)
        music.tempo = tempo;
      else
        counts.drop("tempo_not_above_0", where);
    }
  if (row.contains("key")) {
    const auto parts = row["key"].is_array()
                           ? texts_of(row["key"], "key", where)
                           : std::vector<std::string>{row["key"].is_string() ? row["key"].get<std::string>()
                                                                             : std::string()};
    music.key = join(parts, " ");
  }
  for (const char* key : {"metre", "meter", "time_signature"})
    if (row.contains(key) && row[key].is_string()) music.metre = trim(row[key].get<std::string>());
  if (row.contains("beats")) take_beats(row["beats"], record, where);
  if (music.metre.empty()) music.metre = metre_of(music.beats);
  if (row.contains("chords") && row.contains("chords_time"))
    take_chords(row["chords"], row["chords_time"], record, where, counts);
}

std::vector<Record> records_of_table(const std::string& text, char separator, const std::string& format,
                                     const std::string& where, RecordCounts& counts) {
  const Table table = parse_table(text, separator, where);
  const std::string kind = format == "auto" ? kind_of(table, where) : format;
  const Columns columns(table, where);
  Gathered gathered;
  const auto each_row = [&](const auto& take) {
    for (std::size_t r = 0; r < table.rows.size(); ++r) take(table.rows[r], line_of(where, table.lines[r]));
  };
  using Row = std::vector<std::string>;
  const auto record_of = [&](const std::string& audio, const std::string& here) -> Record& {
    if (trim(audio).empty()) throw data_error("names no audio", here, "fill the column of the clip");
    Record& record = gathered.of(id_of(trim(audio)));
    record.audio = trim(audio);
    return record;
  };
  if (kind == "events") {
    const auto audio = columns.need(kAudioColumns), onset = columns.need({"onset"}),
               offset = columns.need({"offset"}), label = columns.need({"event_label", "label"});
    each_row([&](const Row& row, const std::string& here) {
      Record& record = record_of(row[audio], here);
      // A row without times says that nothing sounds in the clip.
      if (trim(row[onset]).empty() && trim(row[offset]).empty() && trim(row[label]).empty()) return;
      RecordEvent event{row[label], number_in(row[onset], "onset", here),
                        number_in(row[offset], "offset", here)};
      record.events.push_back(std::move(event));
    });
  } else if (kind == "audioset_strong") {
    const auto id = columns.need({"segment_id"}), start = columns.need({"start_time_seconds", "start"}),
               end = columns.need({"end_time_seconds", "end"}), label = columns.need({"label"});
    each_row([&](const Row& row, const std::string& here) {
      const std::string segment = trim(row[id]);
      const std::size_t cut = segment.rfind('_');
      if (cut == std::string::npos || cut == 0 || cut + 1 == segment.size())
        throw data_error("`segment_id` is no video id with a start in ms: " + printable(segment, 40), here,
                         "as b0RFKhbpFJA_30000");
      number_in(segment.substr(cut + 1), "segment_id", here);
      Record& record = gathered.of(segment);
      record.audio = segment, record.group = segment.substr(0, cut);
      record.events.push_back(
          {row[label], number_in(row[start], "start", here), number_in(row[end], "end", here)});
    });
  } else if (kind == "audiocaps") {
    const auto id = columns.need({"youtube_id"}), start = columns.need({"start_time"}),
               caption = columns.need({"caption"});
    each_row([&](const Row& row, const std::string& here) {
      const std::string video = trim(row[id]);
      if (video.empty()) throw data_error("names no video", here, "fill youtube_id");
      const auto ms =
          static_cast<std::int64_t>(std::llround(number_in(row[start], "start_time", here) * 1000));
      Record& record = gathered.of(video + "_" + std::to_string(ms));
      record.audio = record.id, record.group = video, record.duration = kAudioCapsSeconds;
      record.captions.push_back({row[caption], 0, 0, "AudioCaps"});
    });
  } else if (kind == "captions" || kind == "labels" || kind == "music") {
    const auto audio = columns.need(kAudioColumns);
    const auto duration = columns.find({"duration"}), labels = columns.find({"labels", "label"}),
               licence = columns.find({"licence", "license"}), source = columns.find({"source"}),
               group = columns.find({"group"});
    each_row([&](const Row& row, const std::string& here) {
      Record& record = record_of(row[audio], here);
      if (duration && !trim(row[*duration]).empty())
        record.duration = number_in(row[*duration], "duration", here);
      if (labels)
        for (auto& label : labels_in_cell(row[*labels])) record.labels.push_back(std::move(label));
      if (licence) record.licence = trim(row[*licence]);
      if (source) record.source = trim(row[*source]);
      if (group) record.group = trim(row[*group]);
      Json cells = Json::object();
      for (std::size_t c = 0; c < row.size(); ++c) {
        if (starts_with(table.header[c], "caption"))
          record.captions.push_back({row[c], 0, 0, ""});
        else if (!trim(row[c]).empty())
          cells[table.header[c]] = trim(row[c]);
      }
      if (kind == "music") take_music(cells, record, here, counts);
    });
  } else {
    throw user_error("format " + kind + " is no table", where, "leave the format to auto");
  }
  return gathered.take();
}

std::vector<Record> records_of_lines(const std::string& text, const std::string& format,
                                     const std::string& where, RecordCounts& counts) {
  std::vector<Record> records;
  std::set<std::string> ids;
  std::size_t number = 0;
  const auto take = [&](Record record, const std::string& here) {
    if (!ids.insert(record.id).second)
      throw data_error("has the id " + printable(record.id, 60) + " a second time", here,
                       "give each record its own");
    records.push_back(std::move(record));
  };
  for (const auto& line : split(text, '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    const std::string here = line_of(where, number);
    const Json json = parse_json(line, here);
    if (!json.is_object()) throw data_error("is not a JSON object", here, "give one object a line");
    if (format == "records" || (format == "auto" && json.contains("id") && json.contains("audio"))) {
      take(record_from_json(json, here), here);
      continue;
    }
    Record record;
    for (const char* key : kAudioColumns)
      if (json.contains(key) && json[key].is_string()) record.audio = json[key].get<std::string>();
    if (record.audio.empty())
      throw data_error("names no audio", here,
                       "give `id` and `audio` of a record, or `location` of a music set");
    record.id = id_of(record.audio);
    if (json.contains("duration") && json["duration"].is_number())
      record.duration = json["duration"].get<double>();
    for (const char* key : {"main_caption", "alt_caption", "caption", "captions"})
      if (json.contains(key))
        for (const Json& caption : json[key].is_array() ? json[key] : Json::array({json[key]}))
          if (caption.is_string()) record.captions.push_back({caption.get<std::string>(), 0, 0, key});
    take_music(json, record, here, counts);
    take(std::move(record), here);
  }
  if (records.empty()) throw data_error("has no items", where, "give one JSON object a line");
  return records;
}

}  // namespace af2::detail
