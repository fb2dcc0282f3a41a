// Tar files for tests, written by hand (ustar, and GNU's records for long names): header, content, padding.
#pragma once

#include <cstdio>
#include <cstring>
#include <string>

namespace af2::test {

class TarWriter {
 public:
  void add(const std::string& name, const std::string& content, char type = '0') {
    if (name.size() > 99) add("././@LongLink", name + '\0', 'L');
    std::string header(512, '\0');
    const auto put = [&](std::size_t at, const std::string& text) { header.replace(at, text.size(), text); };
    char number[16];
    put(0, name.substr(0, 99));
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    std::snprintf(number, sizeof number, "%011zo", content.size());
    put(124, number);
    put(136, "00000000000");
    put(148, "        ");
    header[156] = type;
    put(257, type == 'L' ? "ustar  " : std::string("ustar\00000", 8));
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    std::snprintf(number, sizeof number, "%06o", sum);
    put(148, std::string(number) + '\0' + ' ');
    bytes += header + content + std::string((512 - content.size() % 512) % 512, '\0');
  }
  // With the two empty blocks at the end.
  std::string done() const { return bytes + std::string(1024, '\0'); }

  std::string bytes;
};

}  // namespace af2::test
