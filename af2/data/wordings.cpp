#include "af2/data/wordings.h"

#include <array>

#include "af2/core/error.h"

namespace af2 {
namespace {

constexpr std::array<const char*, kQuestionTypes> kNames = {
    "what_open", "what_mc", "presence", "order_first", "order_last", "count", "caption"};

using Lists = std::array<std::vector<std::string>, kQuestionTypes>;

// The order of QuestionType.
const Lists& lists() {
  static const Lists all = {{
      {"What do you hear?",
       "What can be heard in this recording?",
       "Name the sound in this clip.",
       "Which sounds are in the audio?",
       "What is making the noise here?",
       "Listen and say what you hear.",
       "What is going on in this recording?",
       "Tell me what sounds occur.",
       "What sound is this?",
       "What is this the sound of?",
       "Say what you hear in this clip.",
       "Name what you hear.",
       "What is making this sound?",
       "Which sound do you hear?",
       "What can you hear?",
       "Tell me what this is.",
       "Which sound does this recording hold?",
       "What is to be heard here?",
       "What do you hear in this audio?",
       "Name the sounds of this recording.",
       "Say which sounds occur.",
       "Identify what is audible here.",
       "What does this audio contain?"},
      {"Which of these sounds do you hear?",
       "What can be heard in this recording?",
       "Which sound is in the audio?",
       "One of these sounds occurs in the clip. Which one?",
       "Pick the sound that is present.",
       "Which option names a sound of this clip?",
       "What do you hear?",
       "Listen and choose what is audible.",
       "Which one of these can be heard?",
       "What is heard in this clip?",
       "Choose the sound that occurs in the recording.",
       "Which of the four is in this audio?",
       "Say which of these you hear.",
       "Only one of these sounds is present. Which?",
       "Which of these is audible?",
       "Tell me which of the sounds is there.",
       "Name the one that you hear.",
       "Which sound do you hear?",
       "What is in this recording?",
       "Of these sounds, which one occurs?",
       "Which of the following does the recording contain?",
       "Select the sound that you can hear."},
      {"Do you hear {x}?",
       "Can you hear {x} in this clip?",
       "Is there {x} in the recording?",
       "Is {x} part of this audio?",
       "Does this recording contain {x}?",
       "Does the clip include {x}?",
       "Listen: is {x} audible?",
       "Tell me whether you hear {x}.",
       "Is {x} there?",
       "Is {x} in this clip?",
       "Can {x} be heard?",
       "Does one hear {x} in this recording?",
       "Do you hear {x} anywhere in the clip?",
       "Is there {x} to be heard?",
       "Does {x} occur?",
       "Is {x} among the sounds of this recording?",
       "Say whether {x} occurs.",
       "Check whether {x} can be heard.",
       "Is {x} present in the audio?",
       "Did you hear {x}?",
       "Does {x} sound in this recording?",
       "Is {x} to be heard here?",
       "Would you say that {x} occurs in this audio?"},
      {"Which comes first, {a} or {b}?",
       "What do you hear first, {a} or {b}?",
       "Which sound starts earlier: {a} or {b}?",
       "Of {a} and {b}, which is heard first?",
       "Does {a} or {b} come first?",
       "Which is earlier, {a} or {b}?",
       "What begins before the other, {a} or {b}?",
       "Name the one that starts first: {a} or {b}.",
       "Which is first, {a} or {b}?",
       "What comes first: {a} or {b}?",
       "Which one starts the clip, {a} or {b}?",
       "Which of the two is heard first: {a} or {b}?",
       "Say which comes first, {a} or {b}.",
       "What was first, {a} or {b}?",
       "In this recording, does {a} or {b} happen first?",
       "Which sound is the first one: {a} or {b}?",
       "{a} or {b}: which begins?",
       "{a} or {b}: what is heard first?",
       "Who is first here, {a} or {b}?",
       "Which occurs before the other, {a} or {b}?",
       "Do you hear {a} or {b} first?",
       "Tell me which is earlier: {a} or {b}.",
       "Which one begins the recording, {a} or {b}?",
       "Which sound leads, {a} or {b}?",
       "Which precedes the other, {a} or {b}?",
       "What starts things off: {a} or {b}?",
       "Which of {a} and {b} is at the beginning?",
       "At the start, is it {a} or {b}?",
       "Which appears before the other, {a} or {b}?",
       "Which is the initial sound, {a} or {b}?",
       "Which kicks off the clip, {a} or {b}?",
       "Which comes at the beginning: {a} or {b}?",
       "Which introduces the recording, {a} or {b}?",
       "Which begins the series of sounds, {a} or {b}?",
       "Put them in order: which is first, {a} or {b}?",
       "Is the earlier sound {a} or {b}?",
       "Which sound has the earlier start, {a} or {b}?",
       "{a}, {b}: which of them happens first?",
       "Which begins it all, {a} or {b}?",
       "Which came before: {a} or {b}?",
       "Which opens the sequence, {a} or {b}?",
       "Between {a} and {b}, what occurs first?"},
      {"Which comes last, {a} or {b}?",
       "What do you hear last, {a} or {b}?",
       "Which sound starts later: {a} or {b}?",
       "Of {a} and {b}, which is heard last?",
       "Does {a} or {b} come second?",
       "Which is later, {a} or {b}?",
       "What begins after the other, {a} or {b}?",
       "Name the one that starts last: {a} or {b}.",
       "Which is last, {a} or {b}?",
       "What comes last: {a} or {b}?",
       "Which one closes the clip, {a} or {b}?",
       "Which of the two is heard last: {a} or {b}?",
       "Say which comes last, {a} or {b}.",
       "What was last, {a} or {b}?",
       "In this recording, does {a} or {b} happen last?",
       "Which sound is the last one: {a} or {b}?",
       "{a} or {b}: which ends it?",
       "{a} or {b}: what is heard last?",
       "Who is last here, {a} or {b}?",
       "Which occurs after the other, {a} or {b}?",
       "Do you hear {a} or {b} last?",
       "Tell me which is later: {a} or {b}.",
       "Which one finishes the recording, {a} or {b}?",
       "Which sound trails, {a} or {b}?",
       "Which follows the other, {a} or {b}?",
       "What rounds things off: {a} or {b}?",
       "Which of {a} and {b} is at the end?",
       "At the end, is it {a} or {b}?",
       "Which appears after the other, {a} or {b}?",
       "Which is the final sound, {a} or {b}?",
       "Which concludes the clip, {a} or {b}?",
       "Which comes at the end: {a} or {b}?",
       "Which finishes the recording off, {a} or {b}?",
       "Which completes the series of sounds, {a} or {b}?",
       "Put them in order: which is last, {a} or {b}?",
       "Is the later sound {a} or {b}?",
       "Which sound has the later start, {a} or {b}?",
       "{a}, {b}: which of them happens last?",
       "Which ends it all, {a} or {b}?",
       "Which came after: {a} or {b}?",
       "Which ends the sequence, {a} or {b}?",
       "Between {a} and {b}, what occurs last?"},
      {"How many times do you hear {x}?",
       "How often does one hear {x}?",
       "Count how many times {x} occurs.",
       "How many times is {x} heard in this clip?",
       "How many times does the recording contain {x}?",
       "Give the number of times that you hear {x}.",
       "Listen for {x}: how many times is it there?",
       "How often is {x} audible?",
       "How many times does {x} occur?",
       "How often do you hear {x}?",
       "Count {x}.",
       "Tell me how many times you hear {x}.",
       "Say how often {x} is heard.",
       "How many times is there {x}?",
       "{x}: how many times?",
       "{x}: how often is it heard?",
       "What number of times does {x} sound?",
       "State how many times {x} can be heard.",
       "In this recording, how many times does {x} happen?",
       "How many times can you hear {x}?",
       "With what number would you count {x}?",
       "Count the times that {x} is heard.",
       "Once, twice or more: how many times is {x} there?",
       "Find the number of times {x} sounds.",
       "What is the count of {x} in this audio?",
       "Tell me the number of occurrences of {x}."},
      {"Describe the audio in one sentence.", "What happens in this recording, in order?",
       "Write a caption for this clip.", "Describe what you hear.", "Summarise the sounds in a sentence.",
       "Give a short description of the recording.", "Tell in one sentence what can be heard.",
       "Caption this audio.", "Describe this clip.", "What happens here?", "Say in a sentence what you hear.",
       "Describe the sounds in order.", "Write one sentence about this recording.", "Give a caption.",
       "Tell what happens in the clip.", "Describe this audio briefly.",
       "Put into words what this clip sounds like.", "Describe the scene you are hearing."},
  }};
  return all;
}

}  // namespace

const char* question_name(QuestionType type) {
  return kNames[static_cast<std::size_t>(type)];
}

QuestionType question_from_name(const std::string& name) {
  for (int i = 0; i < kQuestionTypes; ++i)
    if (name == kNames[static_cast<std::size_t>(i)]) return static_cast<QuestionType>(i);
  throw user_error("unknown question type `" + name + "`");
}

const std::vector<std::string>& wordings(QuestionType type) {
  return lists()[static_cast<std::size_t>(type)];
}

const std::string& wording(QuestionType type, bool held_out, Random& rng) {
  const std::vector<std::string>& all = wordings(type);
  const std::size_t trained = all.size() - kHeldOutWordings;
  return held_out ? all[trained + rng.below(kHeldOutWordings)] : all[rng.below(trained)];
}

std::string fill(std::string text, const std::vector<std::pair<std::string, std::string>>& slots) {
  for (const auto& [name, value] : slots) {
    const std::string slot = "{" + name + "}";
    for (std::size_t at = text.find(slot); at != std::string::npos; at = text.find(slot, at + value.size()))
      text.replace(at, slot.size(), value);
  }
  return text;
}

}  // namespace af2
