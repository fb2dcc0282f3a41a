// Files: whole reads, atomic writes, read-only memory maps, SHA-256.
//
// Not for audio decoding (af2/audio) or weight formats (af2/io). Thread rule: functions are free of shared
// state; a MappedFile may be read from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace af2 {

// The file's bytes. Throws kData "cannot open" / "cannot read" with the system's reason.
std::string read_file(const std::filesystem::path& path);

// Writes `bytes` to `path` through a temporary file beside it, synced and renamed: a reader sees the old
// content or the new, never half. Throws kResource (disk full, no permission).
void write_file_atomic(const std::filesystem::path& path, std::string_view bytes);

// Makes sure that what was written to `path` (a file or a folder's entries) is on disk.
void sync_path(const std::filesystem::path& path);

// Lower-case hex SHA-256.
std::string sha256_hex(std::span<const std::byte> bytes);
std::string sha256_file(const std::filesystem::path& path);

// The folder of the running program.
std::filesystem::path program_dir();

// A read-only mapping of a whole file. Moves, does not copy. An empty file maps to an empty span.
class MappedFile {
 public:
  MappedFile() = default;
  // Throws kData when the file cannot be opened or mapped.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }
  // Lets the kernel drop the pages of [offset, offset + size): they are read again if touched.
  void release(std::size_t offset, std::size_t size) const;

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace af2
