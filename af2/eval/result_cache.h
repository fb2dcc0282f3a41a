// Replies that were had before, of one model: the same prompt about the same sound with the same decoding is
// not asked twice (docs/spec/evaluation.md section 8).
//
// One SQLite file a model. A file that cannot be used is an error, never an empty cache. Without SQLite there
// is none (AF2_WITH_SQLITE). Thread rule: one owner; several processes may share the file.
//
//   ResultCache cache(folder, model.hash);
//   if (const auto known = cache.find(key)) use(*known);
//   cache.put({{key, value}});
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "af2/core/json.h"
#include "af2/eval/model.h"

namespace af2 {

// SHA-256 of the canonical JSON (sorted keys, no blanks) of {audio, decode, model, prompt, version, windows}.
// `audio`: content hashes in order; with Hearing::kSilence each begins with "silence:", with kCascade with
// "cascade:", with kOff there are none. `choices` of an ask are part of `decode`.
std::string result_key(const Ask& ask, const std::vector<std::string>& audio, const std::string& model);

Json reply_json(const Reply& reply);
// Throws kData.
Reply reply_from_json(const Json& json, const std::string& where);

class ResultCache {
 public:
  // Creates folder/HASH.sqlite where it is missing. Throws kData, kResource; kUser without SQLite.
  ResultCache(const std::filesystem::path& folder, const std::string& model_hash);
  ~ResultCache();
  std::optional<Json> find(const std::string& key) const;
  // All or none of them.
  void put(const std::vector<std::pair<std::string, Json>>& results);
  const std::filesystem::path& path() const { return path_; }

 private:
  struct Data;
  std::filesystem::path path_;
  std::unique_ptr<Data> data_;
};

// Where caches lie without a flag: AF2_CACHE_DIR, else XDG_CACHE_HOME/af2, else ~/.cache/af2.
std::filesystem::path default_cache_folder();

}  // namespace af2
