// Answers about utterances once more: every row of the table of situations is held against the record.
#include <algorithm>
#include <set>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/context_tables.h"
#include "af2/factory/rules/recheck.h"

namespace af2 {
namespace {

std::string padded(const std::string& text) {
  std::string plain = " ";
  for (const std::string& word : words_of(text))
    if (word.find_first_not_of(".,;:!?()") != std::string::npos) plain += word + " ";
  return plain;
}

bool quotes(const std::string& text, const std::string& words) {
  return padded(text).find(padded(words)) != std::string::npos;
}

bool one_label(const RecheckContext& c, const std::string& a, const std::string& b) {
  if (normal_term(plain_label(a)) == normal_term(plain_label(b))) return true;
  const int found = c.words.find(a);
  return found >= 0 && found == c.words.find(b);
}

// Seconds between an event and the words on the side that the row wants; negative: the wrong side.
double distance(const RecordEvent& event, const RecordSpeech& speech, bool after) {
  if (after) return speech.start < event.onset ? -1 : std::max(0.0, speech.start - event.offset);
  return event.onset < speech.end ? -1 : event.onset - speech.end;
}

// Rows that are true of one utterance.
std::vector<const SpeechSituation*> true_rows(const RecheckContext& c, const RecordSpeech& speech) {
  std::vector<const SpeechSituation*> rows;
  for (const SpeechSituation& row : context_tables().situations) {
    if (padded(row.words) != padded(speech.text)) continue;
    for (const RecordEvent& event : c.record.events) {
      const double apart = distance(event, speech, row.after);
      const bool soft = event.snr && *event.snr < c.margins.snr_db;
      if (one_label(c, event.label, row.label) && !soft && apart >= 0 && apart <= kSituationNear_s) {
        rows.push_back(&row);
        break;
      }
    }
  }
  return rows;
}

// The utterance of the item, or why there is none.
std::string utterance(const RecheckContext& c, const RecordSpeech*& speech) {
  const auto fact = c.item.facts.find("speech");
  if (fact == c.item.facts.end() || !fact->is_number_integer() || fact->get<std::int64_t>() < 0 ||
      fact->get<std::int64_t>() >= static_cast<std::int64_t>(c.record.speech.size()))
    return "the facts name no utterance of the record";
  speech = &c.record.speech[static_cast<std::size_t>(fact->get<std::int64_t>())];
  if (!c.record.all_labelled) return "not all that sounds is known";
  if (!speech->lang.empty() && speech->lang.substr(0, 2) != "en") return "the utterance is not English";
  std::vector<std::string> texts = c.item.options;
  texts.push_back(c.item.question);
  texts.push_back(c.item.answer);
  for (const std::string& text : texts)
    if (quotes(text, speech->text)) return "the words are quoted: " + text;
  if (c.record.speech.size() > 1) {
    // Several speak: the question must say who is meant.
    std::size_t same = 0;
    for (const RecordSpeech& other : c.record.speech) same += other.speaker == speech->speaker;
    if (speech->speaker.empty() || same != 1 || !quotes(c.item.question, speech->speaker))
      return "the question does not say who is meant";
  }
  return "";
}

// What a recipe says the voice is for; empty: nothing.
std::string told_purpose(const RecheckContext& c, const RecordSpeech& speech) {
  for (const RecordEvent& event : c.record.events) {
    const bool voice =
        event.label == "man speaking" || event.label == "woman speaking" || event.label == "child speaking";
    if (voice && std::min(event.offset, speech.end) > std::max(event.onset, speech.start))
      return event.purpose;
  }
  return "";
}

// What the recipe says against a row of the table; empty: they have a word in common, or it says nothing.
std::string told_otherwise(const RecheckContext& c, const RecordSpeech& speech, const SpeechSituation& row) {
  static const std::set<std::string> idle = {"the", "and",  "for",  "who",  "out",  "off",      "are",
                                             "its", "what", "from", "that", "with", "somebody", "people"};
  const std::string told = told_purpose(c, speech);
  if (told.empty()) return "";
  for (const std::string& word : words_of(told))
    if (word.size() > 2 && !idle.contains(word) && quotes(row.purpose, word)) return "";
  return "the record says that the voice is there " + told;
}

std::string check_column(const RecheckContext& c, std::string SpeechSituation::*column) {
  const RecordSpeech* speech = nullptr;
  if (std::string why = utterance(c, speech); !why.empty()) return why;
  const std::vector<const SpeechSituation*> rows = true_rows(c, *speech);
  // Where the table knows nothing, the recipe may say what the voice is for.
  std::string answer;
  if (rows.empty() && column == &SpeechSituation::purpose) answer = told_purpose(c, *speech);
  if (answer.empty()) {
    if (rows.size() != 1) return std::to_string(rows.size()) + " situations are true of the utterance";
    if (std::string why = told_otherwise(c, *speech, *rows[0]); !why.empty()) return why;
    answer = rows[0]->*column;
  }
  const std::string right = padded(answer);
  if (c.item.options.empty())
    return padded(c.item.answer).find(right) != std::string::npos ? "" : "the answer is " + answer;
  bool by_words = false, by_sound = false;
  for (std::size_t i = 0; i < c.item.options.size(); ++i) {
    const std::string option = padded(c.item.options[i]);
    if (static_cast<int>(i) == c.item.answer_index) {
      if (option != right) return "the answer is " + answer + ", not " + c.item.options[i];
      continue;
    }
    if (option == right) return "option " + c.item.options[i] + " is right too";
    for (const SpeechSituation& row : context_tables().situations) {
      if (padded(row.*column) != option) continue;
      const bool heard = std::any_of(c.record.events.begin(), c.record.events.end(),
                                     [&](const RecordEvent& e) { return one_label(c, e.label, row.label); });
      if (padded(row.words) == padded(speech->text)) {
        if (heard) return "option " + c.item.options[i] + " may be right too";
        by_words = true;
      } else {
        by_sound = by_sound || heard;
      }
    }
  }
  if (!by_words) return "the words alone give the answer away";
  if (!by_sound) return "the sounds alone give the answer away";
  return "";
}

std::string check_reaction(const RecheckContext& c) {
  const RecordSpeech* speech = nullptr;
  if (std::string why = utterance(c, speech); !why.empty()) return why;
  const std::vector<const SpeechSituation*> rows = true_rows(c, *speech);
  if (rows.size() != 1) return std::to_string(rows.size()) + " sounds may be meant by the utterance";
  if (std::string why = told_otherwise(c, *speech, *rows[0]); !why.empty()) return why;
  // All words for each label, to know what an option or an answer speaks of.
  const auto says_label = [&](const std::string& text, const std::string& label, bool whole) {
    std::set<std::string> terms = {normal_term(plain_label(label))};
    if (const int found = c.words.find(label); found >= 0) {
      terms.insert(c.words.terms(found).begin(), c.words.terms(found).end());
      terms.insert(normal_term(c.words.at(found).phrase));
    }
    return std::any_of(terms.begin(), terms.end(), [&](const std::string& term) {
      return whole ? normal_term(text) == term : padded(text).find(" " + term + " ") != std::string::npos;
    });
  };
  const std::string& right = rows[0]->label;
  if (c.item.options.empty())
    return says_label(c.item.answer, right, false) ? "" : "the words are about " + right;
  bool other_sound = false;
  for (std::size_t i = 0; i < c.item.options.size(); ++i) {
    const std::string& option = c.item.options[i];
    if (static_cast<int>(i) == c.item.answer_index) {
      if (!says_label(option, right, true)) return "the words are about " + right + ", not " + option;
      continue;
    }
    if (says_label(option, right, true)) return "option " + option + " is right too";
    bool heard = false;
    for (const RecordEvent& event : c.record.events) heard = heard || says_label(option, event.label, true);
    other_sound = other_sound || heard;
    const std::string kind = i < c.item.kinds.size() ? c.item.kinds[i] : "";
    if (kind == "absent" && heard) return "option " + option + " sounds";
    if (kind == "present" && !heard) return "option " + option + " does not sound";
  }
  return other_sound ? "" : "only one sound is among the options, so the words are not needed";
}

}  // namespace

RecheckTable contextual_speech_rechecks() {
  return {
      {"contextual_speech.purpose",
       [](const RecheckContext& c) { return check_column(c, &SpeechSituation::purpose); }},
      {"contextual_speech.listener",
       [](const RecheckContext& c) { return check_column(c, &SpeechSituation::listener); }},
      {"contextual_speech.situation",
       [](const RecheckContext& c) { return check_column(c, &SpeechSituation::situation); }},
      {"contextual_speech.reaction", check_reaction},
  };
}

}  // namespace af2
