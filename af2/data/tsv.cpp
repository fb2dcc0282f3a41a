#include "af2/data/tsv.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "af2/core/file.h"
#include "af2/core/text_util.h"

namespace af2 {
TsvTable TsvTable::read(const std::filesystem::path& path, const std::vector<std::string>& required) {
  const std::string bytes = read_file(path);
  TsvTable table;
  table.path_ = path.string();
  if (bytes.find('\0') != std::string::npos) throw data_error("holds NUL bytes: not a table", table.path_);
  std::string_view rest = bytes;
  bool have_header = false;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const std::string where = table.path_ + ":" + std::to_string(number);
    std::vector<std::string> cells = split(line, '\t');
    if (!have_header) {
      have_header = true;
      for (std::size_t i = 0; i < cells.size(); ++i)
        if (!table.columns_.emplace(cells[i], i).second)
          throw data_error("column `" + cells[i] + "` stands twice in the header", where);
      for (const std::string& name : required)
        if (!table.columns_.contains(name)) throw data_error("column `" + name + "` is missing", where);
      continue;
    }
    if (cells.size() != table.columns_.size())
      throw data_error("has " + std::to_string(cells.size()) + " cells, the header " +
                           std::to_string(table.columns_.size()),
                       where, "separate cells by one tab each");
    table.cells_.push_back(std::move(cells));
    table.lines_.push_back(number);
  }
  if (!have_header) throw data_error("is empty", table.path_);
  return table;
}

const std::string& TsvTable::text_or_empty(std::size_t row, const std::string& column) const {
  return cells_[row][columns_.at(column)];
}

const std::string& TsvTable::text(std::size_t row, const std::string& column) const {
  const std::string& cell = text_or_empty(row, column);
  if (cell.empty()) throw error(row, column, "is empty");
  return cell;
}

double TsvTable::number(std::size_t row, const std::string& column, double low, double high) const {
  const std::string& cell = text(row, column);
  double value = 0;
  const auto [end, code] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (code != std::errc() || end != cell.data() + cell.size() || !std::isfinite(value))
    throw error(row, column, "is no number: " + cell.substr(0, 40));
  if (value < low || value > high) throw error(row, column, "is out of range: " + cell.substr(0, 40));
  return value;
}

Error TsvTable::error(std::size_t row, const std::string& column, const std::string& what) const {
  return data_error("column `" + column + "` " + what, path_ + ":" + std::to_string(lines_[row]));
}

}  // namespace af2
