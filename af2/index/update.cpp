#include "af2/index/update.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <unordered_map>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

class Update {
 public:
  Update(SoundIndex& index, const FolderScan& scan, const UpdateOptions& options, const UpdateWork& work)
      : index_(index), scan_(scan), options_(options), work_(work) {
    for (IndexedFile& file : index.files()) {
      std::string path = file.path();
      if (file.error.empty()) of_bytes_[file.sha256] = path;
      known_.emplace(std::move(path), std::move(file));
    }
  }

  UpdateCounts run() {
    if (!options_.keep_missing) check_folders();
    std::int64_t done = 0;
    for (const FoundFile& found : scan_.files) {
      if (stops()) return counts_;
      if (work_.progress) work_.progress(done, found);
      if (!one(found)) {
        counts_.stopped = true;
        return counts_;
      }
      done += found.size;
    }
    if (!options_.keep_missing) drop_missing();
    return counts_;
  }

 private:
  bool stops() {
    counts_.stopped = work_.stop && work_.stop();
    return counts_.stopped;
  }

  void report(FileChange change, const IndexedFile& file) {
    if (work_.report) work_.report(change, file);
  }

  bool is_gone(const std::string& path) const {
    struct stat facts;
    return !scan_.hidden(path) && ::stat(path.c_str(), &facts) != 0 && (errno == ENOENT || errno == ENOTDIR);
  }

  // A folder without any sound where there were some is rather a disk that is not there.
  void check_folders() const {
    for (const std::string& folder : scan_.folders) {
      const auto below = [&](const std::string& path) { return lies_below(path, folder); };
      if (std::any_of(scan_.files.begin(), scan_.files.end(),
                      [&](const FoundFile& file) { return below(file.path()); }))
        continue;
      std::int64_t gone = 0;
      for (const auto& [path, file] : known_) gone += below(path) && is_gone(path);
      if (gone > 0)
        throw data_error("holds no sound now, but the index has " + std::to_string(gone) + " files of it",
                         folder, "is its disk mounted? If they are to go: --remove " + folder);
    }
  }

  // False when it was told to stop.
  bool one(const FoundFile& found) {
    const auto at = known_.find(found.path());
    const IndexedFile* old = at == known_.end() ? nullptr : &at->second;
    const bool as_it_was = old && old->size == found.size && old->mtime_ns == found.mtime_ns;
    const bool try_again = old && !old->error.empty() && (options_.retry || old->sha256.empty());
    if (as_it_was && !try_again) {
      unchanged(*old);
      return true;
    }
    IndexedFile file;
    // A file that another folder's scan put here stays under that one.
    file.root = old ? old->root : found.root, file.name = old ? old->name : found.name;
    file.size = found.size, file.mtime_ns = found.mtime_ns;
    try {
      file.sha256 = sha256_file(found.path());
    } catch (const Error& error) {
      if (old) forget(*old);
      fail(file, error);
      return true;
    }
    if (old && old->sha256 == file.sha256 && !try_again) {
      index_.touch(old->id, file.size, file.mtime_ns);
      if (!old->error.empty()) return unchanged(*old), true;
      ++counts_.touched;
      file = *old;
      report(FileChange::kTouched, file);
      return true;
    }
    const bool was_here = old != nullptr;
    if (old) forget(*old);
    if (const auto same = of_bytes_.find(file.sha256); same != of_bytes_.end())
      return copy(file, known_.at(same->second));
    return hear(file, was_here);
  }

  void unchanged(const IndexedFile& old) {
    if (old.error.empty()) {
      ++counts_.unchanged;
      return;
    }
    ++counts_.failed;
    report(FileChange::kFailed, old);
  }

  // Its vectors are about to go.
  void forget(const IndexedFile& old) {
    const auto at = of_bytes_.find(old.sha256);
    if (at != of_bytes_.end() && at->second == old.path()) of_bytes_.erase(at);
  }

  void remember(const IndexedFile& file) {
    if (file.error.empty()) of_bytes_[file.sha256] = file.path();
    known_[file.path()] = file;
  }

  bool copy(IndexedFile& file, const IndexedFile& of) {
    file.seconds = of.seconds, file.warnings = of.warnings, file.n_windows = of.n_windows;
    file.id = index_.put_copy(file, of.id);
    ++counts_.copied;
    report(FileChange::kCopied, file);
    remember(file);
    return true;
  }

  bool hear(IndexedFile& file, bool was_here) {
    FileVectors vectors;
    try {
      if (!work_.embed(file.path(), vectors)) return false;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kUser || error.kind() == ErrorKind::kModel) throw;
      if (error.kind() != ErrorKind::kData) file.sha256.clear();  // not the file's fault: next time again
      fail(file, error);
      return true;
    }
    file.seconds = vectors.seconds;
    file.warnings = af2::join(vectors.warnings, ",");
    file.n_windows = static_cast<std::int64_t>(vectors.windows.size());
    file.id = index_.put(file, vectors.windows);
    ++(was_here ? counts_.updated : counts_.added);
    report(was_here ? FileChange::kUpdated : FileChange::kAdded, file);
    remember(file);
    return true;
  }

  void fail(IndexedFile& file, const Error& error) {
    file.error = error.problem();
    file.id = index_.put(file, {});
    ++counts_.failed;
    report(FileChange::kFailed, file);
    remember(file);
  }

  void drop_missing() {
    std::vector<std::int64_t> gone;
    std::vector<const IndexedFile*> files;
    for (const auto& [path, file] : known_) {
      const bool ours = std::any_of(scan_.folders.begin(), scan_.folders.end(),
                                    [&](const std::string& folder) { return lies_below(path, folder); });
      if (!ours || !is_gone(path)) continue;
      gone.push_back(file.id);
      files.push_back(&file);
    }
    index_.remove(gone);
    counts_.removed += static_cast<std::int64_t>(gone.size());
    for (const IndexedFile* file : files) report(FileChange::kRemoved, *file);
  }

  SoundIndex& index_;
  const FolderScan& scan_;
  UpdateOptions options_;
  const UpdateWork& work_;
  UpdateCounts counts_;
  std::map<std::string, IndexedFile> known_;               // by path
  std::unordered_map<std::string, std::string> of_bytes_;  // a path that has the vectors of these bytes
};

}  // namespace

const char* word_of(FileChange change) {
  switch (change) {
    case FileChange::kAdded:
      return "added";
    case FileChange::kUpdated:
      return "updated";
    case FileChange::kCopied:
      return "copied";
    case FileChange::kTouched:
      return "touched";
    case FileChange::kRemoved:
      return "removed";
    case FileChange::kFailed:
      return "failed";
  }
  return "";
}

UpdateCounts update_index(SoundIndex& index, const FolderScan& scan, const UpdateOptions& options,
                          const UpdateWork& work) {
  return Update(index, scan, options, work).run();
}

}  // namespace af2
