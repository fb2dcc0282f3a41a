#include "af2/factory/rules/attribute_rules.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <map>

#include "af2/data/text_terms.h"
#include "af2/factory/rules/rule_scene.h"

namespace af2 {
namespace {

// Lengths that are told apart by ear: each at least half as long again as the one before.
constexpr std::array<double, 9> kLengths = {0.5, 1, 2, 3, 5, 8, 12, 20, 30};

// Borders between the three words of an attribute.
struct Bands {
  Attribute attribute;
  std::array<double, 2> borders;
};
constexpr std::array<Bands, 3> kBands = {
    {{Attribute::kPitch, {250, 1000}}, {Attribute::kReverb, {0.3, 1}}, {Attribute::kLength, {1, 3}}}};

// One event that the question can name: by its class, or by its place among the sounds.
struct Named {
  int place = 0;  // in Record::events
  std::string words;
  Json facts;
};

std::vector<Named> nameable(const RuleContext& context, const RuleScene& scene) {
  std::vector<Named> all;
  for (const int sound : scene.clear(true)) {
    const SoundClass& named = scene.classes[static_cast<std::size_t>(sound)];
    all.push_back({named.events[0], phrase_of(context, named.label), {{"label", named.label}}});
  }
  const int places = scene.background ? 0 : countable_places(context, scene, 5);
  for (int k = 1; k <= places && places > 1; ++k)
    all.push_back(
        {scene.heard[static_cast<std::size_t>(k) - 1], "the " + ordinal_word(k) + " sound", {{"k", k}}});
  context.rng.shuffle(all);
  return all;
}

// Which of the lengths an event has; -1: it is between two.
int length_of(double lasts, int lengths, const Margins& margins) {
  for (int i = 0; i < lengths; ++i) {
    const double length = kLengths[static_cast<std::size_t>(i)];
    if (!clearly_more(std::max(length, lasts), std::min(length, lasts), Attribute::kLength, margins))
      return i;
  }
  return -1;
}

// Of the possible answers each is equally likely: places in `names` by answer (below 0: none).
std::optional<std::size_t> draw_by_answer(const RuleContext& context, const std::vector<Named>& names,
                                          const std::function<int(const RecordEvent&)>& answer_of) {
  std::map<int, std::vector<std::size_t>> by_answer;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (const int answer = answer_of(event_at(context, names[i].place)); answer >= 0)
      by_answer[answer].push_back(i);
  if (by_answer.empty()) return std::nullopt;
  const auto chosen =
      std::next(by_answer.begin(), static_cast<std::ptrdiff_t>(context.rng.below(by_answer.size())));
  return context.rng.pick(chosen->second);
}

std::optional<Finding> find_how_long(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  // A clip of ten seconds has no sound of twenty: such an option would be none.
  int lengths = 0;
  for (const double length : kLengths)
    if (!context.record.duration || length <= *context.record.duration) ++lengths;
  const auto answer_of = [&](const RecordEvent& event) {
    return length_of(event.offset - event.onset, lengths, context.margins);
  };
  const std::vector<Named> names = nameable(context, scene);
  const auto drawn = draw_by_answer(context, names, answer_of);
  if (!drawn) return std::nullopt;
  const RecordEvent& event = event_at(context, names[*drawn].place);
  const double lasts = event.offset - event.onset;
  const int right = answer_of(event);
  Finding finding;
  finding.slots = {{"x", names[*drawn].words}};
  finding.answer = seconds_words(kLengths[static_cast<std::size_t>(right)]);
  finding.sentence = "It lasts " + finding.answer + ".";
  for (const WrongAnswer& number : wrong_numbers(context.rng, right + 1, lengths)) {
    const double other = kLengths[static_cast<std::size_t>(std::stoi(number.text)) - 1];
    // The margin holds for the wrong ones as well.
    if (clearly_more(std::max(other, lasts), std::min(other, lasts), Attribute::kLength, context.margins))
      finding.wrong.push_back({seconds_words(other), "value"});
  }
  finding.level = "easy";
  finding.facts = names[*drawn].facts;
  add_evidence(finding, context, {names[*drawn].place});
  return finding;
}

// 0 to 2, or -1 near a border.
int band_of(double value, const Bands& bands, const Margins& margins) {
  int band = 0;
  for (const double border : bands.borders) {
    if (!clearly_more(std::max(value, border), std::min(value, border), bands.attribute, margins)) return -1;
    if (value > border) ++band;
  }
  return band;
}

std::optional<Finding> find_band(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  const std::vector<Named> names = nameable(context, scene);
  std::vector<FindingMaker> makers;
  for (const Bands& bands : kBands)
    makers.push_back([&context, &names, &bands]() -> std::optional<Finding> {
      const AttributeWords& words = words_of(bands.attribute);
      const auto answer_of = [&](const RecordEvent& event) {
        const std::optional<double> value = value_of(event, bands.attribute);
        return value ? band_of(*value, bands, context.margins) : -1;
      };
      const auto drawn = draw_by_answer(context, names, answer_of);
      if (!drawn) return std::nullopt;
      const Named& named = names[*drawn];
      const int band = answer_of(event_at(context, named.place));
      Finding finding;
      finding.variant = words.name;
      finding.slots = {{"x", named.words}};
      for (std::size_t i = 0; i < 3; ++i) {
        if (static_cast<int>(i) == band) {
          finding.answer = words.bands[i];
        } else {
          finding.wrong.push_back({words.bands[i], "value"});
        }
      }
      finding.most_options = 3;
      finding.level = "easy";
      finding.facts = named.facts;
      finding.facts["attribute"] = words.name;
      add_evidence(finding, context, {named.place});
      return finding;
    });
  return first_of(context.rng, makers);
}

// ---- Who speaks -------------------------------------------------------------------------------------------

struct Utterance {
  double start = 0, end = 0;
  int speaker = -1;  // into kSpeakerWords; -1: someone
};

bool has_word(const std::vector<std::string>& words, std::initializer_list<const char*> any) {
  return std::any_of(any.begin(), any.end(), [&](const char* word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  });
}

// Of a label about speech; nothing for other labels.
std::optional<int> speaker_of_label(const std::string& label) {
  const std::vector<std::string> words = words_of(plain_label(label));
  if (!has_word(words, {"speech", "speaking", "speaks", "talking", "talks", "conversation", "narration",
                        "monologue"}))
    return std::nullopt;
  if (has_word(words, {"child", "kid", "boy", "girl", "children"})) return 2;
  if (has_word(words, {"woman", "female"})) return has_word(words, {"man", "male"}) ? -1 : 1;
  return has_word(words, {"man", "male"}) ? 0 : -1;
}

std::vector<Utterance> utterances(const RuleContext& context) {
  std::vector<Utterance> all;
  for (const RecordSpeech& speech : context.record.speech) {
    if (speech.no_speech > 0.5) continue;
    int who = -1;
    for (std::size_t i = 0; i < kSpeakerWords.size(); ++i)
      if ("a " + speech.speaker == kSpeakerWords[i]) who = static_cast<int>(i);
    all.push_back({speech.start, speech.end, who});
  }
  if (all.empty())
    for (const RecordEvent& event : context.record.events)
      if (const auto who = speaker_of_label(event.label))
        all.push_back(
            {event.onset, event.offset, event.offset - event.onset < context.margins.event_s ? -1 : *who});
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  return all;
}

std::optional<Finding> find_speaker(const RuleContext& context) {
  const std::vector<Utterance> all = utterances(context);
  if (all.empty()) return std::nullopt;
  bool one = true, first = true, last = true;
  for (const Utterance& other : all) {
    if (other.speaker < 0) return std::nullopt;
    if (other.speaker != all[0].speaker) {
      one = false;
      first = first && other.start - all[0].start >= context.margins.onset_gap_s;
    }
    if (other.speaker != all.back().speaker)
      last = last && all.back().start - other.start >= context.margins.onset_gap_s &&
             other.end <= all.back().end;
  }
  std::vector<std::string> which;
  if (one) {
    which = {"only"};
  } else {
    if (first) which.push_back("first");
    if (last) which.push_back("last");
  }
  if (which.empty()) return std::nullopt;
  Finding finding;
  finding.variant = context.rng.pick(which);
  const Utterance& said = finding.variant == "last" ? all.back() : all[0];
  for (std::size_t i = 0; i < kSpeakerWords.size(); ++i) {
    if (static_cast<int>(i) == said.speaker) {
      finding.answer = kSpeakerWords[i];
    } else {
      finding.wrong.push_back({kSpeakerWords[i], "value"});
    }
  }
  finding.most_options = 3;
  finding.level = one ? "easy" : "medium";
  finding.facts = {{"which", finding.variant}};
  finding.evidence.push_back({"speech", said.start, said.end});
  return finding;
}

}  // namespace

std::vector<RuleType> attribute_rules() {
  return {
      {"attribute", "comparative", false, {"short", "choice", "open"}, find_comparative},
      {"attribute", "comparative_tie", false, {"short", "choice"}, find_comparative_tie},
      {"attribute", "pair", false, {"short", "choice", "open"}, find_pair},
      {"attribute", "at_time", false, {"short", "choice", "open"}, find_at_time},
      {"attribute", "how_long", false, {"short", "choice", "open"}, find_how_long},
      {"attribute", "band", false, {"short", "choice"}, find_band},
      {"attribute", "speaker", false, {"short", "choice"}, find_speaker},
  };
}

}  // namespace af2
