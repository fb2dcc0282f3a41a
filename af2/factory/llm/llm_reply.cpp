#include "af2/factory/llm/llm_reply.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"

namespace af2 {
namespace {

constexpr std::size_t kEvidenceText = 120;  // bytes of a segment's caption

std::string text_at(const Json& reply, const char* key) {
  return reply.contains(key) && reply[key].is_string() ? trim(reply[key].get<std::string>()) : "";
}

// "(B) rain", "B) rain" and "B. rain" as "rain", where `letter` is what it should be.
std::string without_letter(const std::string& text, char letter) {
  const bool open = !text.empty() && text[0] == '(';
  const std::size_t at = open ? 1 : 0;
  if (text.size() < at + 3 || std::toupper(static_cast<unsigned char>(text[at])) != letter) return text;
  const char close = text[at + 1];
  if (close != ')' && (open || close != '.') && (open || close != ':')) return text;
  return trim(text.substr(at + 2));
}

// A bare "B", "(B)" or "b." as its place; -1: none.
int letter_of(const std::string& text) {
  std::string letters;
  for (const char c : text)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) letters += c;
  if (letters.size() != 1) return -1;
  const int place = std::toupper(static_cast<unsigned char>(letters[0])) - 'A';
  return place >= 0 && place < 26 ? place : -1;
}

void read_options(const Json& reply, LlmDraft& draft) {
  if (!reply.contains("options") || !reply["options"].is_array()) return;
  for (const Json& option : reply["options"]) {
    const std::string text =
        trim(option.is_object() ? option["text"].get<std::string>() : option.get<std::string>());
    draft.item.options.push_back(without_letter(text, static_cast<char>('A' + draft.item.options.size())));
  }
}

void read_answer(LlmDraft& draft) {
  Item& item = draft.item;
  if (item.options.empty()) return;
  item.form = "choice";
  const auto n = static_cast<int>(item.options.size());
  const std::string wanted = normal_term(item.answer);
  for (int i = 0; i < n; ++i) {
    const std::string& option = item.options[static_cast<std::size_t>(i)];
    if (normal_term(option) != wanted && option != without_letter(item.answer, static_cast<char>('A' + i)))
      continue;
    if (item.answer_index >= 0) {
      draft.problem = {"options_same", "has \"" + item.answer + "\" twice"};
      return;
    }
    item.answer_index = i;
  }
  if (item.answer_index < 0) item.answer_index = std::min(letter_of(item.answer), n - 1);
  if (item.answer_index < 0) {
    draft.problem = {"answer_no_option", "answers \"" + item.answer + "\", which is no option"};
    return;
  }
  item.answer = item.options[static_cast<std::size_t>(item.answer_index)];
}

// Numbers from 1 as places; nothing that is not there.
bool read_places(const Json& numbers, std::size_t n, std::vector<int>& places) {
  for (const Json& number : numbers) {
    const auto place = number.get<std::int64_t>() - 1;
    if (place < 0 || place >= static_cast<std::int64_t>(n)) return false;
    places.push_back(static_cast<int>(place));
  }
  return true;
}

void read_arguments(const Json& reply, const Record& record, const std::vector<Segment>& stretches,
                    const Margins& margins, LlmDraft& draft) {
  const auto shown = [&](const std::vector<int>& places) {
    return std::all_of(places.begin(), places.end(), [&](int place) {
      const RecordEvent& event = record.events[static_cast<std::size_t>(place)];
      return event.offset - event.onset >= margins.event_s;
    });
  };
  bool known = true;
  const auto read_events = [&](const Json& numbers, std::vector<int>& places) {
    known = known && read_places(numbers, record.events.size(), places) && shown(places);
  };
  if (reply.contains("events")) read_events(reply["events"], draft.events);
  if (reply.contains("options") && reply["options"].is_array())
    for (const Json& option : reply["options"]) {
      draft.option_events.emplace_back();
      if (option.is_object()) read_events(option["events"], draft.option_events.back());
    }
  if (!known) {
    draft.problem = {"unknown_event", "names a sound that is not there"};
    return;
  }
  for (const char* key : {"segments", "begin", "end"})
    if (reply.contains(key)) {
      const Json numbers = reply[key].is_array() ? reply[key] : Json::array({reply[key]});
      if (!read_places(numbers, stretches.size(), draft.segments)) {
        draft.problem = {"unknown_segment", "names a segment that is not there"};
        return;
      }
    }
}

void add_evidence(const Record& record, const std::vector<Segment>& stretches, LlmDraft& draft) {
  std::set<int> seen;
  for (const int place : draft.events)
    if (seen.insert(place).second) {
      const RecordEvent& event = record.events[static_cast<std::size_t>(place)];
      draft.item.evidence.push_back({event.label, event.onset, event.offset});
    }
  if (!draft.item.evidence.empty()) return;
  for (const int place : draft.segments)
    if (seen.insert(place).second) {
      const Segment& stretch = stretches[static_cast<std::size_t>(place)];
      const std::string told = stretch.captions.empty() ? "" : stretch.captions.front();
      draft.item.evidence.push_back({told.substr(0, kEvidenceText), stretch.start, stretch.end});
    }
}

std::string level_of(const Json& reply, const LlmDraft& draft) {
  if (const std::string level = text_at(reply, "level"); !level.empty()) return level;
  if (draft.item.skill == "general") return "hard";
  return draft.events.size() + draft.segments.size() <= 1 ? "easy" : "medium";
}

}  // namespace

