// Tab-separated tables with a header line, read strictly; errors name file, line and column.
//
// Columns are found by name; unknown ones are ignored. Lines that are empty or start with '#' are skipped.
// No quoting: a cell holds neither tabs nor line ends. Thread rule: a plain value.
//
//   const TsvTable table = TsvTable::read("bank/labels.tsv", {"label", "phrase"});
//   for (std::size_t row = 0; row < table.rows(); ++row) use(table.text(row, "label"));
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "af2/core/error.h"

namespace af2 {

class TsvTable {
 public:
  // Throws kData: unreadable, no header, missing or repeated column, wrong number of cells, NUL bytes.
  static TsvTable read(const std::filesystem::path& path, const std::vector<std::string>& required);

  std::size_t rows() const { return cells_.size(); }
  bool has(const std::string& column) const { return columns_.contains(column); }
  // The cell; throws kData when it is empty and must not be.
  const std::string& text(std::size_t row, const std::string& column) const;
  const std::string& text_or_empty(std::size_t row, const std::string& column) const;
  // A finite number in [low, high]; throws kData.
  double number(std::size_t row, const std::string& column, double low, double high) const;
  // An error that names this cell.
  Error error(std::size_t row, const std::string& column, const std::string& what) const;

 private:
  std::string path_;
  std::map<std::string, std::size_t> columns_;
  std::vector<std::vector<std::string>> cells_;
  std::vector<std::size_t> lines_;
};

}  // namespace af2
