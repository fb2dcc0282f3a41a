#include "af2/data/manifest_table.h"

#include <initializer_list>
#include <map>
#include <optional>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/data/table.h"
#include "af2/text/unicode.h"

namespace af2 {
namespace {

class TableColumns {
 public:
  explicit TableColumns(const std::vector<std::string>& header) {
    for (std::size_t i = 0; i < header.size(); ++i) places_.try_emplace(lower_case(trim(header[i])), i);
  }
  // The first of these names that is a column; it is then no part of meta.
  std::optional<std::size_t> take(std::initializer_list<const char*> names) {
    for (const char* name : names)
      if (const auto found = places_.find(name); found != places_.end()) {
        const std::size_t place = found->second;
        places_.erase(found);
        return place;
      }
    return std::nullopt;
  }
  const std::map<std::string, std::size_t>& rest() const { return places_; }

 private:
  std::map<std::string, std::size_t> places_;
};

}  // namespace

std::vector<std::pair<std::string, Json>> table_items(const std::filesystem::path& path,
                                                      const std::string& label_question) {
  const std::string where = path.string();
  const Table table = parse_table(read_file(path), path.extension() == ".tsv" ? '\t' : ',', where);
  TableColumns columns(table.header);
  const auto audio = columns.take({"audio", "file", "filename", "path", "sound"});
  const auto prompt = columns.take({"prompt", "question"});
  const auto output = columns.take({"output", "answer", "caption", "text"});
  const auto labels = output ? std::nullopt : columns.take({"labels", "label", "tags", "class", "category"});
  const auto start = columns.take({"start"}), end = columns.take({"end"}),
             duration = columns.take({"duration"});
  const auto id = columns.take({"id"}), task = columns.take({"task"});
  const std::string has = " (columns: " + join(table.header, ", ") + ")";
  if (!audio)
    throw data_error("has no column of sounds" + has, where, "name one audio, file, filename, path or sound");
  if (!output && !labels)
    throw data_error("has neither answers nor labels" + has, where,
                     "name a column output, answer, caption, text, label or labels");

  std::vector<std::pair<std::string, Json>> items;
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    const std::vector<std::string>& row = table.rows[r];
    const std::string line = line_of(where, table.lines[r]);
    const auto cell = [&](std::optional<std::size_t> column) {
      return column && *column < row.size() ? std::string(trim(row[*column])) : std::string();
    };
    const auto number = [&](std::optional<std::size_t> column) -> std::optional<double> {
      const std::string text = cell(column);
      if (text.empty()) return std::nullopt;
      return number_in(text, table.header[*column], line);
    };
    Json item = {{"audio", cell(audio)}};
    std::string asked = cell(prompt);
    if (asked.empty() && labels) asked = label_question.empty() ? kLabelQuestion : label_question;
    if (asked.empty() && output) asked = label_question;
    item["prompt"] = asked;
    item["output"] = labels ? join(labels_in_cell(cell(labels)), ", ") : cell(output);
    const auto from = number(start), until = number(end), length = number(duration);
    if (from) item["start"] = *from;
    if (length)
      item["duration"] = *length;
    else if (until)
      item["duration"] = *until - from.value_or(0);
    if (!cell(id).empty()) item["id"] = cell(id);
    if (!cell(task).empty()) item["task"] = cell(task);
    Json meta = Json::object();
    for (const auto& [name, column] : columns.rest())
      if (!cell(column).empty()) meta[name] = cell(column);
    if (!meta.empty()) item["meta"] = meta;
    items.emplace_back(line, std::move(item));
  }
  return items;
}

}  // namespace af2
