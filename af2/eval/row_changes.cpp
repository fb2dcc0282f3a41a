// What happens to the rows of a benchmark after they are read; declared in benchmark_rows.h.
#include <algorithm>
#include <map>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/eval/benchmark_rows.h"
#include "af2/eval/row_list.h"
#include "af2/eval/template_text.h"
#include "af2/text/unicode.h"

namespace af2 {
namespace {

// A key of `data`, or nothing to do.
const Json& data_step(const Json& data, const char* key) {
  static const Json nothing = Json::object();
  return data.contains(key) ? data.at(key) : nothing;
}

void require_column(const BenchmarkRows& rows, const std::string& column) {
  if (rows.list.empty()) return;
  for (const BenchmarkRow& row : rows.list)
    if (!value_at(row.values, column).is_null()) return;
  std::vector<std::string> known;
  for (const auto& [name, value] : rows.list.front().values.items()) known.push_back(name);
  throw data_error("no row has `" + column + "`", rows.list.front().where, "there are: " + join(known, ", "));
}

void repair_values(const Json& data, BenchmarkRows& rows) {
  for (const auto& [column, way] : data_step(data, "parse").items()) {
    require_column(rows, column);
    for (BenchmarkRow& row : rows.list) {
      if (!row.values.contains(column) || !row.values.at(column).is_string()) continue;
      const std::string text = trim(row.values.at(column).get<std::string>());
      const std::string where = row.where + " `" + column + "`";
      if (text.empty())
        row.values[column] = Json::array();
      else
        row.values[column] = way == "json" ? parse_json(text, where) : parse_python_list(text, where);
    }
  }
  for (const auto& [column, way] : data_step(data, "normalize").items())
    for (BenchmarkRow& row : rows.list) {
      if (!row.values.contains(column)) continue;
      Json& value = row.values[column];
      if (value.is_string() && starts_with(value.get_ref<const std::string&>(), "["))
        value = parse_python_list(value.get<std::string>(), row.where + " `" + column + "`");
      if (value.is_array()) {
        std::vector<std::string> texts;
        for (const Json& each : value) texts.push_back(value_text(each));
        value = join(texts, ", ");
      }
    }
  for (const auto& [column, separator] : data_step(data, "split").items()) {
    require_column(rows, column);
    for (BenchmarkRow& row : rows.list) {
      if (!row.values.contains(column) || !row.values.at(column).is_string()) continue;
      Json parts = Json::array();
      for (const std::string& part :
           split(row.values.at(column).get<std::string>(), separator.get_ref<const std::string&>()[0]))
        if (!trim(part).empty()) parts.push_back(trim(part));
      row.values[column] = std::move(parts);
    }
  }
  for (const auto& [column, table] : data_step(data, "map").items()) {
    require_column(rows, column);
    for (BenchmarkRow& row : rows.list) {
      const std::string code = value_text(value_at(row.values, column));
      if (table.contains(code)) row.values[column] = table.at(code);
    }
  }
}

void keep_where(const Json& data, BenchmarkRows& rows) {
  for (const auto& [path, wanted] : data_step(data, "where").items()) {
    require_column(rows, path);
    std::erase_if(rows.list,
                  [&](const BenchmarkRow& row) { return !same_value(value_at(row.values, path), wanted); });
    if (rows.list.empty())
      throw data_error("no row has `" + path + "` = " + value_text(wanted), "data.where of the benchmark",
                       "check that this is the published file");
  }
}

void group_rows(const Json& data, BenchmarkRows& rows) {
  const Json& group = data_step(data, "group");
  if (group.empty()) return;
  for (const char* part : {"key", "collect"})
    for (const Json& column : group.at(part)) require_column(rows, column.get<std::string>());
  std::vector<BenchmarkRow> grouped;
  std::map<std::vector<std::string>, std::size_t> place;
  for (BenchmarkRow& row : rows.list) {
    std::vector<std::string> key;
    for (const Json& column : group.at("key"))
      key.push_back(value_text(value_at(row.values, column.get<std::string>())));
    const auto [found, first] = place.try_emplace(key, grouped.size());
    Json collected = Json::object();
    for (const Json& column : group.at("collect"))
      collected[column.get<std::string>()] = value_at(row.values, column.get<std::string>());
    if (first) {
      for (const auto& [column, value] : collected.items()) row.values[column] = Json::array();
      grouped.push_back(std::move(row));
    }
    for (const auto& [column, value] : collected.items())
      grouped[found->second].values[column].push_back(value);
  }
  rows.list = std::move(grouped);
}

// Of rows that `group` made: `unanimous` keeps those whose answers are all one word of `within`, `not_within`
// those none of whose answers is one.
void keep_answers(const Json& data, BenchmarkRows& rows) {
  const Json& keep = data_step(data, "keep");
  if (keep.empty()) return;
  const std::string column = data.at("group").at("collect").at(0);
  const std::vector<std::string> within = keep.at("within").get<std::vector<std::string>>();
  std::erase_if(rows.list, [&](const BenchmarkRow& row) {
    std::vector<std::string> answers;
    for (const Json& answer : row.values.at(column)) answers.push_back(lower_case(trim(value_text(answer))));
    const auto is_within = [&](const std::string& answer) {
      return std::find(within.begin(), within.end(), answer) != within.end();
    };
    if (keep.at("rule") == "not_within") return std::any_of(answers.begin(), answers.end(), is_within);
    return !is_within(answers.front()) ||
           std::any_of(answers.begin(), answers.end(),
                       [&](const std::string& answer) { return answer != answers.front(); });
  });
}

void collect_columns(const Json& data, BenchmarkRows& rows) {
  const bool keep_missing = data.value("keep_missing_choices", false);
  for (const auto& [name, columns] : data_step(data, "collect").items()) {
    require_column(rows, columns.at(0).get<std::string>());
    for (BenchmarkRow& row : rows.list) {
      Json list = Json::array();
      for (const Json& column : columns) {
        const Json value = value_at(row.values, column.get<std::string>());
        if (!value.is_null() || keep_missing) list.push_back(value_text(value));
      }
      row.values[name] = std::move(list);
    }
  }
}

// `<Object>` slots, filled from left to right.
void fill_slots(const Json& data, BenchmarkRows& rows) {
  const Json& fill = data_step(data, "fill");
  if (fill.empty()) return;
  const std::string field = fill.at("field"), from = fill.at("from");
  require_column(rows, field);
  for (BenchmarkRow& row : rows.list) {
    const std::string text = value_text(value_at(row.values, field));
    const Json values = value_at(row.values, from);
    std::string filled;
    std::size_t at = 0, used = 0;
    for (std::size_t open = text.find('<'); open != std::string::npos; open = text.find('<', at)) {
      const std::size_t close = text.find('>', open);
      if (close == std::string::npos) break;
      if (!values.is_array() || used >= values.size())
        throw data_error("has more slots than values: " + printable(text), row.where,
                         "check that this is the published file");
      filled += text.substr(at, open - at) + value_text(values[used++]);
      at = close + 1;
    }
    row.values[field] = filled + text.substr(at);
  }
}

void unpivot_rows(const Json& data, BenchmarkRows& rows) {
  const Json& unpivot = data_step(data, "unpivot");
  if (unpivot.empty()) return;
  const std::string name = unpivot.at("name");
  // Of each piece: its name, and which columns become which.
  std::vector<std::pair<std::string, std::map<std::string, std::string>>> pieces;
  if (unpivot.contains("columns")) {
    for (const Json& column : unpivot.at("columns"))
      pieces.push_back({column, {{unpivot.at("value").get<std::string>(), column.get<std::string>()}}});
  } else {
    for (const Json& pair : unpivot.at("pairs"))
      for (const auto& [piece, columns] : pair.items())
        pieces.push_back({piece, columns.get<std::map<std::string, std::string>>()});
  }
  for (const auto& [piece, columns] : pieces)
    for (const auto& [to, from] : columns) require_column(rows, from);
  std::vector<BenchmarkRow> apart;
  for (const BenchmarkRow& row : rows.list)
    for (const auto& [piece, columns] : pieces) {
      BenchmarkRow own = row;
      own.values[name] = piece;
      for (const auto& [to, from] : columns) own.values[to] = value_at(row.values, from);
      own.where += " " + piece;
      own.piece = piece;
      apart.push_back(std::move(own));
    }
  rows.list = std::move(apart);
}

}  // namespace

bool same_value(const Json& a, const Json& b) {
  return a == b || (a.is_primitive() && b.is_primitive() && !a.is_null() && value_text(a) == value_text(b));
}

void change_rows(const Json& data, BenchmarkRows& rows) {
  repair_values(data, rows);
  keep_where(data, rows);
  rows.n_rows = rows.list.size();
  group_rows(data, rows);
  keep_answers(data, rows);
  collect_columns(data, rows);
  fill_slots(data, rows);
  unpivot_rows(data, rows);
}

}  // namespace af2
