// A row of a benchmark as the roles of an item (`fields`): only for benchmark_items.cpp.
//
// Thread rule: a plain value.
//
//   const FieldReader fields(benchmark);
//   fields.text(row, "question");   // "" where the role is not given
#pragma once

#include <map>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/eval/benchmark.h"
#include "af2/eval/template_text.h"

namespace af2 {

class FieldReader {
 public:
  explicit FieldReader(const Benchmark& benchmark);

  bool has(const std::string& role) const { return sources_.contains(role); }
  // Lists are joined by ", ".
  std::string text(const Json& row, const std::string& role) const;
  // The values of a list or an object; one for a text; none for nothing.
  std::vector<std::string> texts(const Json& row, const std::string& role) const;
  Json value(const Json& row, const std::string& role) const;
  // All roles, in the file's order.
  const std::vector<std::string>& roles() const { return roles_; }
  // What each role reads, for messages.
  std::string source(const std::string& role) const { return written_.at(role); }

 private:
  std::map<std::string, std::vector<TextTemplate>> sources_;  // several: a list
  std::map<std::string, bool> is_list_;
  std::map<std::string, std::string> written_;
  std::vector<std::string> roles_;
};

// A hole's filters on a value: on each of a list.
Json filtered_value(const Json& value, const std::vector<std::string>& filters);

// Options that stand in a question's text, "... (A) a dog. (B) rain.": where each text begins and ends.
struct InlineOption {
  std::size_t begin = 0, end = 0;
};
// `style` has {L} or {l}, {text} and what ends an option. `endings` are texts that may follow the last one
// (a request that is cut off for other models). Empty: fewer than two stand there.
std::vector<InlineOption> inline_options(const std::string& question, const std::string& style,
                                         const std::vector<std::string>& endings);
// The same of a benchmark's item; empty where the benchmark's options are a field of their own.
std::vector<InlineOption> inline_options(const Benchmark& benchmark, const std::string& question);

// The index of the right option: the text itself, with a printed letter before it, or the letter alone; -1.
int gold_among(const std::vector<std::string>& choices, const std::string& answer);

}  // namespace af2
