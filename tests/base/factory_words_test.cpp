// Numbers, lists and fixed words of questions by rules.
#include <gtest/gtest.h>

#include "af2/core/error.h"
#include "af2/factory/rules/rule_words.h"

namespace af2 {
namespace {

TEST(FactoryWords, Numbers) {
  EXPECT_EQ(ordinal_word(1), "first");
  EXPECT_EQ(ordinal_word(12), "twelfth");
  EXPECT_EQ(ordinal_word(13), "13th");
  EXPECT_EQ(ordinal_word(21), "21st");
  EXPECT_EQ(ordinal_word(112), "112th");
  EXPECT_EQ(number_word(0), "zero");
  EXPECT_EQ(number_word(20), "twenty");
  EXPECT_EQ(number_word(21), "21");
  EXPECT_EQ(seconds_words(0.5), "about half a second");
  EXPECT_EQ(seconds_words(1), "about a second");
  EXPECT_EQ(seconds_words(12), "about twelve seconds");
}

TEST(FactoryWords, Lists) {
  EXPECT_EQ(list_of({}), "");
  EXPECT_EQ(list_of({"a dog"}), "a dog");
  EXPECT_EQ(list_of({"a dog", "rain"}), "a dog and rain");
  EXPECT_EQ(list_of({"a dog", "rain", "a bell"}, "or"), "a dog, rain or a bell");
  EXPECT_EQ(list_of({"speech, man", "rain", "a bell"}), "speech, man; rain; and a bell");
  EXPECT_EQ(list_of({"drum and bass", "rain"}), "drum and bass; and rain");
  EXPECT_EQ(sequence_of({"a dog", "rain", "a bell"}), "a dog, rain, a bell");
  EXPECT_EQ(sequence_of({"speech, man", "rain"}), "speech, man; rain");
  EXPECT_EQ(lettered_list({"a dog", "rain"}), "(A) a dog. (B) rain.");
  EXPECT_EQ(letter_sequence({1, 0, 2}), "(B)(A)(C)");
}

TEST(FactoryWords, AttributesByName) {
  for (const Attribute attribute : kAttributes)
    EXPECT_EQ(attribute_from_name(words_of(attribute).name), attribute);
  try {
    attribute_from_name("colour");
    ADD_FAILURE() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData);
  }
}

}  // namespace
}  // namespace af2
