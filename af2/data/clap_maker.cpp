#include "af2/data/clap_maker.h"

#include <algorithm>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/caption_edits.h"
#include "af2/data/text_terms.h"

namespace af2 {
namespace {

constexpr int kSpareNegatives = 3;  // drawn by rules beyond what is wanted, since some repeat
constexpr int kFurtherDraws = 4;
constexpr int kOtherSounds = 6;  // named to a model as what is not in the clip
constexpr std::size_t kMoreWords = 12;

Json aside(const std::string& stage, const std::string& text, const std::string& reason) {
  return {{"stage", stage}, {"text", text}, {"reason", reason}};
}

void refuse(ClapMade& made, const std::string& stage, const std::string& text, const std::string& reason) {
  ++made.counts["refused/" + stage + " " + reason];
  made.kept_aside.push_back(aside("refused " + stage, text, reason));
}

std::set<int> labels_of(const CaptionClaim& claim) {
  std::set<int> labels;
  for (const auto& part : claim.parts) labels.insert(part.label);
  return labels;
}

}  // namespace

// Texts of a clip before repeats and surplus are taken out.
struct ClapMaker::Texts {
  std::vector<std::string> captions;
  std::vector<std::vector<ClapNegative>> negatives;
  std::vector<std::string> others;  // captions of the clip that are no positives, but no negatives either
};

ClapMaker::ClapMaker(const SoundBank& bank, ClapMakeOptions options, const ClapRewriter* rewriter)
    : bank_(bank), options_(std::move(options)), rewriter_(rewriter), writer_(bank) {}

std::string ClapMaker::positive_problem(const std::string& text, const Scene& scene,
                                        const CaptionClaim& original) const {
  const auto claim = writer_.read_caption(text);
  if (!claim) return "unread";
  switch (writer_.truth_of(*claim, scene)) {
    case Truth::kFalse:
      return "false";
    case Truth::kUnclear:
      return "unclear";
    case Truth::kTrue:
      break;
  }
  return labels_of(*claim) == labels_of(original) ? "" : "other_sounds";
}

std::string ClapMaker::negative_problem(const std::string& text, const Scene& scene) const {
  const auto claim = writer_.read_caption(text);
  if (!claim) return "unread";
  const Truth truth = writer_.truth_of(*claim, scene);
  return truth == Truth::kFalse ? "" : truth == Truth::kTrue ? "true" : "unclear";
}

// A sentence for a prompt: which words the check understands.
std::string ClapMaker::words_for(const Scene& scene, Random& rng, bool others) const {
  const auto wordings = [&](int label) {
    const LabelInfo& info = bank_.labels()[static_cast<std::size_t>(label)];
    return "\"" + info.phrase + "\", \"" + info.sentence + "\" or \"the sound of " + info.short_name + "\"";
  };
  std::string text = "Name each sound by one of its wordings, as they stand:";
  for (const int label : scene.labels()) text += "\n- " + wordings(label);
  text +=
      "\nJoin them only with: followed by, then, before, after, preceded by, and afterwards, while, as, "
      "together "
      "with, at the same time as, and, as well as. Say how often only as: twice, three times, four times, "
      "five times.";
  std::vector<int> pool;
  for (const int label : scene.pool)
    if (writer_.truth_of({{{label, 0}}, {}}, scene) == Truth::kFalse) pool.push_back(label);
  if (!others || pool.empty()) return text;
  rng.shuffle(pool);
  text += "\nSounds that are not in the recording, for kind \"source\":";
  for (std::size_t i = 0; i < pool.size() && i < kOtherSounds; ++i) text += "\n- " + wordings(pool[i]);
  return text;
}

void ClapMaker::by_model(const Scene& scene, Random& rng, const ClapTexts& rules, Texts& texts,
                         ClapMade& made) const {
  const CaptionClaim original = writer_.claim_of(scene);
  texts.captions = {rules.captions[0]};
  const std::string words = words_for(scene, rng, false), all_words = words_for(scene, rng, true);
  for (const auto& text :
       rewriter_->positives(texts.captions[0], options_.captions.positives - 1, words, made.counts)) {
    const std::string problem = positive_problem(text, scene, original);
    if (problem.empty())
      texts.captions.push_back(text);
    else
      refuse(made, "positive", text, problem);
  }
  for (const auto& caption : texts.captions) {
    texts.negatives.emplace_back();
    for (const auto& negative :
         rewriter_->negatives(caption, options_.captions.negatives, all_words, made.counts)) {
      const std::string problem = negative_problem(negative.text, scene);
      if (problem.empty())
        texts.negatives.back().push_back(negative);
      else
        refuse(made, "negative", negative.text, problem);
    }
  }
}

void ClapMaker::of_captions(const ClapInput& input, Texts& texts, ClapMade& made) const {
  const auto drop = [&](const std::string& caption, const std::string& reason) {
    ++made.counts["dropped_caption/" + reason];
    made.kept_aside.push_back(aside("dropped caption", caption, reason));
  };
  std::set<std::string> seen;
  for (const auto& given : input.captions) {
    std::string caption = trim(given);
    if (options_.cleaning) {
      // The model first: it sees the caption as it was written. The rules then hold for what it wrote too.
      if (rewriter_ && !caption.empty()) {
        auto better = input.visual.empty() ? caption : rewriter_->merge(caption, input.visual, made.counts);
        if (better) better = rewriter_->clean(*better, given, input.visual, made.counts);
        if (!better) {
          drop(given, "by_model");
          continue;
        }
        if (*better != caption) {
          Json change = aside("changed caption", given, "by_model");
          change["now"] = *better;
          made.kept_aside.push_back(std::move(change));
        }
        caption = *better;
      }
      const CleanedCaption clean = clean_caption(caption, options_.clean);
      if (!clean.dropped.empty()) {
        drop(given, clean.dropped);
        continue;
      }
      for (const auto& change : clean.changes) {
        ++made.counts["cleaned/" + change.rule];
        Json record = aside("changed caption", given, change.rule);
        record["taken"] = change.taken, record["put"] = change.put;
        made.kept_aside.push_back(std::move(record));
      }
      caption = clean.text;
    } else if (caption.empty()) {
      drop(given, "empty");
      continue;
    }
    if (!seen.insert(same_text_key(caption)).second) {
      drop(given, "same_as_another");
      continue;
    }
    (static_cast<int>(texts.captions.size()) < options_.captions.positives ? texts.captions : texts.others)
        .push_back(caption);
  }
  if (texts.captions.empty()) return;
  const auto room = [&] { return options_.captions.positives - static_cast<int>(texts.captions.size()); };
  const auto add = [&](const std::string& text) {
    if (room() > 0 && seen.insert(same_text_key(text)).second) {
      texts.captions.push_back(text);
      return true;
    }
    return false;
  };
  if (rewriter_) {
    for (const auto& text : rewriter_->positives(texts.captions[0], room(), "", made.counts)) {
      const CleanedCaption clean = clean_caption(text, options_.clean);
      if (!clean.dropped.empty())
        refuse(made, "positive", text, clean.dropped);
      else if (words_of(clean.text).size() > 2 * words_of(texts.captions[0]).size() + kMoreWords)
        refuse(made, "positive", text, "too_long");
      else if (!add(clean.text))
        refuse(made, "positive", text, "same_text");
    }
  } else {
    for (const auto& text : same_order_wordings(texts.captions[0])) add(text);
  }
  std::vector<std::string> all = texts.captions;
  all.insert(all.end(), texts.others.begin(), texts.others.end());
  for (const auto& caption : texts.captions) {
    texts.negatives.emplace_back();
    if (!rewriter_) {
      texts.negatives.back() = opposite_wordings(caption, all);
      continue;
    }
    for (const auto& negative : rewriter_->negatives(caption, options_.captions.negatives, "", made.counts)) {
      const std::string problem = af2::negative_problem(caption, negative.text);
      if (problem.empty())
        texts.negatives.back().push_back(negative);
      else
        refuse(made, "negative", negative.text, problem);
    }
  }
}

// Takes out repeats and surplus, and makes the pair.
void ClapMaker::finish(Texts& texts, const std::string& audio, ClapMade& made) const {
  if (texts.captions.empty()) {
    ++made.counts["dropped/no_caption"];
    return;
  }
  ClapPair pair;
  pair.audio = audio;
  std::set<std::string> seen;
  for (const auto& other : texts.others) seen.insert(same_text_key(other));
  Json kinds = Json::array();
  std::vector<std::size_t> kept;
  for (std::size_t m = 0; m < texts.captions.size(); ++m) {
    if (seen.insert(same_text_key(texts.captions[m])).second)
      kept.push_back(m);
    else
      refuse(made, "positive", texts.captions[m], "same_text");
  }
  for (const std::size_t m : kept) {
    pair.captions.push_back(texts.captions[m]);
    pair.negatives.emplace_back();
    kinds.push_back(Json::array());
    for (const auto& negative : texts.negatives[m]) {
      if (static_cast<int>(pair.negatives.back().size()) >= options_.captions.negatives) break;
      if (!seen.insert(same_text_key(negative.text)).second) {
        if (rewriter_) refuse(made, "negative", negative.text, "same_text");
        continue;
      }
      pair.negatives.back().push_back(negative.text);
      kinds.back().push_back(negative.kind);
      ++made.counts["negative/" + negative.kind];
    }
    if (static_cast<int>(pair.negatives.back().size()) < options_.captions.negatives)
      ++made.counts["captions/fewer_negatives"];
  }
  made.counts["captions/all"] += static_cast<std::int64_t>(pair.captions.size());
  ++made.counts["items/made"];
  made.side["kinds"] = kinds;
  made.side["generator"] = rewriter_ ? Json{{"by", "model"}, {"templates", rewriter_->versions()}}
                                     : Json{{"by", "rules"}, {"version", 1}};
  made.pair = std::move(pair);
}

ClapMade ClapMaker::of_scene(const Scene& scene, const std::string& audio, const std::string& name) const {
  ClapMade made;
  Random rng("af2/data/clap/texts/1/" + std::to_string(options_.seed) + "/" + name);
  CaptionOptions wanted = options_.captions;
  wanted.negatives = options_.captions.negatives > 0 ? options_.captions.negatives + kSpareNegatives : 0;
  ClapTexts rules = writer_.texts(scene, rng, wanted);
  // A draw has few negatives of one sound alone: those of further draws belong to the same captions.
  for (int round = 0; round < kFurtherDraws && !rewriter_ && wanted.negatives > 0; ++round) {
    const ClapTexts more = writer_.texts(scene, rng, wanted);
    for (std::size_t m = 0; m < more.captions.size(); ++m) {
      const auto same = std::find(rules.captions.begin(), rules.captions.end(), more.captions[m]);
      if (same == rules.captions.end()) continue;
      auto& all = rules.negatives[static_cast<std::size_t>(same - rules.captions.begin())];
      all.insert(all.end(), more.negatives[m].begin(), more.negatives[m].end());
    }
  }
  Json events = Json::array();
  for (const SceneEvent& event : scene.events)
    events.push_back({{"label", bank_.labels()[static_cast<std::size_t>(event.label)].name},
                      {"onset", event.onset_s},
                      {"offset", event.offset_s},
                      {"recording", event.recording_id}});
  made.side = {{"audio", audio}, {"events", events}, {"background", scene.background}};
  Texts texts;
  if (rewriter_ && !rules.captions.empty()) {
    by_model(scene, rng, rules, texts, made);
  } else {
    texts.captions = rules.captions;
    texts.negatives = rules.negatives;
  }
  finish(texts, audio, made);
  return made;
}

Scene ClapMaker::scene_of(const ClapInput& input) const {
  Scene scene;
  const auto id = [&](const std::string& label) {
    const int found = bank_.label_id(plain_label(label));
    if (found < 0) throw user_error("is no label that is known here", label, "add it to the words");
    return found;
  };
  for (const auto& event : input.events) {
    SceneEvent sounding;
    sounding.label = id(event.label);
    sounding.onset_s = event.onset_s, sounding.offset_s = event.offset_s;
    scene.events.push_back(sounding);
    scene.seconds = std::max(scene.seconds, event.offset_s);
  }
  if (input.events.empty()) {
    // Every label sounds twice, apart from all others and around them: no two follow each other, and none
    // sound together, so that of their order nothing is true and nothing false.
    std::set<int> labels;
    for (const auto& label : input.labels) labels.insert(id(label));
    const auto n = static_cast<double>(labels.size());
    for (const double round : {0.0, 1.0}) {
      double at = round * 2 * n;
      for (const int label : labels) {
        SceneEvent sounding;
        sounding.label = label;
        sounding.onset_s = at, sounding.offset_s = at + 1;
        scene.events.push_back(sounding);
        at += 2;
      }
    }
    scene.seconds = 4 * n;
  }
  std::sort(scene.events.begin(), scene.events.end(),
            [](const auto& a, const auto& b) { return a.onset_s < b.onset_s; });
  for (int label = 0; label < static_cast<int>(bank_.labels().size()); ++label) {
    const bool alike = std::any_of(scene.events.begin(), scene.events.end(),
                                   [&](const auto& event) { return bank_.confusable(event.label, label); });
    if (!alike) scene.pool.push_back(label);
  }
  return scene;
}

ClapMade ClapMaker::of_input(const ClapInput& input, const std::string& audio,
                             const std::string& name) const {
  ClapMade made;
  if (input.captions.empty()) {
    made = of_scene(scene_of(input), audio, name);
    made.side.erase("background");
    if (input.events.empty()) {
      made.side.erase("events");
      made.side["labels"] = input.labels;
    }
  } else {
    made.side = {{"audio", audio}};
    Texts texts;
    of_captions(input, texts, made);
    finish(texts, audio, made);
    if (!input.labels.empty() || !input.events.empty()) ++made.counts["items/labels_unused"];
  }
  if (!input.licence.empty()) made.side["licence"] = input.licence;
  if (!made.pair) return made;
  made.pair->start_s = input.start_s;
  made.pair->duration_s = input.duration_s;
  made.pair->source = input.source;
  return made;
}

std::vector<LlmRequest> ClapMaker::preview(const Scene& scene, const std::string& name) const {
  Random rng("af2/data/clap/texts/1/" + std::to_string(options_.seed) + "/" + name);
  const ClapTexts rules = writer_.texts(scene, rng, options_.captions);
  if (!rewriter_ || rules.captions.empty()) return {};
  return rewriter_->preview(rules.captions[0], "", false, options_.captions.positives,
                            options_.captions.negatives, words_for(scene, rng, true));
}

std::vector<LlmRequest> ClapMaker::preview(const ClapInput& input, const std::string& name) const {
  if (input.captions.empty()) return preview(scene_of(input), name);
  if (!rewriter_) return {};
  return rewriter_->preview(input.captions[0], input.visual, options_.cleaning, options_.captions.positives,
                            options_.captions.negatives, "");
}

SoundBank bank_of_labels(const std::vector<ClapInput>& inputs, const SoundBank* known) {
  std::set<std::string> names;
  for (const auto& input : inputs) {
    for (const auto& label : input.labels) names.insert(plain_label(label));
    for (const auto& event : input.events) names.insert(plain_label(event.label));
  }
  std::vector<LabelInfo> labels;
  for (const auto& name : names) {
    LabelInfo info = label_of_name(name);
    if (known) {
      int found = known->label_id(name);
      const std::string term = normal_term(name);
      for (int id = 0; found < 0 && id < static_cast<int>(known->labels().size()); ++id) {
        const auto& terms = known->terms(id);
        if (std::binary_search(terms.begin(), terms.end(), term)) found = id;
      }
      if (found >= 0) {
        info = known->labels()[static_cast<std::size_t>(found)];
        info.name = name;
      }
    }
    labels.push_back(info);
  }
  return SoundBank::from_memory(labels, {}, {});
}

}  // namespace af2
