// A judge's replies on disk: judge.jsonl, one line a call (docs/spec/evaluation.md section 5).
//
// It is both record and cache: the same request is found by its hash, so that a run that is cut goes on
// without asking twice. Lines hold the reply's text, not only the mark: a better parser needs no new calls.
// Only appended to; a last line that was cut is dropped when it is opened next. Thread rule: any thread; one
// process at a time writes.
//
//   JudgeLog log(folder / "judge.jsonl", JudgeLog::kAppend);
//   if (auto known = log.by_request(key)) use(known->reply);
//   log.put(call);
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "af2/core/json.h"
#include "af2/data/llm_cache.h"

namespace af2 {

struct JudgeCall {
  std::string id;                      // of the item
  int repeat = 0, seat = 0, step = 0;  // seat 1: answers swapped; step 1: asked again for another form
  std::string model;
  std::string request;  // SHA-256 of all that the reply depends on, with host and parameters
  std::string prompt;   // SHA-256 of rubric and messages alone
  std::string reply;
  std::optional<double> score;  // as read when it came; for people
  std::string problem;          // why it could not be read
  std::int64_t tokens_in = 0, tokens_out = 0;
  double seconds = 0;
  int tries = 0;
};

class JudgeLog {
 public:
  // kAppend creates the file if there is none; kReplay needs one and leaves it as it is. Throws kResource:
  // cannot be written, in use by another run; kData: kReplay and no file.
  enum Mode { kAppend, kReplay };
  JudgeLog(const std::filesystem::path& path, Mode mode);

  std::optional<JudgeCall> by_request(const std::string& request) const;
  // The reply to the same prompt and repeat, whichever endpoint gave it; `model`: by this one, empty: by the
  // only one there is. Throws kUser where several models' replies are there and none is named.
  std::optional<JudgeCall> by_prompt(const std::string& prompt, int repeat, const std::string& model) const;
  // Written and synced when it returns. Throws kResource.
  void put(const JudgeCall& call);

  // Of all lines, also of earlier runs.
  std::int64_t tokens_in() const;
  std::int64_t tokens_out() const;
  std::vector<std::string> models() const;

 private:
  void take(const std::string& line);

  std::filesystem::path path_;
  mutable std::mutex mutex_;
  std::vector<JudgeCall> calls_;
  std::unordered_map<std::string, std::size_t> by_request_;
  std::unordered_multimap<std::string, std::size_t> by_prompt_;
  std::vector<std::string> models_;
  std::int64_t tokens_in_ = 0, tokens_out_ = 0;
  std::unique_ptr<LineFile> file_;
};

}  // namespace af2
