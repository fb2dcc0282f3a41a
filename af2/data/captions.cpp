#include "af2/data/captions.h"

#include <algorithm>
#include <set>

#include "af2/core/error.h"
#include "af2/data/text_terms.h"

namespace af2 {
namespace {

constexpr double kTouch_s = 0.05;        // an end and a beginning this near count as one after the other
constexpr double kMostlyTogether = 0.5;  // of the shorter of two sounds
constexpr int kMostCount = 5;
constexpr int kTriesPerCaption = 12;

// Words that join two parts; `flip` is the other way round: "b after a" says that a comes first.
struct Joiner {
  const char* text;
  SoundRelation kind;
  bool flip;
  bool clauses;  // joins sentences ("a dog barks"), else noun phrases ("a dog barking")
  bool held_out;
};

constexpr Joiner kJoiners[] = {
    {" followed by ", SoundRelation::kThen, false, false, false},
    {", then ", SoundRelation::kThen, false, false, false},
    {" before ", SoundRelation::kThen, false, false, false},
    {" and afterwards ", SoundRelation::kThen, false, false, false},
    {" and later on ", SoundRelation::kThen, false, false, true},
    {" after ", SoundRelation::kThen, true, false, false},
    {" preceded by ", SoundRelation::kThen, true, false, false},
    {" that comes after ", SoundRelation::kThen, true, false, true},
    {" together with ", SoundRelation::kWhile, false, false, false},
    {" at the same time as ", SoundRelation::kWhile, false, false, false},
    {" simultaneously with ", SoundRelation::kWhile, false, false, true},
    {" and ", SoundRelation::kAnd, false, false, false},
    {" as well as ", SoundRelation::kAnd, false, false, false},
    {" along with ", SoundRelation::kAnd, false, false, true},
    {", and then ", SoundRelation::kThen, false, true, false},
    {" before ", SoundRelation::kThen, false, true, false},
    {", and after that ", SoundRelation::kThen, false, true, true},
    {" after ", SoundRelation::kThen, true, true, false},
    {", but before that ", SoundRelation::kThen, true, true, true},
    {" while ", SoundRelation::kWhile, false, true, false},
    {" as ", SoundRelation::kWhile, false, true, false},
    {", and meanwhile ", SoundRelation::kWhile, false, true, true},
    {" and ", SoundRelation::kAnd, false, true, false},
    {", and also ", SoundRelation::kAnd, false, true, true},
};

constexpr const char* kTimes[kMostCount + 1] = {
    "", " once", " twice", " three times", " four times", " five times"};

struct Span {
  double first_onset = 1e9, last_offset = 0;
  std::vector<std::pair<double, double>> sounding;
};

Span span_of(const Scene& scene, int label) {
  Span span;
  for (const SceneEvent& event : scene.events) {
    if (event.label != label) continue;
    span.first_onset = std::min(span.first_onset, event.onset_s);
    span.last_offset = std::max(span.last_offset, event.offset_s);
    span.sounding.emplace_back(event.onset_s, event.offset_s);
  }
  return span;
}

double seconds_of(const Span& span) {
  double sum = 0;
  for (const auto& [on, off] : span.sounding) sum += off - on;
  return sum;
}

double seconds_together(const Span& a, const Span& b) {
  double sum = 0;
  for (const auto& [on, off] : a.sounding)
    for (const auto& [other_on, other_off] : b.sounding)
      sum += std::max(0.0, std::min(off, other_off) - std::max(on, other_on));
  return sum;
}

bool comes_before(const Span& a, const Span& b) {
  return a.last_offset <= b.first_onset + kTouch_s;
}

SoundRelation relation_of(const Span& a, const Span& b) {
  if (comes_before(a, b)) return SoundRelation::kThen;
  const bool together = seconds_together(a, b) >= kMostlyTogether * std::min(seconds_of(a), seconds_of(b));
  return together ? SoundRelation::kWhile : SoundRelation::kAnd;
}

Truth truth(SoundRelation kind, const Span& a, const Span& b) {
  const SoundRelation is = relation_of(a, b);
  if (kind == SoundRelation::kAnd || kind == is) return Truth::kTrue;
  const bool reversed = comes_before(b, a);
  if (kind == SoundRelation::kThen)
    return reversed || is == SoundRelation::kWhile ? Truth::kFalse : Truth::kUnclear;
  return reversed || is == SoundRelation::kThen ? Truth::kFalse : Truth::kUnclear;
}

std::vector<std::string> plain_words(std::string_view text) {
  std::vector<std::string> words = words_of(text);
  std::erase_if(words, [](const std::string& word) {
    return word.size() == 1 && std::string_view(".,;:!?()").find(word[0]) != std::string_view::npos;
  });
  return words;
}

}  // namespace

// How a claim is put into words: parts in the order of the text (places in the claim), the joiner before each
// but the first, and whether parts are sentences.
struct CaptionWriter::Form {
  std::vector<int> order;
  std::vector<int> joiners;  // into kJoiners
  bool clauses = false;
  bool sound_of = false;  // "the sound of a dog" instead of "a dog barking"
};

CaptionWriter::CaptionWriter(const SoundBank& bank) : bank_(bank) {
  for (std::size_t i = 0; i < bank.recordings().size(); ++i)
    recordings_.emplace(bank.recordings()[i].id, static_cast<int>(i));
  for (std::size_t label = 0; label < bank.labels().size(); ++label) {
    const LabelInfo& info = bank.labels()[label];
    for (const std::string& text :
         {info.phrase, info.sentence, info.short_name, "the sound of " + info.short_name}) {
      const std::vector<std::string> words = plain_words(text);
      if (words.empty()) continue;
      mentions_.emplace(words, static_cast<int>(label));
      longest_mention_ = std::max(longest_mention_, words.size());
    }
  }
}

bool CaptionWriter::countable(const Scene& scene, int label) const {
  for (const SceneEvent& event : scene.events) {
    if (event.label != label) continue;
    const auto found = recordings_.find(event.recording_id);
    if (found == recordings_.end()) return false;
    const Sound& sound = bank_.sound(found->second);
    if (sound.bursts != 1) return false;
  }
  return scene.count(label) <= kMostCount;
}

CaptionClaim CaptionWriter::claim_of(const Scene& scene) const {
  CaptionClaim claim;
  for (const int label : scene.labels()) {
    const int n = scene.count(label);
    claim.parts.push_back({label, n > 1 && countable(scene, label) ? n : 0});
  }
  for (std::size_t i = 0; i + 1 < claim.parts.size(); ++i)
    claim.relations.push_back(
        {relation_of(span_of(scene, claim.parts[i].label), span_of(scene, claim.parts[i + 1].label)),
         static_cast<int>(i), static_cast<int>(i + 1)});
  return claim;
}

Truth CaptionWriter::truth_of(const CaptionClaim& claim, const Scene& scene) const {
  Truth all = Truth::kTrue;
  std::vector<int> sounding = scene.labels();
  if (scene.background_label >= 0) sounding.push_back(scene.background_label);
  for (const auto& part : claim.parts) {
    const bool there = std::find(sounding.begin(), sounding.end(), part.label) != sounding.end();
    if (!there) {
      const bool alike = std::any_of(sounding.begin(), sounding.end(),
                                     [&](int label) { return bank_.confusable(label, part.label); });
      if (!alike) return Truth::kFalse;
      all = Truth::kUnclear;
      continue;
    }
    if (part.count == 0) continue;
    if (!scene.has_label(part.label) || !countable(scene, part.label))
      all = Truth::kUnclear;
    else if (scene.count(part.label) != part.count)
      return Truth::kFalse;
  }
  for (const auto& relation : claim.relations) {
    const int a = claim.parts[static_cast<std::size_t>(relation.first)].label;
    const int b = claim.parts[static_cast<std::size_t>(relation.second)].label;
    if (!scene.has_label(a) || !scene.has_label(b)) {
      if (relation.kind != SoundRelation::kAnd) all = Truth::kUnclear;
      continue;
    }
    const Truth one = truth(relation.kind, span_of(scene, a), span_of(scene, b));
    if (one == Truth::kFalse) return one;
    if (one == Truth::kUnclear) all = one;
  }
  return all;
}

std::string CaptionWriter::render(const CaptionClaim& claim, const Form& form) const {
  std::string text;
  for (std::size_t i = 0; i < form.order.size(); ++i) {
    const CaptionClaim::Part& part = claim.parts[static_cast<std::size_t>(form.order[i])];
    const LabelInfo& info = bank_.labels()[static_cast<std::size_t>(part.label)];
    if (i > 0) text += kJoiners[form.joiners[i - 1]].text;
    text += form.clauses ? info.sentence : form.sound_of ? "the sound of " + info.short_name : info.phrase;
    text += kTimes[part.count];
  }
  return text;
}

CaptionWriter::Form CaptionWriter::draw_form(const CaptionClaim& claim, Random& rng, bool held_out) const {
  Form form;
  form.clauses = rng.chance(0.4);
  form.sound_of = !form.clauses && rng.chance(0.25);
  // Parts in time order, or from the last to the first where every neighbour follows the one before.
  const bool chain = std::all_of(claim.relations.begin(), claim.relations.end(),
                                 [](const auto& r) { return r.kind == SoundRelation::kThen; });
  const bool back = chain && claim.parts.size() > 1 && rng.chance(0.35);
  const int n = static_cast<int>(claim.parts.size());
  for (int i = 0; i < n; ++i) form.order.push_back(back ? n - 1 - i : i);
  for (int i = 0; i + 1 < n; ++i) {
    const auto& relation = claim.relations[static_cast<std::size_t>(back ? n - 2 - i : i)];
    std::vector<int> fitting;
    for (int pass = 0; pass < 2 && fitting.empty();
         ++pass)  // the second one for kinds without held-out words
      for (int j = 0; j < static_cast<int>(std::size(kJoiners)); ++j) {
        const Joiner& joiner = kJoiners[j];
        const bool flips = relation.kind == SoundRelation::kThen ? joiner.flip == back : true;
        if (joiner.kind == relation.kind && flips && joiner.clauses == form.clauses &&
            (pass == 1 || joiner.held_out == held_out))
          fitting.push_back(j);
      }
    form.joiners.push_back(rng.pick(fitting));
  }
  return form;
}

std::vector<ClapNegative> CaptionWriter::negatives(const CaptionClaim& claim, const Form& form,
                                                   const Scene& scene, Random& rng, int most) const {
  std::vector<ClapNegative> found;
  std::set<std::string> seen = {render(claim, form)};
  const auto keep = [&](const CaptionClaim& edited, const Form& other, const char* kind) {
    if (truth_of(edited, scene) != Truth::kFalse) return;
    const std::string text = render(edited, other);
    // The claim of the words, not only the edit that was meant, must be false.
    const std::optional<CaptionClaim> read = read_caption(text);
    if (read && truth_of(*read, scene) == Truth::kFalse && seen.insert(text).second)
      found.push_back({text, kind});
  };
  const auto n = claim.parts.size();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i + 1; j < n; ++j) {
      CaptionClaim swapped = claim;
      std::swap(swapped.parts[i].label, swapped.parts[j].label);
      std::swap(swapped.parts[i].count, swapped.parts[j].count);
      keep(swapped, form, "order");
      CaptionClaim counts = claim;
      std::swap(counts.parts[i].count, counts.parts[j].count);
      if (counts.parts[i].count > 0 || counts.parts[j].count > 0) keep(counts, form, "count");
    }
  for (std::size_t i = 0; i < claim.relations.size(); ++i) {
    const Joiner& now = kJoiners[form.joiners[i]];
    for (int j = 0; j < static_cast<int>(std::size(kJoiners)); ++j) {
      const Joiner& other = kJoiners[j];
      if (other.clauses != now.clauses || other.held_out != now.held_out || other.kind == SoundRelation::kAnd)
        continue;
      if (other.kind == now.kind && other.flip == now.flip) continue;
      CaptionClaim edited = claim;
      const int here = form.order[i], next = form.order[i + 1];
      for (auto& r : edited.relations) {
        if (std::minmax(r.first, r.second) != std::minmax(here, next)) continue;
        r = {other.kind, other.flip ? next : here, other.flip ? here : next};
      }
      Form changed = form;
      changed.joiners[i] = j;
      keep(edited, changed, other.kind == now.kind ? "order" : "relation");
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (claim.parts[i].count > 0) {
      CaptionClaim edited = claim;
      edited.parts[i].count = rng.range(2, kMostCount);
      keep(edited, form, "count");
    }
    for (int k = 0; k < 2 && !scene.pool.empty(); ++k) {
      CaptionClaim edited = claim;
      edited.parts[i].label = rng.pick(scene.pool);
      keep(edited, form, "source");
    }
  }
  // One of each kind before a second one.
  rng.shuffle(found);
  std::vector<ClapNegative> chosen;
  for (int round = 0; static_cast<int>(chosen.size()) < most && round < static_cast<int>(found.size());
       ++round)
    for (const char* kind : {"order", "relation", "count", "source"}) {
      int skip = round;
      for (const ClapNegative& negative : found)
        if (negative.kind == kind && skip-- == 0 && static_cast<int>(chosen.size()) < most)
          chosen.push_back(negative);
    }
  return chosen;
}

ClapTexts CaptionWriter::texts(const Scene& scene, Random& rng, const CaptionOptions& options) const {
  const CaptionClaim claim = claim_of(scene);
  ClapTexts all;
  if (claim.parts.empty()) return all;
  std::set<std::string> seen;
  std::vector<Form> forms;
  for (int k = 0;
       k < options.positives * kTriesPerCaption && static_cast<int>(forms.size()) < options.positives; ++k) {
    const Form form = draw_form(claim, rng, options.held_out);
    const std::string text = render(claim, form);
    const std::optional<CaptionClaim> read = read_caption(text);
    if (!read || truth_of(*read, scene) != Truth::kTrue || !seen.insert(text).second) continue;
    forms.push_back(form);
    all.captions.push_back(text);
  }
  for (const Form& form : forms) {
    std::vector<ClapNegative> wrong = negatives(claim, form, scene, rng, options.negatives);
    std::erase_if(wrong, [&](const ClapNegative& negative) { return seen.contains(negative.text); });
    all.negatives.push_back(std::move(wrong));
  }
  return all;
}

std::optional<CaptionClaim> CaptionWriter::read_caption(std::string_view text) const {
  static const std::map<std::vector<std::string>, std::pair<SoundRelation, bool>> joiners = [] {
    std::map<std::vector<std::string>, std::pair<SoundRelation, bool>> all;
    for (const Joiner& joiner : kJoiners)
      all.emplace(plain_words(joiner.text), std::pair(joiner.kind, joiner.flip));
    return all;
  }();
  static const std::map<std::vector<std::string>, int> times = [] {
    std::map<std::vector<std::string>, int> all;
    for (int n = 1; n <= kMostCount; ++n) all.emplace(plain_words(kTimes[n]), n);
    return all;
  }();
  const std::vector<std::string> words = plain_words(text);
  std::size_t at = 0;
  // The longest run of words from here on that `known` has.
  const auto take = [&](const auto& known, std::size_t longest) {
    auto best = known.end();
    for (std::size_t n = std::min(longest, words.size() - at); n > 0; --n) {
      best = known.find(std::vector<std::string>(words.begin() + static_cast<std::ptrdiff_t>(at),
                                                 words.begin() + static_cast<std::ptrdiff_t>(at + n)));
      if (best == known.end()) continue;
      at += n;
      break;
    }
    return best;
  };
  constexpr std::size_t kLongestJoiner = 5;
  CaptionClaim claim;
  while (true) {
    const auto mention = take(mentions_, longest_mention_);
    if (mention == mentions_.end()) return std::nullopt;
    claim.parts.push_back({mention->second, 0});
    if (const auto count = take(times, 2); count != times.end()) claim.parts.back().count = count->second;
    if (at == words.size()) return claim;
    const auto joiner = take(joiners, kLongestJoiner);
    if (joiner == joiners.end()) return std::nullopt;
    const int here = static_cast<int>(claim.parts.size()) - 1;
    const auto [kind, flip] = joiner->second;
    claim.relations.push_back({kind, flip ? here + 1 : here, flip ? here : here + 1});
  }
}

}  // namespace af2
