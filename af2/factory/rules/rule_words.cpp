#include "af2/factory/rules/rule_words.h"

#include <algorithm>
#include <cmath>

#include "af2/core/error.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

constexpr std::array<const char*, 12> kOrdinals = {"first", "second", "third",    "fourth",
                                                   "fifth", "sixth",  "seventh",  "eighth",
                                                   "ninth", "tenth",  "eleventh", "twelfth"};

// In the order of Attribute.
constexpr std::array<AttributeWords, 4> kWords = {{
    {"loudness", "loudest", "softest", "louder", "softer", "about equally loud", "loudness", {}},
    {"pitch",
     "highest-pitched",
     "lowest-pitched",
     "higher-pitched",
     "lower-pitched",
     "about equally high-pitched",
     "pitch",
     {"low-pitched", "of medium pitch", "high-pitched"}},
    {"reverb",
     "most reverberant",
     "least reverberant",
     "more reverberant",
     "less reverberant",
     "about equally reverberant",
     "reverberation",
     {"hardly any echo", "a moderate echo", "a long echo"}},
    {"length",
     "longest",
     "shortest",
     "longer",
     "shorter",
     "about equally long",
     "length",
     {"less than a second", "one to three seconds", "more than three seconds"}},
}};

// Commas, unless a part ("male speech, man speaking", "drum and bass") could be taken for two.
const char* separator_of(const std::vector<std::string>& parts) {
  const auto is_list = [](const std::string& part) {
    return part.find(',') != std::string::npos || part.find(" and ") != std::string::npos ||
           part.find(" or ") != std::string::npos;
  };
  return std::any_of(parts.begin(), parts.end(), is_list) ? "; " : ", ";
}

}  // namespace

std::string ordinal_word(int k) {
  if (k >= 1 && k <= static_cast<int>(kOrdinals.size())) return kOrdinals[static_cast<std::size_t>(k - 1)];
  const bool teen = k % 100 >= 11 && k % 100 <= 13;
  const char* end = teen || k % 10 == 0 || k % 10 > 3 ? "th" : k % 10 == 1 ? "st" : k % 10 == 2 ? "nd" : "rd";
  return std::to_string(k) + end;
}

std::string list_of(const std::vector<std::string>& parts, const std::string& last) {
  if (parts.empty()) return "";
  const std::string separator = separator_of(parts);
  std::string text = parts[0];
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const bool end = i + 1 == parts.size();
    text += (!end ? separator : separator == ", " ? " " + last + " " : separator + last + " ") + parts[i];
  }
  return text;
}

std::string sequence_of(const std::vector<std::string>& parts) {
  return join(parts, separator_of(parts));
}

std::string lettered_list(const std::vector<std::string>& parts) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i)
    text += std::string(i ? " (" : "(") + static_cast<char>('A' + i) + ") " + parts[i] + ".";
  return text;
}

std::string letter_sequence(const std::vector<int>& places) {
  std::string text;
  for (const int place : places) text += std::string("(") + static_cast<char>('A' + place) + ")";
  return text;
}

const AttributeWords& words_of(Attribute attribute) {
  return kWords[static_cast<std::size_t>(attribute)];
}

Attribute attribute_from_name(const std::string& name) {
  for (const Attribute attribute : kAttributes)
    if (name == words_of(attribute).name) return attribute;
  throw data_error("is no attribute of sounds: " + name, "facts key attribute",
                   "it is loudness, pitch, reverb or length");
}

std::string seconds_words(double seconds) {
  if (std::abs(seconds - 0.5) < 1e-9) return "about half a second";
  if (std::abs(seconds - 1) < 1e-9) return "about a second";
  const auto whole = static_cast<int>(std::lround(seconds));
  return "about " + number_word(whole) + " seconds";
}

}  // namespace af2
