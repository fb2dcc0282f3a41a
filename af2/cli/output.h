// Where results go: stdout, or the file of -o.
#pragma once

#include <string>
#include <string_view>

namespace af2 {

// Results go to this file from now on (emptied first). Throws kResource when it cannot be written.
void set_output_file(const std::string& path);

// Writes one line and flushes. Ends the program quietly with 0 when the reader of stdout has gone; throws
// kResource when a file cannot take it.
void print_line(const std::string& text);
void print_raw(std::string_view text);
// Newlines and tabs as \n and \t, for one-line answers beside a path.
std::string one_line(const std::string& text);

}  // namespace af2
