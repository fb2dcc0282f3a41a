#include "af2/factory/rules/long_detail.h"

#include <algorithm>
#include <map>
#include <set>

#include "af2/core/text_util.h"
#include "af2/factory/rules/long_tables.h"
#include "af2/factory/rules/story_pool.h"

namespace af2::long_detail {
namespace {

// Labels that mean the same stand under one key.
std::string key_of(const Vocabulary& words, const std::string& label) {
  return words.worded(label, &LabelInfo::name);
}

std::vector<Span> merged(const Record& record, const std::vector<int>& events, double gap) {
  std::vector<Span> spans;
  for (const int place : events) {
    const RecordEvent& event = record.events[static_cast<std::size_t>(place)];
    if (!spans.empty() && event.onset - spans.back().end < gap)
      spans.back().end = std::max(spans.back().end, event.offset);
    else
      spans.push_back({event.onset, event.offset});
  }
  return spans;
}

}  // namespace

LongScene::LongScene(const RuleContext& context) : context_(context) {
  const Record& record = context.record;
  length_ = record.duration.value_or(0);
  usable_ = record.all_labelled && length_ >= context.margins.long_s;
  std::map<std::string, int> known;  // the vocabulary is asked once a label
  for (const RecordEvent& event : record.events) {
    const auto [place, fresh] = known.try_emplace(event.label, -1);
    if (fresh) place->second = context.words.find(event.label);
    ids_.push_back(place->second);
  }
  const auto key_at = [&](std::size_t i) {
    return ids_[i] < 0 ? plain_label(record.events[i].label) : context.words.at(ids_[i]).name;
  };
  std::map<std::string, LongSound> sounds;
  std::map<std::string, int> n_events;  // of any kind
  for (std::size_t i = 0; i < record.events.size(); ++i) ++n_events[key_at(i)];
  for (const std::string& label : record.labels) n_events.try_emplace(key_of(context.words, label), 0);
  for (const int place : counted_events(record, context.margins)) {
    const std::string& label = record.events[static_cast<std::size_t>(place)].label;
    LongSound& sound = sounds[key_at(static_cast<std::size_t>(place))];
    if (sound.label.empty()) sound.label = label;
    sound.events.push_back(place);
  }
  for (auto& [key, sound] : sounds) {
    bool clear = n_events[key] == static_cast<int>(sound.events.size());
    for (const auto& [other, n] : n_events)
      clear = clear && (other == key || !context.words.confusable(key, other));
    if (!clear) continue;
    sound.spans = merged(record, sound.events, context.margins.join_gap_s);
    sounds_.push_back(std::move(sound));
  }
  std::stable_sort(sounds_.begin(), sounds_.end(), [](const LongSound& a, const LongSound& b) {
    return a.spans.front().start < b.spans.front().start;
  });
  for (const RecordPart& part : record.story.parts) {
    const std::string place = place_phrase(part.place);
    if (stages_.empty() || stages_.back().place != place)
      stages_.push_back({place, part.start, part.end, {trim(part.mood)}});
    else
      stages_.back().end = part.end, stages_.back().moods.push_back(trim(part.mood));
  }
  if (std::any_of(stages_.begin(), stages_.end(), [](const Stage& stage) { return stage.place.empty(); }))
    stages_.clear();
}

std::vector<const Stage*> LongScene::stages_at(const std::string& place) const {
  std::vector<const Stage*> found;
  for (const Stage& stage : stages_)
    if (places_alike(stage.place, place)) found.push_back(&stage);
  return found;
}

bool LongScene::heard_in(const std::string& label, Span stretch, double slack) const {
  const auto& events = context_.record.events;
  const int id = context_.words.find(label);
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].offset <= stretch.start - slack || events[i].onset >= stretch.end + slack) continue;
    const bool alike = id < 0 || ids_[i] < 0 ? plain_label(events[i].label) == plain_label(label)
                                             : context_.words.confusable(id, ids_[i]);
    if (alike) return true;
  }
  return false;
}

bool LongScene::inside(Span span, Span stretch) const {
  const double gap = context_.margins.onset_gap_s;
  return span.start >= stretch.start + (stretch.start > 0 ? gap : 0) &&
         span.end <= stretch.end - (stretch.end < length_ ? gap : 0);
}

bool LongScene::all_inside(const LongSound& sound, Span stretch) const {
  return std::all_of(sound.spans.begin(), sound.spans.end(),
                     [&](const Span& span) { return inside(span, stretch); });
}

std::vector<ItemEvidence> LongScene::evidence(const LongSound& sound, std::size_t most) const {
  std::vector<ItemEvidence> found;
  for (const int place : sound.events)
    if (found.size() < most)
      found.push_back(evidence_of(context_.record.events[static_cast<std::size_t>(place)]));
  return found;
}

std::string LongScene::indirect(const std::string& label) const {
  const std::string words = described(key_of(context_.words, label));
  return words.empty() ? phrase(label) : words;
}

std::vector<const LongSound*> LongScene::drawn(const std::function<bool(const LongSound&)>& fits) const {
  std::vector<const LongSound*> found;
  for (const LongSound& sound : sounds_)
    if (fits(sound)) found.push_back(&sound);
  rng().shuffle(found);
  return found;
}

std::vector<std::string> LongScene::absent(int n) const {
  return absent_in_set(context_, n);
}

