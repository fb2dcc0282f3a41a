// The prompts of Audio Flamingo 2 (docs/spec/model.md section 8): `<audio>` question `<SEP>`.
//
// Not for chat templates, nor for answers. Thread rule: pure functions of constant tokenizers.
//
//   PromptOptions options;                                            // the published ones
//   std::string question = with_choices("Which animal", {"dog", "cat"});  // "Which animal? (A) dog. (B)
//   cat." Prompt prompt = build_prompt(bpe, question, options); if (prompt.tokens_cut) warn(...); // never
//   cut in silence model(prompt.ids);
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "af2/text/byte_bpe.h"

namespace af2 {

struct PromptOptions {
  bool lowercase = true;        // questions are lower-cased in training and in all published figures
  int max_prompt_tokens = 512;  // with audio and separator token
  std::string audio_token = "<audio>";
  std::string sep_token = "<SEP>";
};

struct Prompt {
  std::vector<int> ids;  // [n], n <= max_prompt_tokens; ends in the separator
  std::string text;      // as tokenised, before the cut: "<audio>...<SEP>"
  int tokens_cut = 0;    // tokens of the question that did not fit, taken from its end
};

// The ids of audio_token + lower(strip(question)) + sep_token, tokenised as one string as the published code
// does: special tokens written in the question count as such. The published cut, from the right, loses the
// separator of an over-long prompt; this one keeps it. Invalid UTF-8 becomes U+FFFD first.
// Throws kModel when the tokenizer lacks one of the two tokens, kUser when max_prompt_tokens is below 2.
Prompt build_prompt(const ByteBpe& tokenizer, std::string_view question, const PromptOptions& options = {});

// The question text alone: stripped as Python's str.strip, lower-cased as str.lower when asked to.
std::string clean_question(std::string_view question, bool lowercase = true);

// "question? (A) xxx. (B) yyy.": question and choices stripped; a question mark where the question ends in
// none of . ? ! : and a full stop where a choice ends in none. Choices that already begin with their own
// letter, all of them, as "(A) xxx", keep it. Throws kUser for fewer than 2 or more than 26 choices, and for
// an empty one.
std::string with_choices(std::string_view question, const std::vector<std::string>& choices);

// A prompt without the list of choices that ends it, and these without letter and full stop; no choices, and
// the prompt as it is, where none ends it.
struct SplitPrompt {
  std::string question;
  std::vector<std::string> choices;
};
SplitPrompt split_choices(const std::string& prompt);

// What stands behind the last `lead` (TextConfig::lead, ":") and a space: the verdict of "a dog barking:
// yes"; the answer as it is where there is none, or no lead.
std::string behind_lead(const std::string& answer, const std::string& lead);

// "(A) " of choice 0.
std::string choice_label(std::size_t i);

// The ways in which choice i (0-based) may be written as an answer, each once: its text and "(A) text", as
// given and lower-cased; without a letter or full stop of its own.
std::vector<std::string> choice_answers(std::size_t i, std::string_view choice);

}  // namespace af2
