// Replies of language models, kept in a file that only grows: a run that is cut and started again asks for
// nothing twice (docs/spec/data.md section 6).
//
// A line a reply, written whole and synced; a last line that was cut is dropped when the file is opened next.
// The first reply of a key counts. One process at a time. Thread rule: any thread.
//
//   LlmCache cache(folder / "llm_cache.jsonl");
//   if (const auto known = cache.find(key)) return *known;
//   cache.put(key, reply);
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "af2/core/json.h"

namespace af2 {

// A file that lines are appended to, each whole and on disk when append() returns.
class LineFile {
 public:
  // Creates it if there is none and hands every whole line to `use` (which throws for a line that it does not
  // take; such lines are counted and left where they are, a cut last one is removed). Throws kResource:
  // cannot be written, in use by another process.
  template <class Use>
  LineFile(const std::filesystem::path& path, Use&& use) : LineFile(path) {
    for_each_line(std::forward<Use>(use));
  }
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  void append(const std::string& line);
  std::int64_t broken_lines() const { return broken_; }

 private:
  explicit LineFile(const std::filesystem::path& path);
  void for_each_line(const std::function<void(const std::string&)>& use);

  std::filesystem::path path_;
  int fd_ = -1;
  std::int64_t broken_ = 0;
};

class LlmCache {
 public:
  explicit LlmCache(const std::filesystem::path& path);

  std::optional<Json> find(const std::string& key) const;
  // Returns what the key has now: `reply`, or what another thread put before.
  Json put(const std::string& key, const Json& reply);
  std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> replies_;
  LineFile file_;
};

}  // namespace af2
