#include "af2/data/clap_inputs.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/core/text_util.h"
#include "af2/data/table.h"

namespace af2 {
namespace {

double seconds_of(const std::string& text, const std::string& key, const std::string& where) {
  const double value = number_in(text, key, where);
  if (value < 0)
    throw data_error("`" + key + "` is no time in seconds: " + printable(text, 40), where,
                     "give a number from 0");
  return value;
}

void check(ClapInput& input, const std::string& where) {
  const auto trimmed = [](std::vector<std::string>& texts) {
    for (auto& text : texts) text = trim(text);
    std::erase_if(texts, [](const std::string& text) { return text.empty(); });
  };
  trimmed(input.labels);
  if (trim(input.audio).empty()) throw data_error("names no audio", where, "fill the column of the clip");
  if (input.duration_s && *input.duration_s == 0)
    throw data_error("`duration` is 0", where, "leave it empty for the whole file");
  for (const auto& event : input.events) {
    if (trim(event.label).empty()) throw data_error("an event has no label", where, "name it");
    if (event.offset_s <= event.onset_s)
      throw data_error("an event of " + printable(event.label, 40) + " ends before it begins", where,
                       "correct onset and offset");
  }
  if (input.labels.empty() && input.events.empty() && input.captions.empty())
    throw data_error("has neither labels nor events nor captions", where, "give one of them");
}

ClapInput of_json(const Json& json, const std::string& where) {
  if (!json.is_object()) throw data_error("is not a JSON object", where, "give one object a line");
  ClapInput input;
  const auto text = [&](const Json& value, const std::string& key) {
    if (!value.is_string()) throw data_error("`" + key + "` is not a text", where, "correct the line");
    return value.get<std::string>();
  };
  const auto texts = [&](const Json& value, const std::string& key) {
    std::vector<std::string> list;
    if (!value.is_array()) return std::vector<std::string>{text(value, key)};
    for (const Json& item : value) list.push_back(text(item, key));
    return list;
  };
  const auto seconds = [&](const Json& value, const std::string& key) {
    if (!value.is_number()) throw data_error("`" + key + "` is not a number", where, "correct the line");
    return seconds_of(value.dump(), key, where);
  };
  for (const auto& [key, value] : json.items()) {
    if (key == "audio" || key == "path") {
      input.audio = text(value, key);
    } else if (key == "label" || key == "labels") {
      input.labels = texts(value, key);
    } else if (key == "caption" || key == "captions") {
      input.captions = texts(value, key);
    } else if (key == "visual") {
      input.visual = text(value, key);
    } else if (key == "source") {
      input.source = text(value, key);
    } else if (key == "licence") {
      input.licence = text(value, key);
    } else if (key == "start") {
      input.start_s = seconds(value, key);
    } else if (key == "duration") {
      if (!value.is_null()) input.duration_s = seconds(value, key);
    } else if (key == "events") {
      if (!value.is_array()) throw data_error("`events` is not a list", where, "correct the line");
      for (const Json& event : value) {
        if (!event.is_object() || !event.contains("label") || !event.contains("onset") ||
            !event.contains("offset"))
          throw data_error("an event lacks label, onset or offset", where, "correct the line");
        input.events.push_back({text(event["label"], "label"), seconds(event["onset"], "onset"),
                                seconds(event["offset"], "offset")});
      }
    } else if (key != "id" && key != "meta" && key != "group") {
      throw data_error("unknown key `" + printable(key) + "`", where, "extra fields belong into `meta`");
    }
  }
  check(input, where);
  return input;
}

std::vector<ClapInput> of_table(const Table& table, const std::string& where) {
  std::map<std::string, std::size_t> columns;
  std::vector<std::size_t> captions;
  for (std::size_t c = 0; c < table.header.size(); ++c) {
    columns.emplace(table.header[c], c);
    if (starts_with(table.header[c], "caption")) captions.push_back(c);
  }
  const auto column = [&](std::initializer_list<const char*> names) {
    for (const char* name : names)
      if (const auto found = columns.find(name); found != columns.end())
        return static_cast<std::ptrdiff_t>(found->second);
    return std::ptrdiff_t{-1};
  };
  const auto audio = column({"audio", "file_name", "filename", "fname", "path"});
  const auto labels = column({"labels", "label", "category"}), event = column({"event_label"});
  const auto onset = column({"onset"}), offset = column({"offset"});
  const auto start = column({"start"}), duration = column({"duration"});
  const auto source = column({"source"}), licence = column({"licence", "license"}),
             visual = column({"visual"});
  if (audio < 0)
    throw data_error("has no column for the clip", line_of(where, 1),
                     "name it audio, file_name, filename, fname or path");
  if (labels < 0 && captions.empty() && (event < 0 || onset < 0 || offset < 0))
    throw data_error("has no column of labels, captions or events", line_of(where, 1),
                     "name one labels, caption, or onset, offset and event_label");
  std::vector<ClapInput> inputs;
  std::map<std::string, std::size_t> known;  // clips of event tables
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    const std::string here = line_of(where, table.lines[r]);
    const auto cell = [&](std::ptrdiff_t c) {
      return c < 0 ? std::string() : table.rows[r][static_cast<std::size_t>(c)];
    };
    ClapInput input;
    input.audio = cell(audio);
    const bool events = event >= 0 && onset >= 0 && offset >= 0;
    if (events && known.contains(input.audio)) {
      ClapInput& same = inputs[known[input.audio]];
      same.events.push_back(
          {cell(event), seconds_of(cell(onset), "onset", here), seconds_of(cell(offset), "offset", here)});
      check(same, here);
      continue;
    }
    if (events)
      input.events.push_back(
          {cell(event), seconds_of(cell(onset), "onset", here), seconds_of(cell(offset), "offset", here)});
    if (labels >= 0) input.labels = labels_in_cell(cell(labels));
    for (const std::size_t c : captions)
      if (!trim(table.rows[r][c]).empty()) input.captions.push_back(table.rows[r][c]);
    if (!trim(cell(start)).empty()) input.start_s = seconds_of(cell(start), "start", here);
    if (!trim(cell(duration)).empty()) input.duration_s = seconds_of(cell(duration), "duration", here);
    input.source = cell(source), input.licence = cell(licence), input.visual = cell(visual);
    check(input, here);
    if (events) known.emplace(input.audio, inputs.size());
    inputs.push_back(std::move(input));
  }
  return inputs;
}

}  // namespace

std::vector<ClapInput> read_clap_inputs(const std::filesystem::path& path) {
  const std::string text = read_file(path), kind = path.extension().string(), where = path.string();
  if (kind == ".csv" || kind == ".tsv" || kind == ".txt")
    return of_table(parse_table(text, kind == ".csv" ? ',' : '\t', where), where);
  std::vector<ClapInput> inputs;
  std::size_t number = 0;
  for (const auto& line : split(text, '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    const std::string here = line_of(where, number);
    inputs.push_back(of_json(parse_json(line, here), here));
  }
  if (inputs.empty()) throw data_error("has no items", where, "give one JSON object a line, or a csv or tsv");
  return inputs;
}

}  // namespace af2
