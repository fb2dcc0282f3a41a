// What questions about long scenes say beyond a label's own words: descriptions that name a sound indirectly,
// moods that are near one another, places as they stand in a sentence.
//
// Data alone, used by rules and re-checks alike. Thread rule: constant tables.
//
//   described("thunder");                  // "the rumble from the sky"
//   moods_alike("calm", "peaceful");       // true
//   place_phrase("at the harbour");        // "the harbour"
#pragma once

#include <string>
#include <vector>

namespace af2 {

// A sound without its label's words ("the pet that guards the house calls out" for a dog), as a noun phrase;
// empty where the table has none.
std::string described(const std::string& label);
// The same mood, or two words for nearly the same.
bool moods_alike(const std::string& a, const std::string& b);
// Moods that scenes may have, one of each kind.
const std::vector<std::string>& usual_moods();
// A place as a noun phrase with its article: prepositions at its beginning go, "harbour" becomes "a harbour".
std::string place_phrase(const std::string& place);
// Two places that could be meant by one another: the same, or with a word of more than three letters in
// common.
bool places_alike(const std::string& a, const std::string& b);
// "a" or "an" before the word.
std::string with_article(const std::string& words);

}  // namespace af2
