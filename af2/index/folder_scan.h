// Which sound files lie in given folders now.
//
// Files count by the ending of their name; folders that are links are not entered. Not for reading sound.
// Thread rule: free functions.
//
//   FolderScan scan = scan_folders({"/sounds", "other/dog.wav"}, looks_like_audio);
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace af2 {

struct FoundFile {
  std::string root, name;  // absolute folder, and the path below it
  std::int64_t size = 0, mtime_ns = 0;

  std::string path() const { return (std::filesystem::path(root) / name).string(); }
};

struct FolderScan {
  std::vector<std::string> folders;     // given ones, absolute, links resolved
  std::vector<FoundFile> files;         // by path, each once
  std::vector<std::string> unreadable;  // folders below whose files are not known, with the reason
  // Whether nothing is known of what lies at `path`.
  bool hidden(const std::string& path) const;
};

// Folders, with all below them unless `flat`, and files. Throws kData for what is not there.
enum class Depth { kAll, kFlat };
FolderScan scan_folders(const std::vector<std::string>& given,
                        const std::function<bool(const std::filesystem::path&)>& is_sound,
                        Depth depth = Depth::kAll);

// Size and time of a file; false where there is none.
bool stat_file(const std::filesystem::path& path, std::int64_t& size, std::int64_t& mtime_ns);
// Whether `path` is `folder` or lies below it; both absolute.
bool lies_below(const std::string& path, const std::string& folder);

}  // namespace af2
