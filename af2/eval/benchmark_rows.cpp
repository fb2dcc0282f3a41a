#include "af2/eval/benchmark_rows.h"

#include <algorithm>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/core/text_util.h"
#include "af2/data/table.h"
#include "af2/eval/data_files.h"
#include "af2/eval/row_list.h"
#include "af2/factory/set_files.h"
#include "af2/text/utf8.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

// JSON in which no object has a key twice: the second would take the first one's place unseen.
Json parse_unique_json(const std::string& text, const std::string& where) {
  std::vector<std::set<std::string>> open;
  std::string twice;
  const auto look = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(value.get<std::string>()).second &&
        twice.empty())
      twice = value.get<std::string>();
    return true;
  };
  Json json;
  try {
    json = Json::parse(text, look);
  } catch (const Json::exception& error) {
    throw data_error(std::string("not valid JSON (") + error.what() + ")", where);
  }
  if (!twice.empty())
    throw data_error("the key \"" + printable(twice) + "\" stands twice in one object", where);
  return json;
}

class RowReader {
 public:
  RowReader(const Benchmark& benchmark, const fs::path& root, BenchmarkRows& rows)
      : data_(benchmark.data), root_(root), rows_(rows) {
    hint_ = "from: " + (data_.contains("import") ? data_.at("import").get<std::string>() + "; " : "") +
            value_text(value_at(benchmark.source, "origin"));
  }

  void read() {
    const std::string format = data_.at("format");
    if (format == "files") return names();
    const std::string file_as = text_key("file_as");
    for (const DataFile& file :
         find_data_files(root_, data_.at("files").get<std::vector<std::string>>(), file_as, hint_)) {
      file_ = file, number_ = 0;
      where_ = (root_ / file.path).string();
      rows_.sha256[file.path] = sha256_file(root_ / file.path);
      if (format == "af2_items")
        items();
      else
        of_text(format, plain_text(read_file(root_ / file.path)));
    }
  }

 private:
  std::string text_key(const char* key) const {
    return data_.contains(key) ? data_.at(key).get<std::string>() : "";
  }

  // Without a byte order mark, and valid.
  std::string plain_text(std::string bytes) {
    if (starts_with(bytes, "\xEF\xBB\xBF")) bytes.erase(0, 3);
    if (is_valid_utf8(bytes)) return bytes;
    rows_.notices.push_back(where_ + ": is not all UTF-8; what is not was replaced");
    return replace_invalid_utf8(bytes);
  }

  void add(Json&& values, const std::string& where) {
    BenchmarkRow row{std::move(values), where, "", "", number_++};
    if (const std::string name = text_key("file_as"); !name.empty()) {
      row.values[name] = file_.name;
      row.part = file_.name;
    }
    rows_.list.push_back(std::move(row));
  }

  void of_text(const std::string& format, const std::string& text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (format == "csv" || format == "tsv") {
      table(text, format == "csv" ? ',' : '\t');
    } else if (format == "jsonl" ||
               (format == "json_or_jsonl" && first != std::string::npos && text[first] != '[')) {
      lines(text);
    } else {
      const Json json = parse_unique_json(text, where_);
      RowListOptions options;
      std::string list = format == "af_manifest" ? "data{*}" : "[*]";
      options.key_as = format == "af_manifest" ? "key" : text_key("key_as");
      if (data_.contains("list")) list = data_.at("list").get<std::string>();
      if (data_.contains("parent")) options.parent = data_.at("parent").get<std::vector<std::string>>();
      RowList::parse(list, where_).each(json, options, where_, [&](Json&& row, const std::string& place) {
        add(std::move(row), where_ + " " + place);
      });
    }
  }

