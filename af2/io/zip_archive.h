// Zip archives as torch.save writes them: stored entries, found in place in memory.
//
// Everything is checked before anything is handed out. Refused: compressed or encrypted entries, several
// disks, two entries with one name, entries that overlap or leave the file, a local header that says
// something else than the central directory, and bytes between the directory and the end record. Zip64
// (archives and entries over 4 GB) is read. Not an unpacker: it writes nothing, and names are only names.
// Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3. Thread rule: constant after parse; entries
// point into the bytes, which the caller keeps.
//
//   const MappedFile file("checkpoint.pt");
//   const ZipArchive zip = ZipArchive::parse(file.bytes(), "checkpoint.pt");
//   if (const ZipEntry* entry = zip.find("archive/data.pkl")) zip.check_crc(*entry);
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace af2 {

// The checksum of zip (and gzip, png): reflected polynomial 0xEDB88320. crc32("123456789") = 0xCBF43926.
std::uint32_t crc32(std::span<const std::byte> bytes);

struct ZipEntry {
  std::string_view name;             // bytes as stored; "" never
  std::span<const std::byte> bytes;  // at any alignment
  std::uint32_t crc = 0;             // what the archive says
};

class ZipArchive {
 public:
  // Throws kModel with `where` (a path) in the message.
  static ZipArchive parse(std::span<const std::byte> bytes, std::string where);

  const std::vector<ZipEntry>& entries() const { return entries_; }  // sorted by name
  const ZipEntry* find(std::string_view name) const;                 // null when absent
  // Reads the entry's bytes; throws kModel naming the entry when they do not have its checksum.
  void check_crc(const ZipEntry& entry) const;
  const std::string& where() const { return where_; }

 private:
  std::string where_;
  std::vector<ZipEntry> entries_;
};

}  // namespace af2
