#include "af2/data/table.h"

#include <charconv>
#include <cmath>

#include "af2/core/error.h"
#include "af2/core/text_util.h"

namespace af2 {

std::string line_of(const std::string& where, std::size_t line) {
  return where + ":" + std::to_string(line);
}

double number_in(const std::string& text, const std::string& key, const std::string& where) {
  const std::string plain = trim(text);
  double value = 0;
  const auto [end, code] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (code != std::errc() || end != plain.data() + plain.size() || !std::isfinite(value))
    throw data_error("`" + key + "` is no number: " + printable(plain, 40), where, "correct it");
  return value;
}

std::vector<std::string> labels_in_cell(const std::string& cell) {
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

Table parse_table(const std::string& text, char separator, const std::string& where) {
  TableForm form;
  form.separator = separator;
  return parse_table(text, form, where);
}

Table parse_table(const std::string& text, const TableForm& form, const std::string& where) {
  const char separator = form.separator;
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
      if (!empty && table.header.empty() && !form.header)
        for (std::size_t i = 0; i < row.size(); ++i) table.header.push_back(std::to_string(i));
      if (!empty && table.header.empty()) {
        for (auto& name : row) name = trim(name);
        table.header = row;
      } else if (!empty) {
        if (row.size() != table.header.size())
          throw data_error("has " + std::to_string(row.size()) + " cells, the " +
                               (form.header ? "header " : "first row ") + std::to_string(table.header.size()),
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
    if (!form.comment.empty() && row.empty() && !any &&
        text.compare(i, form.comment.size(), form.comment) == 0) {
      const std::size_t end = text.find('\n', i);
      if (end == std::string::npos) break;
      i = end, begins = ++line;
      continue;
    }
    if (form.quote_after_space && c == ' ' && cell.empty() && !was_quoted) {
      any = true;
    } else if (c == '"' && separator == ',' && cell.empty() && !was_quoted) {
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

}  // namespace af2
