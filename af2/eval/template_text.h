// Texts with holes, `fold{fold}/{name|lower|us2sp}`: of prompts, of paths, of fields of a benchmark.
//
// What a hole's name stands for is the caller's. Thread rule: free functions.
//
//   const TextTemplate path = TextTemplate::parse("{task}/{start|pad6}.wav", "esc50.yaml key audio.path");
//   path.fill([&](const std::string& name) { return row.at(name); });
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace af2 {

struct TextTemplate {
  struct Part {
    std::string text;  // as it is, or the hole's name
    bool hole = false;
    std::vector<std::string> filters;  // of a hole, applied from left to right
  };
  std::vector<Part> parts;

  // Throws kUser naming `where`: a brace without its partner, an empty hole, an unknown filter.
  static TextTemplate parse(const std::string& text, const std::string& where);
  std::vector<std::string> holes() const;
  // `value` gives what a hole's name stands for.
  std::string fill(const std::function<std::string(const std::string& name)>& value) const;
};

// lower: lower case; us2sp: `_` becomes a blank; strip: no blanks at the ends; str: as it is; end_mark: a
// full stop where the text ends without a mark; pad6: zeros in front, up to six characters.
std::string filtered(const std::string& filter, const std::string& text);

// `text` with each `from` replaced by `to`, from left to right.
std::string with_replaced(std::string text, const std::string& from, const std::string& to);

}  // namespace af2
