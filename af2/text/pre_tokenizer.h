// Pre-tokenisers: cutting text into the words within which byte-level BPE may merge.
//
// The published patterns are matched by hand over code points (no regular expression engine); a pattern that
// is not one of them is refused, never approximated. Not for added tokens (af2/text/added_tokens.h). Thread
// rule: constant after construction. Without ICU: ASCII only (else kUser).
//
//   const PreTokenizer pre = PreTokenizer::named("qwen2");
//   pre.split("It's 12 o'clock");   // "It" "'s" " " "1" "2" " o" "'clock"
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace af2 {

class PreTokenizer {
 public:
  // One pass; the next pass works within each of its parts.
  enum class Step {
    kEachDigit,  // every \p{N} on its own
    kDigitRuns,  // runs of \p{N} apart from the rest
    kGpt2,       // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
    kQwen2,   // (?i:'s|...)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
    kLlama3,  // as Qwen2 with \p{N}{1,3}
  };

  PreTokenizer() = default;
  explicit PreTokenizer(std::vector<Step> steps) : steps_(std::move(steps)) {}

  // By the name that GGUF files carry (tokenizer.ggml.pre): "smollm", "gpt-2", "qwen2", "llama-bpe".
  // Throws kModel for any other.
  static PreTokenizer named(std::string_view name);

  // The step of a Split pattern as it stands in a tokenizer.json. Throws kModel with the pattern if unknown.
  static Step step_of_pattern(std::string_view regex);

  // The way back: the pattern of a step that cuts by one. Throws kInternal for the digits' steps.
  static std::string pattern_of(Step step);

  // The words of `text` (valid UTF-8), in order; joined they are `text`, none is empty. Parts of `text`.
  std::vector<std::string_view> split(std::string_view text) const;

  const std::vector<Step>& steps() const { return steps_; }

 private:
  std::vector<Step> steps_;
};

}  // namespace af2
