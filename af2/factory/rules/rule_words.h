// Words that questions by rules and their re-checks write alike: numbers, lists, the fixed answers.
//
// No thresholds and no choices here: what is asked is the finder's. Thread rule: pure functions, constants.
//
//   list_of({"a dog", "rain", "a bell"});      // "a dog, rain and a bell"
//   sequence_of({"a dog", "rain", "a bell"});  // "a dog, rain, a bell"
#pragma once

#include <array>
#include <string>
#include <vector>

#include "af2/data/text_terms.h"  // number_word

namespace af2 {

// "first" to "twelfth", then "13th".
std::string ordinal_word(int k);
// "a, b and c"; parted by semicolons ("a, x; b; and c") where a part has a comma, "and" or "or" of its own.
std::string list_of(const std::vector<std::string>& parts, const std::string& last = "and");
// "a, b, c", or with semicolons as above.
std::string sequence_of(const std::vector<std::string>& parts);
// "(A) a. (B) b."
std::string lettered_list(const std::vector<std::string>& parts);
// "(B)(A)" of 1, 0.
std::string letter_sequence(const std::vector<int>& places);

// Answers that are not sounds, in the order in which rules number them.
inline constexpr std::array<const char*, 3> kThirdWords = {"at the beginning", "in the middle", "at the end"};
inline constexpr std::array<const char*, 3> kChangeWords = {"it gets louder", "it stays equally loud",
                                                            "it gets softer"};
inline constexpr std::array<const char*, 3> kSpeakerWords = {"a man", "a woman", "a child"};

// What can be compared of two sounds.
enum class Attribute { kLoudness, kPitch, kReverb, kLength };
inline constexpr std::array<Attribute, 4> kAttributes = {Attribute::kLoudness, Attribute::kPitch,
                                                         Attribute::kReverb, Attribute::kLength};
struct AttributeWords {
  const char* name;                  // in facts: "loudness"
  const char *most, *least;          // "loudest", "softest"
  const char *more, *less, *same;    // "louder", "softer", "about equally loud"
  const char* quality;               // "loudness"
  std::array<const char*, 3> bands;  // "low", "medium", "high"; empty: none
};
const AttributeWords& words_of(Attribute attribute);
// Throws kData for a name that is none.
Attribute attribute_from_name(const std::string& name);
// "about 3 seconds", "about half a second".
std::string seconds_words(double seconds);

}  // namespace af2
