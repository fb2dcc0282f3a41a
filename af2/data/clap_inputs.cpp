#include "af2/data/clap_inputs.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

std::string line_of(const std::string& where, std::size_t line) {
  return where + ":" + std::to_string(line);
}

double number_of(const std::string& text, const std::string& key, const std::string& where) {
  const std::string plain = trim(text);
  double value = 0;
  const auto [end, code] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (code != std::errc() || end != plain.data() + plain.size() || !std::isfinite(value) || value < 0)
    throw data_error("`" + key + "` is no time in seconds: " + printable(plain, 40), where,
                     "give a number from 0");
  return value;
}

// Labels of a cell: parted by '|' or ';', else by commas without a blank behind ("Guitar,Music", but "Male
// speech, man speaking" is one).
std::vector<std::string> labels_in(const std::string& cell) {
  for (const char separator : {'|', ';'})
    if (cell.find(separator) != std::string::npos) return split(cell, separator);
  std::vector<std::string> labels = {""};
  for (std::size_t i = 0; i < cell.size(); ++i) {
    if (cell[i] == ',' && i + 1 < cell.size() && cell[i + 1] != ' ')
      labels.emplace_back();
    else
      labels.back() += cell[i];
  }
  return labels;
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
    return number_of(value.dump(), key, where);
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
          {cell(event), number_of(cell(onset), "onset", here), number_of(cell(offset), "offset", here)});
      check(same, here);
      continue;
    }
    if (events)
      input.events.push_back(
          {cell(event), number_of(cell(onset), "onset", here), number_of(cell(offset), "offset", here)});
    if (labels >= 0) input.labels = labels_in(cell(labels));
    for (const std::size_t c : captions)
      if (!trim(table.rows[r][c]).empty()) input.captions.push_back(table.rows[r][c]);
    if (!trim(cell(start)).empty()) input.start_s = number_of(cell(start), "start", here);
    if (!trim(cell(duration)).empty()) input.duration_s = number_of(cell(duration), "duration", here);
    input.source = cell(source), input.licence = cell(licence), input.visual = cell(visual);
    check(input, here);
    if (events) known.emplace(input.audio, inputs.size());
    inputs.push_back(std::move(input));
  }
  return inputs;
}

}  // namespace

Table parse_table(const std::string& text, char separator, const std::string& where) {
  if (text.find('\0') != std::string::npos)
    throw data_error("holds NUL bytes: not a table", where, "give a csv or tsv of text");
  Table table;
  std::vector<std::string> row;
  std::string cell;
  bool quoted = false, was_quoted = false, any = false;
  std::size_t line = 1, begins = 1;
  const auto end_row = [&] {
    if (!row.empty() || any) {
      row.push_back(cell);
      const bool empty = row.size() == 1 && trim(row[0]).empty();
      if (!empty && table.header.empty()) {
        for (auto& name : row) name = trim(name);
        table.header = row;
      } else if (!empty) {
        if (row.size() != table.header.size())
          throw data_error("has " + std::to_string(row.size()) + " cells, the header " +
                               std::to_string(table.header.size()),
                           line_of(where, begins), "correct the row");
        table.rows.push_back(row);
        table.lines.push_back(begins);
      }
    }
    row.clear(), cell.clear();
    any = was_quoted = false;
  };
  const std::size_t bom = starts_with(text, "\xEF\xBB\xBF") ? 3 : 0;
  for (std::size_t i = bom; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\n') ++line;
      if (c != '"')
        cell += c;
      else if (i + 1 < text.size() && text[i + 1] == '"')
        cell += text[++i];
      else
        quoted = false;
      continue;
    }
    if (c == '"' && separator == ',' && cell.empty() && !was_quoted) {
      quoted = was_quoted = any = true;
    } else if (c == separator) {
      row.push_back(cell);
      cell.clear();
      was_quoted = false, any = true;
    } else if (c == '\n') {
      end_row();
      begins = ++line;
    } else if (c != '\r') {
      cell += c;
      any = true;
    }
  }
  if (quoted)
    throw data_error("a quoted cell has no end", line_of(where, begins), "close it with a quotation mark");
  end_row();
  if (table.header.empty()) throw data_error("is empty", where, "give a header and rows");
  if (table.rows.empty()) throw data_error("has a header but no rows", where, "give rows");
  return table;
}

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