  void table(const std::string& text, char separator) {
    TableForm form;
    form.separator = separator;
    form.header = data_.value("header", true);
    form.quote_after_space = data_.value("quote_after_space", false);
    form.comment = text_key("comment");
    const Table table = parse_table(text, form, where_);
    std::vector<std::pair<std::string, std::size_t>> columns;
    if (data_.contains("columns_by_index")) {
      for (const auto& [name, index] : data_.at("columns_by_index").items()) {
        if (index.get<std::size_t>() >= table.header.size())
          throw data_error("has " + std::to_string(table.header.size()) + " columns; `" + name +
                               "` is number " + std::to_string(index.get<std::size_t>()) + ", counted from 0",
                           where_, hint_);
        columns.emplace_back(name, index.get<std::size_t>());
      }
    } else {
      for (std::size_t i = 0; i < table.header.size(); ++i) columns.emplace_back(table.header[i], i);
      if (data_.contains("columns"))
        for (const Json& name : data_.at("columns"))
          if (std::find(table.header.begin(), table.header.end(), name.get<std::string>()) ==
              table.header.end())
            throw data_error("has no column \"" + name.get<std::string>() + "\"", where_,
                             "there are: " + join(table.header, ", "));
    }
    for (std::size_t i = 0; i < table.rows.size(); ++i) {
      Json row = Json::object();
      for (const auto& [name, index] : columns) row[name] = table.rows[i][index];
      add(std::move(row), line_of(where_, table.lines[i]));
    }
  }

  void lines(const std::string& text) {
    std::size_t line = 0;
    for (std::string each : split(text, '\n')) {
      ++line;
      if (trim(each).empty()) continue;
      const std::string where = line_of(where_, line);
      Json row = parse_unique_json(each, where);
      if (!row.is_object()) throw data_error("is no object of fields", where, hint_);
      add(std::move(row), where);
    }
    if (number_ == 0) throw data_error("has no lines", where_, hint_);
  }

  void items() {
    for_each_item(root_ / file_.path, [&](Item&& item) { add(to_json(item), where_ + " item " + item.id); });
  }

  // Rows that are names of files.
  void names() {
    if (!fs::is_directory(root_))
      throw data_error("there is no such folder", root_.string(), "give the benchmark's folder as the root");
    const std::string glob = data_.at("glob"), pattern = data_.at("pattern");
    std::vector<std::string> files = files_matching(root_, glob);
    if (const std::string list = text_key("list_file"); !list.empty()) {
      const std::string below = path_below_root(list, root_.string());
      if (!fs::is_regular_file(root_ / below))
        throw data_error("the data file " + below + " is missing", root_.string(), hint_);
      rows_.sha256[below] = sha256_file(root_ / below);
      keep_listed(listed_sounds(root_ / below), glob, files);
    }
    const std::vector<std::string> skip = data_.contains("skip")
                                              ? data_.at("skip").get<std::vector<std::string>>()
                                              : std::vector<std::string>();
    std::string all;
    for (const std::string& file : files) {
      if (std::find(skip.begin(), skip.end(), fs::path(file).filename().string()) != skip.end()) {
        rows_.notices.push_back(file + ": left out, as the benchmark's file says");
        continue;
      }
      const auto holes = holes_of_name(pattern, file);
      if (!holes) {
        rows_.notices.push_back(file + ": its name does not fit " + pattern + "; no item");
        continue;
      }
      Json row = Json::object();
      for (const auto& [name, text] : *holes) row[name] = text;
      row["file"] = file;
      all += file + "\n";
      add(std::move(row), (root_ / file).string());
    }
    if (rows_.list.empty()) throw data_error("no file fits " + glob, root_.string(), hint_);
    rows_.sha256["names of " + glob] = sha256_hex(std::as_bytes(std::span(all)));
  }

  // A listed file that is not there is a row all the same: its clip is missing.
  void keep_listed(const std::vector<std::string>& listed, const std::string& glob,
                   std::vector<std::string>& files) {
    const std::set<std::string> wanted(listed.begin(), listed.end());
    std::set<std::string> there;
    std::erase_if(files, [&](const std::string& file) {
      const std::string name = fs::path(file).filename().string();
      if (!wanted.contains(name)) return true;
      there.insert(name);
      return false;
    });
    const std::string folder = fs::path(glob).parent_path().generic_string();
    if (folder.find('*') != std::string::npos) return;
    for (const std::string& name : wanted)
      if (!there.contains(name)) files.push_back(folder.empty() ? name : folder + "/" + name);
    std::sort(files.begin(), files.end());
  }

  const Json& data_;
  const fs::path& root_;
  BenchmarkRows& rows_;
  DataFile file_;
  std::string where_, hint_;
  std::size_t number_ = 0;
};

}  // namespace

BenchmarkRows read_rows(const Benchmark& benchmark, const fs::path& root) {
  BenchmarkRows rows;
  RowReader(benchmark, root, rows).read();
  change_rows(benchmark.data, rows);
  return rows;
}

}  // namespace af2
