// A file written piece by piece and put in place at the end: readers see the old content or the whole new
// one.
//
// For contents too large for one string (write_file_atomic of af2/core/file.h takes those). Not for
// appending. Thread rule: one owner.
//
//   AtomicFile file(path);
//   file.write(header), file.write(body);
//   file.commit();   // without it the destructor removes the temporary file
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace af2 {

class AtomicFile {
 public:
  // Creates a temporary file beside `path`. Throws kResource.
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Throws kResource when the disk is full.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  void write_zeros(std::size_t count);
  std::uint64_t written() const { return written_; }
  // Syncs, renames to the final path and syncs the folder. Throws kResource.
  void commit();

 private:
  void flush();
  std::filesystem::path path_, temporary_;
  std::string buffer_;
  std::uint64_t written_ = 0;
  int fd_ = -1;
};

}  // namespace af2
