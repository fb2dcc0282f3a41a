// Why something is said, to whom, about what, in which situation: by a table of words beside sounds
// (docs/spec/data.md section 2). Every item has wrong answers that the words alone would allow and wrong ones
// that the sound alone would allow, so that neither half decides. The words are never quoted.
#include <algorithm>
#include <set>

#include "af2/data/text_terms.h"
#include "af2/factory/rules/context_tables.h"
#include "af2/factory/rules/rules.h"

namespace af2 {
namespace {

constexpr double kNoSpeech = 0.5;          // from here on nobody may be speaking
constexpr std::size_t kPurposeWords = 10;  // longest option
using Column = std::string SpeechSituation::*;

bool is_speech(const std::string& label) {
  static const std::set<std::string> voices = {"man speaking", "woman speaking", "child speaking"};
  return voices.contains(plain_label(label));
}

bool same_label(const RuleContext& context, const std::string& a, const std::string& b) {
  const int label_a = context.words.find(a), label_b = context.words.find(b);
  return label_a >= 0 ? label_a == label_b : plain_label(a) == plain_label(b);
}

bool sounds(const RuleContext& context, const std::string& label) {
  const Record& record = context.record;
  return std::any_of(record.events.begin(), record.events.end(),
                     [&](const RecordEvent& event) { return same_label(context, event.label, label); }) ||
         std::any_of(record.labels.begin(), record.labels.end(),
                     [&](const std::string& other) { return same_label(context, other, label); });
}

// The event that makes a situation of an utterance, the nearest one; -1: none.
int event_of(const RuleContext& context, const SpeechSituation& situation, const RecordSpeech& speech) {
  int best = -1;
  double nearest = kSituationNear_s;
  for (std::size_t i = 0; i < context.record.events.size(); ++i) {
    const RecordEvent& event = context.record.events[i];
    if (is_speech(event.label) || !same_label(context, event.label, situation.label)) continue;
    if (event.snr && *event.snr < context.margins.snr_db) continue;
    // After: the words begin once the sound has begun. Before: they are over when it begins.
    const bool ordered = situation.after ? speech.start >= event.onset : event.onset >= speech.end;
    const double apart =
        situation.after ? std::max(0.0, speech.start - event.offset) : event.onset - speech.end;
    if (ordered && apart <= nearest) best = static_cast<int>(i), nearest = apart;
  }
  return best;
}

// The event that is the utterance; -1: none.
int voice_of(const Record& record, const RecordSpeech& speech) {
  for (std::size_t i = 0; i < record.events.size(); ++i) {
    const RecordEvent& event = record.events[i];
    if (is_speech(event.label) && event.onset < speech.end && speech.start < event.offset)
      return static_cast<int>(i);
  }
  return -1;
}

struct Match {
  std::size_t speech = 0;
  int event = -1;
  const SpeechSituation* situation = nullptr;  // of the table; null: a recipe tells the purpose
  std::string who;
  std::string told = "";  // by the recipe, where the table knows nothing
};

// How an utterance's speaker is named; empty where several would be meant.
std::string who_speaks(const Record& record, std::size_t speech) {
  if (record.speech.size() == 1) return "the speaker";
  const std::string& mine = record.speech[speech].speaker;
  const auto same = std::count_if(record.speech.begin(), record.speech.end(), [&](const RecordSpeech& other) {
    return other.speaker == mine || other.speaker.empty();
  });
  return mine.empty() || same != 1 ? "" : "the " + mine;
}

// The sound that an utterance is nearest to, other voices aside; -1: none near.
int nearest_sound(const RuleContext& context, const RecordSpeech& speech) {
  int best = -1;
  double nearest = kSituationNear_s;
  for (const int place : counted_events(context.record, context.margins)) {
    const RecordEvent& event = context.record.events[static_cast<std::size_t>(place)];
    const double apart = std::max({0.0, speech.start - event.offset, event.onset - speech.end});
    if (!is_speech(event.label) && apart <= nearest) best = place, nearest = apart;
  }
  return best;
}

bool can_be_told(const std::string& purpose, const std::string& words) {
  const std::vector<std::string> all = words_of(purpose);
  return purpose.rfind("to ", 0) == 0 && all.size() <= kPurposeWords && !says(purpose, words);
}

// Utterances with exactly one situation; with `with_told`, also those whose purpose only the recipe says.
std::vector<Match> matches(const RuleContext& context, bool with_told = false) {
  std::vector<Match> found;
  const Record& record = context.record;
  if (!record.all_labelled) return found;  // what is not labelled could be what the words are about
  for (std::size_t i = 0; i < record.speech.size(); ++i) {
    const RecordSpeech& speech = record.speech[i];
    if ((!speech.lang.empty() && speech.lang.rfind("en", 0) != 0) || speech.no_speech >= kNoSpeech) continue;
    const std::string who = who_speaks(record, i);
    const int voice = voice_of(record, speech);
    const std::string told = voice < 0 ? "" : record.events[static_cast<std::size_t>(voice)].purpose;
    std::vector<Match> mine;
    for (const SpeechSituation& situation : context_tables().situations) {
      if (normal_term(situation.words) != normal_term(speech.text)) continue;
      if (const int event = event_of(context, situation, speech); event >= 0)
        mine.push_back({i, event, &situation, who});
    }
    if (who.empty() || mine.size() > 1) continue;
    // Where a recipe says what the voice is for, the table must agree.
    if (mine.size() == 1 && (told.empty() || alike(told, mine.front().situation->purpose)))
      found.push_back(mine.front());
    else if (const int event = nearest_sound(context, speech);
             with_told && mine.empty() && event >= 0 && can_be_told(told, speech.text))
      found.push_back({i, event, nullptr, who, told});
  }
  return found;
}

Finding begin(const RuleContext& context, const Match& match) {
  Finding finding;
  finding.slots["who"] = match.who;
  const RecordEvent& event = context.record.events[static_cast<std::size_t>(match.event)];
  const RecordSpeech& speech = context.record.speech[match.speech];
  const int voice = voice_of(context.record, speech);
  finding.evidence = {evidence_of(event),
                      {voice < 0 ? "speech" : context.record.events[static_cast<std::size_t>(voice)].label,
                       speech.start, speech.end}};
  finding.facts = {{"speech", match.speech}, {"event", match.event}};
  return finding;
}

// A column of the situation; wrong are the same column for the same words beside other sounds, and for other
// words beside the same sound.
std::optional<Finding> find_column(const RuleContext& context, Column column, const std::string& level) {
  const std::vector<Match> usable = matches(context, column == &SpeechSituation::purpose);
  if (usable.empty()) return std::nullopt;
  const Match& match = context.rng.pick(usable);
  const std::string& said = context.record.speech[match.speech].text;
  Finding finding = begin(context, match);
  finding.level = level;
  finding.answer = match.situation ? match.situation->*column : match.told;
  finding.sentence = as_sentence(finding.answer);

  std::vector<std::string> same_words, same_sound, neither;
  for (const SpeechSituation& other : context_tables().situations) {
    const std::string& text = other.*column;
    if (&other == match.situation || text == finding.answer || says(text, said)) continue;
    const bool words = normal_term(other.words) == normal_term(said), heard = sounds(context, other.label);
    const bool near = alike(text, finding.answer);
    // The same words beside a sound that is heard as well would be a second right answer, and so would a text
    // about the same sound that says much the same.
    if (words && !heard && (match.situation || !near)) same_words.push_back(text);
    if (!words && heard && !near) same_sound.push_back(text);
    if (!words && !heard && !near) neither.push_back(text);
  }
  if (same_words.empty() || same_sound.empty()) return std::nullopt;
  for (auto* list : {&same_words, &same_sound, &neither}) context.rng.shuffle(*list);
  std::vector<std::string> order = {same_words[0], same_sound[0]};
  order.insert(order.end(), same_words.begin() + 1, same_words.end());
  order.insert(order.end(), same_sound.begin() + 1, same_sound.end());
  order.insert(order.end(), neither.begin(), neither.end());
  // The first two stay; which half the third is for is drawn.
  for (std::size_t i = 3, n = same_words.size() + same_sound.size(); i < n; ++i)
    std::swap(order[i], order[2 + static_cast<std::size_t>(context.rng.below(i - 1))]);
  std::set<std::string> taken = {finding.answer};
  for (const std::string& text : order)
    if (taken.insert(text).second) finding.wrong.push_back({text, "value"});
  return finding;
}

// Which of the sounds the words are about: another one must be there that other words would be about.
std::optional<Finding> find_reaction(const RuleContext& context) {
  std::vector<Match> usable;
  std::vector<std::vector<std::string>> others;
  for (const Match& match : matches(context)) {
    std::vector<std::string> present;
    for (const int place : counted_events(context.record, context.margins)) {
      const std::string& label = context.record.events[static_cast<std::size_t>(place)].label;
      if (is_speech(label) || context.words.confusable(label, match.situation->label)) continue;
      const bool speaks_for_itself =
          std::any_of(context_tables().situations.begin(), context_tables().situations.end(),
                      [&](const SpeechSituation& s) {
                        return same_label(context, s.label, label) && s.words != match.situation->words;
                      });
      if (speaks_for_itself && !says(phrase_of(context, label), match.situation->words))
        present.push_back(label);
    }
    if (present.empty() || says(phrase_of(context, match.situation->label), match.situation->words)) continue;
    usable.push_back(match);
    others.push_back(std::move(present));
  }
  if (usable.empty()) return std::nullopt;
  const std::size_t chosen = static_cast<std::size_t>(context.rng.below(usable.size()));
  const Match& match = usable[chosen];
  Finding finding = begin(context, match);
  finding.level = "medium";
  finding.kind = "present";
  finding.answer = phrase_of(context, match.situation->label);
  finding.sentence = as_sentence("the words are about " + finding.answer);
  if (says(finding.sentence, match.situation->words)) finding.sentence = as_sentence(finding.answer);

  std::vector<std::string> taken = {match.situation->label};
  const auto add = [&](const std::string& label, const char* kind) {
    const std::string text = phrase_of(context, label);
    if (is_speech(label) || says(text, match.situation->words)) return;
    for (const std::string& other : taken)
      if (context.words.confusable(label, other)) return;
    taken.push_back(label);
    finding.wrong.push_back({text, kind});
  };
  context.rng.shuffle(others[chosen]);
  for (const std::string& label : others[chosen]) add(label, "present");
  // Not heard, but what the words could have been about.
  std::vector<std::string> fitting;
  for (const SpeechSituation& other : context_tables().situations)
    if (other.words == match.situation->words && !sounds(context, other.label))
      fitting.push_back(other.label);
  context.rng.shuffle(fitting);
  for (const RecordEvent& event : context.record.events)
    if (!context.words.confusable(event.label, match.situation->label)) taken.push_back(event.label);
  for (const std::string& label : fitting)
    if (context.words.find(label) >= 0) add(label, "absent");
  for (const std::string& label : absent_labels(context, 6)) add(label, "absent");
  return finding;
}

RuleType column_rule(const std::string& name, Column column, const std::string& level) {
  return {"contextual_speech", name, false, {"open", "choice"}, [column, level](const RuleContext& context) {
            return find_column(context, column, level);
          }};
}

}  // namespace

std::vector<RuleType> contextual_speech_rules() {
  return {column_rule("purpose", &SpeechSituation::purpose, "hard"),
          column_rule("listener", &SpeechSituation::listener, "medium"),
          {"contextual_speech", "reaction", false, {"choice", "open"}, find_reaction},
          column_rule("situation", &SpeechSituation::situation, "medium")};
}

}  // namespace af2
