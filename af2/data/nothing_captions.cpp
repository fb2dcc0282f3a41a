#include "af2/data/nothing_captions.h"

#include <set>

namespace af2 {
namespace {

const std::vector<std::string> kSilenceTexts = {"silence", "the sound of silence", "no sound at all",
                                                "nothing is heard", "a silent recording"};
const std::vector<std::string> kNoiseTexts = {
    "background noise", "the sound of background noise", "nothing but background noise",
    "a steady hiss and nothing else", "only the noise of the recording"};

}  // namespace

ClapTexts nothing_texts(const SoundBank& bank, bool silent, Random& rng, const CaptionOptions& options) {
  std::vector<std::string> known = silent ? kSilenceTexts : kNoiseTexts;
  rng.shuffle(known);
  if (static_cast<int>(known.size()) > options.positives)
    known.resize(static_cast<std::size_t>(options.positives));
  ClapTexts texts;
  texts.captions = known;
  for (std::size_t k = 0; k < known.size(); ++k) {
    std::set<std::string> wrong;
    while (static_cast<int>(wrong.size()) < options.negatives && wrong.size() < bank.labels().size()) {
      const LabelInfo& label = rng.pick(bank.labels());
      wrong.insert(rng.chance(0.5) ? label.phrase : "the sound of " + label.short_name);
    }
    texts.negatives.emplace_back();
    for (const std::string& text : wrong) texts.negatives.back().push_back({text, "source"});
  }
  return texts;
}

}  // namespace af2