std::vector<std::string> LongScene::other_places(int n) const {
  if (!context_.pool) return {};
  return draw_from(context_.pool->places(), n, rng(),
                   [&](const std::string& place, const std::vector<std::string>& drawn) {
                     return stages_at(place).empty() &&
                            std::none_of(drawn.begin(), drawn.end(), [&](const std::string& other) {
                              return places_alike(place, other);
                            });
                   });
}

std::vector<std::string> LongScene::other_moods(const std::vector<std::string>& moods, int n) const {
  StoryPool::Counts usual;
  if (!context_.pool || context_.pool->moods().size() < 4)
    for (const std::string& mood : usual_moods()) usual[mood] = 1;
  return draw_from(usual.empty() ? context_.pool->moods() : usual, n, rng(),
                   [&](const std::string& mood, const std::vector<std::string>& drawn) {
                     const auto alike = [&](const std::string& other) { return moods_alike(mood, other); };
                     return std::none_of(moods.begin(), moods.end(), alike) &&
                            std::none_of(drawn.begin(), drawn.end(), alike);
                   });
}

std::vector<std::vector<bool>> balanced_others(int slots, Random& rng) {
  if (slots == 2) return {{false, true}, {true, false}, {true, true}};
  std::vector<int> bundle(static_cast<std::size_t>(slots));
  for (int i = 0; i < slots; ++i) bundle[static_cast<std::size_t>(i)] = i % 3;
  rng.shuffle(bundle);
  std::vector<std::vector<bool>> others(3);
  for (int same = 0; same < 3; ++same)
    for (const int part : bundle) others[static_cast<std::size_t>(same)].push_back(part != same);
  return others;
}

std::vector<std::vector<int>> other_orders(int size, int n, Random& rng) {
  std::vector<int> right(static_cast<std::size_t>(size));
  for (int i = 0; i < size; ++i) right[static_cast<std::size_t>(i)] = i;
  std::set<std::vector<int>> seen = {right};
  std::vector<std::vector<int>> orders;
  int possible = 1;
  for (int i = 2; i <= size && possible <= n; ++i) possible *= i;
  while (static_cast<int>(orders.size()) < std::min(n, possible - 1)) {
    std::vector<int> order = right;
    rng.shuffle(order);
    if (seen.insert(order).second) orders.push_back(order);
  }
  return orders;
}

std::vector<WrongAnswer> number_options(int right, int low, Random& rng) {
  // The right one's place among four neighbouring numbers is drawn first, as far as the lowest number allows.
  const int first = right - rng.range(0, std::min(3, right - low));
  std::vector<WrongAnswer> wrong;
  for (int number = first; number < first + 4; ++number)
    if (number != right) wrong.push_back({std::to_string(number), "value"});
  return wrong;
}

bool asks_for(int number, int low, Random& rng) {
  // A number is right in as many windows as it has places in them: 1, 2, 3, then 4; and the smallest ones are
  // in most scenes.
  constexpr double kKept[] = {0.15, 0.4, 0.7, 1};
  return rng.chance(kKept[std::clamp(number - low, 0, 3)]);
}

bool could_be_told(const LongScene& scene, const std::vector<Claim>& claims) {
  std::size_t next = 0;
  for (const Claim& claim : claims) {
    const auto holds = [&](const Stage& stage) {
      return (claim.place.empty() || places_alike(claim.place, stage.place)) &&
             (claim.mood.empty() ||
              std::any_of(stage.moods.begin(), stage.moods.end(),
                          [&](const std::string& mood) { return moods_alike(mood, claim.mood); })) &&
             (claim.label.empty() || scene.heard_in(claim.label, {stage.start, stage.end}));
    };
    while (next < scene.stages().size() && !holds(scene.stages()[next])) ++next;
    if (next++ == scene.stages().size()) return false;
  }
  return true;
}

int count_words(const std::string& text) {
  int n = 0;
  for (const std::string& word : split(text, ' ')) n += word.empty() ? 0 : 1;
  return n;
}

std::string as_clause(std::string text) {
  text = trim(text);
  while (!text.empty() && std::string(".!?").find(text.back()) != std::string::npos) text.pop_back();
  const bool keep = text.size() > 1 && text[0] == 'I' && (text[1] == ' ' || text[1] == '\'');
  if (!keep && !text.empty() && text[0] >= 'A' && text[0] <= 'Z')
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

std::string fill_places(const std::string& form, const std::vector<std::string>& texts) {
  std::map<std::string, std::string> slots;
  for (std::size_t i = 0; i < texts.size(); ++i) slots[std::to_string(i)] = texts[i];
  return fill_slots(form, slots);
}

std::vector<WrongAnswer> wrong_labels(const LongScene& scene, const std::vector<const LongSound*>& present,
                                      const std::vector<std::string>& absent, std::size_t most) {
  std::vector<WrongAnswer> wrong;
  for (const LongSound* sound : present)
    if (wrong.size() < most) wrong.push_back({scene.phrase(sound->label), "present"});
  for (const std::string& label : absent)
    if (wrong.size() < most) wrong.push_back({scene.phrase(label), "absent"});
  return wrong;
}

Json sorted_texts(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  if (!texts.empty() && texts.front().empty()) texts.erase(texts.begin());
  return texts;
}

}  // namespace af2::long_detail