LlmDraft read_draft(const Json& reply, const LlmKind& kind, const LlmTemplate& from, const Record& record,
                    const std::vector<Segment>& stretches, const Margins& margins) {
  LlmDraft draft;
  draft.reply = reply;
  Item& item = draft.item;
  item.record = record.id, item.audio = record.audio;
  item.start = record.start, item.duration = record.duration.value_or(0);
  item.skill = kind.skill, item.is_long = kind.is_long;
  item.type = *kind.type != 0 ? kind.type : text_at(reply, "type");
  item.form = kind.form;
  item.question = text_at(reply, "question"), item.answer = text_at(reply, "answer");
  item.wording = from.name, item.version = from.version;
  item.group = record.group, item.source = record.source;
  item.licence = record.licence, item.attribution = record.attribution;
  read_options(reply, draft);
  read_answer(draft);
  if (!draft.problem) read_arguments(reply, record, stretches, margins, draft);
  if (draft.problem) return draft;
  add_evidence(record, stretches, draft);
  item.level = level_of(reply, draft);
  if (const std::string topic = text_at(reply, "topic"); !topic.empty()) item.facts["topic"] = topic;
  return draft;
}

bool names_label(const std::string& text, const std::string& label, const Vocabulary& words) {
  const std::vector<std::string> said = content_words(text);
  const int known = words.find(label);
  std::vector<std::string> terms = {normal_term(plain_label(label))};
  if (known >= 0) terms.insert(terms.end(), words.terms(known).begin(), words.terms(known).end());
  return std::any_of(terms.begin(), terms.end(), [&](const std::string& term) {
    for (const std::string& word : content_words(term))
      if (std::any_of(said.begin(), said.end(),
                      [&](const std::string& other) { return same_stem(word, other); }))
        return true;
    return false;
  });
}

LlmProblem skill_problem(const LlmDraft& draft, const Record& record, const std::vector<Segment>& stretches,
                         const Vocabulary& words) {
  const Item& item = draft.item;
  const bool could_name = (draft.reply.contains("events") && !record.events.empty()) ||
                          (draft.reply.contains("segments") && !stretches.empty());
  if (could_name && draft.item.evidence.empty()) return {"no_evidence", "rests on nothing that is heard"};
  if (item.type == "told_cause") {
    const std::vector<std::string> hidden = content_words(text_at(draft.reply, "hidden"));
    const std::vector<std::string> asked = content_words(item.question);
    for (const std::string& word : hidden)
      if (std::any_of(asked.begin(), asked.end(),
                      [&](const std::string& other) { return same_stem(word, other); }))
        return {"not_hidden", "names \"" + word + "\", which the question should hide"};
    for (const int place : draft.events)
      if (const std::string& label = record.events[static_cast<std::size_t>(place)].label;
          has_words(plain_words(item.question), plain_words(plain_label(label))))
        return {"not_hidden", "names \"" + label + "\", which the question should hide"};
  }
  if (item.type == "told_source" && names_label(item.question, item.answer, words))
    return {"not_hidden", "names its answer in the question"};
  if (item.type == "told_needle") {
    if (draft.segments.empty() || draft.segments.size() > 2 ||
        std::abs(draft.segments.front() - draft.segments.back()) > 1)
      return {"wrong_arguments", "is not about one segment"};
    const std::vector<std::string> answer = content_words(item.answer);
    for (std::size_t i = 0; i < stretches.size(); ++i) {
      if (std::find(draft.segments.begin(), draft.segments.end(), static_cast<int>(i)) !=
          draft.segments.end())
        continue;
      std::vector<std::string> told;
      for (const std::string& text : stretches[i].captions)
        for (std::string& word : content_words(text)) told.push_back(std::move(word));
      const bool all =
          !answer.empty() && std::all_of(answer.begin(), answer.end(), [&](const std::string& word) {
            return std::any_of(told.begin(), told.end(),
                               [&](const std::string& other) { return same_stem(word, other); });
          });
      if (all) return {"holds_elsewhere", "is true of segment " + std::to_string(i + 1) + " too"};
    }
  }
  if (item.type == "told_subscene") {
    const int first = draft.segments.at(0), second = draft.segments.at(1);
    if (second - first < 2) return {"wrong_arguments", "has no segment between its two events"};
    const double between =
        stretches[static_cast<std::size_t>(second)].start - stretches[static_cast<std::size_t>(first)].end;
    if (between > record.duration.value_or(0) / 2)
      return {"wrong_arguments", "asks for most of the recording"};
  }
  return {};
}

}  // namespace af2
