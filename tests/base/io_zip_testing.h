// Zip archives and pickles made by hand, so that tests can break any field of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "af2/io/zip_archive.h"
#include "tests/base/io_test_util.h"

namespace af2::io_test {

template <class T>
std::string little(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
inline std::string u16(std::uint64_t value) {
  return little(static_cast<std::uint16_t>(value));
}
inline std::string u32(std::uint64_t value) {
  return little(static_cast<std::uint32_t>(value));
}
inline std::string u64(std::uint64_t value) {
  return little(value);
}

// One entry, and what each of its two headers says; the defaults agree.
struct ZipPart {
  std::string name, data;
  std::uint64_t flags = 0x800, local_flags = 0x800;
  std::uint64_t method = 0, local_method = 0;
  std::string local_name = name;
  std::int64_t size_error = 0, local_size_error = 0, offset_error = 0;
  std::string extra = "", local_extra = "";  // beside the zip64 field
  bool add = true;                           // whether the data section has it
};

struct ZipForm {
  bool zip64 = false;  // every size and offset in zip64 fields
  std::string comment = "", prefix = "", before_end = "";
  std::int64_t count_error = 0, directory_error = 0;
};

inline Bytes make_zip(const std::vector<ZipPart>& parts, const ZipForm& form = {}) {
  constexpr std::uint64_t kFull = 0xffffffff;
  std::string file = form.prefix, directory;
  std::uint64_t first_offset = file.size();
  for (const ZipPart& part : parts) {
    const std::uint64_t offset =
        (part.add ? file.size() : first_offset) + static_cast<std::uint64_t>(part.offset_error);
    const std::uint64_t size = part.data.size() + static_cast<std::uint64_t>(part.size_error);
    const std::uint64_t local_size = part.data.size() + static_cast<std::uint64_t>(part.local_size_error);
    const std::string crc = u32(crc32(std::as_bytes(std::span(part.data))));
    const bool follow = (part.local_flags & 8) != 0;
    if (part.add) {
      const std::string extra =
          part.local_extra + (form.zip64 ? u16(1) + u16(16) + u64(local_size) + u64(local_size) : "");
      const std::string narrow = follow ? u32(0) : u32(form.zip64 ? kFull : local_size);
      file += "PK\3\4" + u16(45) + u16(part.local_flags) + u16(part.local_method) + u32(0) +
              (follow ? u32(0) : crc) + narrow + narrow + u16(part.local_name.size()) + u16(extra.size()) +
              part.local_name + extra + part.data;
      if (follow) file += "PK\7\x8" + crc + u32(local_size) + u32(local_size);
    }
    const std::string extra =
        part.extra + (form.zip64 ? u16(1) + u16(24) + u64(size) + u64(size) + u64(offset) : "");
    const std::string narrow = u32(form.zip64 ? kFull : size);
    directory += "PK\1\2" + u16(45) + u16(45) + u16(part.flags) + u16(part.method) + u32(0) + crc + narrow +
                 narrow + u16(part.name.size()) + u16(extra.size()) + u16(0) + u16(0) + u16(0) + u32(0) +
                 u32(form.zip64 ? kFull : offset) + part.name + extra;
  }
  const std::uint64_t begin = file.size() + static_cast<std::uint64_t>(form.directory_error);
  const std::uint64_t count = parts.size() + static_cast<std::uint64_t>(form.count_error);
  file += directory + form.before_end;
  if (form.zip64) {
    const std::uint64_t record = file.size();
    file += "PK\6\6" + u64(44) + u16(45) + u16(45) + u32(0) + u32(0) + u64(count) + u64(count) +
            u64(directory.size()) + u64(begin) + "PK\6\7" + u32(0) + u64(record) + u32(1);
  }
  file += "PK\5\6" + u16(0) + u16(0) + u16(form.zip64 ? 0xffff : count) + u16(form.zip64 ? 0xffff : count) +
          u32(form.zip64 ? kFull : directory.size()) + u32(form.zip64 ? kFull : begin) +
          u16(form.comment.size()) + form.comment;
  return bytes_of(file);
}

inline ZipPart part_of(std::string name, std::string data) {
  ZipPart part;
  part.name = part.local_name = std::move(name);
  part.data = std::move(data);
  return part;
}

// --- pickles of protocol 2 ---
inline std::string p_text(std::string_view text) {
  return "X" + u32(text.size()) + std::string(text);
}
inline std::string p_int(std::int64_t value) {
  return "\x8a\x08" + little(value);
}
inline std::string p_global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string p_tuple(const std::string& parts) {
  return "(" + parts + "t";
}
inline std::string p_ints(const std::vector<std::int64_t>& values) {
  std::string parts;
  for (const std::int64_t value : values) parts += p_int(value);
  return p_tuple(parts);
}
// A whole pickle with this value.
inline std::string p_whole(const std::string& value) {
  return "\x80\x02" + value + ".";
}

}  // namespace af2::io_test
