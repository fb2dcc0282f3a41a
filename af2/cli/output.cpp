#include "af2/cli/output.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "af2/core/error.h"

namespace af2 {
namespace {

std::FILE* g_file = nullptr;  // of -o; closed by the end of the program
std::string g_path;

}  // namespace

void set_output_file(const std::string& path) {
  g_file = std::fopen(path.c_str(), "wb");
  if (!g_file)
    throw resource_error(std::string("cannot be written: ") + std::strerror(errno), path,
                         "name a file in a folder that is there");
  g_path = path;
}

void print_raw(std::string_view text) {
  std::FILE* to = g_file ? g_file : stdout;
  if (std::fwrite(text.data(), 1, text.size(), to) == text.size() && std::fflush(to) == 0) return;
  if (g_file) throw resource_error(std::string("cannot be written: ") + std::strerror(errno), g_path);
  std::_Exit(0);
}

void print_line(const std::string& text) {
  print_raw(text + "\n");
}

std::string one_line(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else
      out += c;
  }
  return out;
}

}  // namespace af2
