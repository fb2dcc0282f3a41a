#include "af2/eval/benchmark_labels.h"

#include <algorithm>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/data/table.h"
#include "af2/eval/data_files.h"
#include "af2/eval/row_list.h"
#include "af2/text/unicode.h"
#include "af2/text/utf8.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

bool is_number_cell(const std::string& cell) {
  return !cell.empty() && cell.find_first_not_of("0123456789") == std::string::npos;
}

// A vocabulary counts its lines in the first column; a first line that does not is a header.
std::map<std::string, std::string> labels_of_file(const Json& source, const fs::path& root, LabelSet& labels,
                                                  BenchmarkRows& rows) {
  const std::string name = path_below_root(source.at("file").get<std::string>(), root.string());
  const fs::path file = root / name;
  if (!fs::is_regular_file(file))
    throw data_error("the file of labels " + name + " is missing", root.string());
  rows.sha256[name] = sha256_file(file);
  TableForm form;
  form.separator = file.extension() == ".tsv" ? '\t' : ',';
  form.header = false;
  const Table table = parse_table(replace_invalid_utf8(read_file(file)), form, file.string());
  const auto column = source.at("column").get<std::size_t>();
  const std::size_t key = source.contains("key_column") ? source.at("key_column").get<std::size_t>() : column;
  if (std::max(column, key) >= table.header.size())
    throw data_error("has " + std::to_string(table.header.size()) + " columns; labels stand in number " +
                         std::to_string(std::max(column, key)) + ", counted from 0",
                     file.string());
  const bool header =
      table.rows.size() > 1 && !is_number_cell(table.rows[0][0]) && is_number_cell(table.rows[1][0]);
  std::map<std::string, std::string> keys;
  std::set<std::string> seen;
  for (std::size_t i = header ? 1 : 0; i < table.rows.size(); ++i) {
    const std::string& label = table.rows[i][column];
    if (!seen.insert(label).second)
      throw data_error("the label \"" + label + "\" stands twice", line_of(file.string(), table.lines[i]));
    labels.list.push_back(label);
    keys[table.rows[i][key]] = label;
  }
  return keys;
}

}  // namespace

LabelNames::LabelNames(const LabelSet& labels, const std::map<std::string, std::string>& keys) {
  for (const std::string& label : labels.list) names_.try_emplace(label, label);
  for (const std::string& label : labels.list) names_.try_emplace(labels.shown(label), label);
  for (const auto& [key, label] : keys) names_.try_emplace(key, label);
  std::set<std::string> several;
  for (const auto& [name, label] : names_) {
    const auto [found, first] = lower_.try_emplace(lower_case(name), label);
    if (!first && found->second != label) several.insert(found->first);
  }
  for (const std::string& name : several) lower_.erase(name);
}

std::optional<std::string> LabelNames::find(const std::string& text) const {
  if (const auto found = names_.find(text); found != names_.end()) return found->second;
  if (const auto found = lower_.find(lower_case(text)); found != lower_.end()) return found->second;
  return std::nullopt;
}

ReadLabels complete_labels(const Benchmark& benchmark, const fs::path& root, const FieldReader& fields,
                           BenchmarkRows& rows) {
  ReadLabels read{benchmark.labels, {}};
  std::map<std::string, std::string> keys;
  const Json& source = benchmark.label_source;
  if (source.contains("file")) keys = labels_of_file(source, root, read.set, rows);
  if (source.contains("from_data")) {
    const std::string role = source.at("from_data").get<std::string>();
    std::set<std::string> seen;
    for (const BenchmarkRow& row : rows.list)
      for (const std::string& label : fields.texts(row.values, role)) seen.insert(label);
    read.set.list.assign(seen.begin(), seen.end());
  }
  read.names = LabelNames(read.set, keys);
  return read;
}

}  // namespace af2
