#include "af2/index/folder_scan.h"

#include <sys/stat.h>

#include <algorithm>
#include <system_error>

#include "af2/core/error.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

// macOS leaves "._dog.wav" beside "dog.wav" on other file systems; it holds no sound.
bool is_resource_fork(const fs::path& path) {
  return path.filename().string().starts_with("._");
}

class Walk {
 public:
  Walk(FolderScan& scan, const std::function<bool(const fs::path&)>& is_sound, Depth depth)
      : scan_(scan), is_sound_(is_sound), depth_(depth) {}

  void folder(const fs::path& root, const fs::path& below) {
    const fs::path here = below.empty() ? root : root / below;
    std::error_code code;
    fs::directory_iterator it(here, code);
    for (const fs::directory_iterator end; !code && it != end; it.increment(code)) {
      std::error_code unknown;
      const fs::path name = below / it->path().filename();
      if (it->is_directory(unknown) && !it->is_symlink(unknown)) {
        if (depth_ == Depth::kAll) folder(root, name);
      } else if (is_sound_(name) && !is_resource_fork(name)) {
        file(root, name);
      }
    }
    if (code) scan_.unreadable.push_back(here.string());
  }

  void file(const fs::path& root, const fs::path& name) {
    FoundFile found{root.string(), name.string()};
    if (stat_file(root / name, found.size, found.mtime_ns)) scan_.files.push_back(std::move(found));
  }

 private:
  FolderScan& scan_;
  const std::function<bool(const fs::path&)>& is_sound_;
  Depth depth_;
};

}  // namespace

bool FolderScan::hidden(const std::string& path) const {
  return std::any_of(unreadable.begin(), unreadable.end(),
                     [&](const std::string& folder) { return lies_below(path, folder); });
}

bool stat_file(const fs::path& path, std::int64_t& size, std::int64_t& mtime_ns) {
  struct stat facts;
  if (::stat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) return false;
  size = facts.st_size;
  mtime_ns = static_cast<std::int64_t>(facts.st_mtim.tv_sec) * 1'000'000'000 + facts.st_mtim.tv_nsec;
  return true;
}

bool lies_below(const std::string& path, const std::string& folder) {
  if (folder == "/" || path == folder) return true;
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

FolderScan scan_folders(const std::vector<std::string>& given,
                        const std::function<bool(const fs::path&)>& is_sound, Depth depth) {
  FolderScan scan;
  Walk walk(scan, is_sound, depth);
  for (const std::string& path : given) {
    std::error_code code;
    const bool is_folder = fs::is_directory(path, code);
    if (!is_folder && !fs::is_regular_file(path, code))
      throw data_error("there is no such file or folder", path,
                       "check the path, and that its disk is mounted");
    // A file that is a link keeps its own name.
    const fs::path whole = fs::absolute(path);
    const fs::path root = fs::canonical(is_folder ? whole : whole.parent_path(), code);
    if (code) throw data_error("cannot be read: " + code.message(), path, "check permissions");
    if (is_folder) {
      scan.folders.push_back(root.string());
      walk.folder(root, {});
    } else {
      walk.file(root, whole.filename());
    }
  }
  const auto by_path = [](const FoundFile& a, const FoundFile& b) { return a.path() < b.path(); };
  const auto same = [](const FoundFile& a, const FoundFile& b) { return a.path() == b.path(); };
  std::stable_sort(scan.files.begin(), scan.files.end(), by_path);
  scan.files.erase(std::unique(scan.files.begin(), scan.files.end(), same), scan.files.end());
  return scan;
}

}  // namespace af2
