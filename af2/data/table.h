// Tables that others publish: csv with quotes, tsv, and what stands in their cells.
//
// Not for the project's own tables, which have no quotes and known columns (af2/data/tsv.h). Thread rule:
// free functions.
//
//   const Table table = parse_table(read_file("clotho.csv"), ',', "clotho.csv");
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace af2 {

// A table with a header, RFC 4180 quotes where `separator` is a comma. Cells, and the line each row begins
// at. Throws kData.
struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::size_t> lines;
};
Table parse_table(const std::string& text, char separator, const std::string& where);

// Tables that are written in their own way.
struct TableForm {
  char separator = ',';
  bool header = true;              // without one the columns are named "0", "1" ...
  bool quote_after_space = false;  // blanks before a cell are no part of it: `a, "b, c"` has two cells
  std::string comment;             // lines that begin with it are left out; empty: none are
};
Table parse_table(const std::string& text, const TableForm& form, const std::string& where);

// "clotho.csv:12".
std::string line_of(const std::string& where, std::size_t line);

// The number in a cell. Throws kData naming `where` and `key`.
double number_in(const std::string& text, const std::string& key, const std::string& where);

// Labels of a cell: parted by '|' or ';', else by commas without a blank behind ("Guitar,Music", but "Male
// speech, man speaking" is one).
std::vector<std::string> labels_in_cell(const std::string& cell);

}  // namespace af2
