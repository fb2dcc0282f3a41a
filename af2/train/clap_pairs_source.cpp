#include "af2/train/clap_pairs_source.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "af2/core/error.h"
#include "af2/core/log.h"

namespace af2 {
namespace {

constexpr double kMostBadShare = 0.001;
constexpr std::size_t kMostBad = 10;
constexpr std::size_t kOrdersKept = 3;  // passes that batches made ahead may still ask for

}  // namespace

ClapPairsSource::ClapPairsSource(const std::vector<std::string>& files, int seed, const AudioConfig& config)
    : set_(ClapPairSet::open(files)),
      seed_(seed),
      rate_hz_(config.sample_rate),
      window_s_(config.window_seconds) {}

std::shared_ptr<const std::vector<std::uint32_t>> ClapPairsSource::order(std::int64_t pass) const {
  const std::lock_guard lock(mutex_);
  auto& known = orders_[pass];
  if (!known) {
    std::vector<std::uint32_t> places(set_.size());
    std::iota(places.begin(), places.end(), 0u);
    Random("af2/perm/1/" + std::to_string(seed_) + "/clap/0/" + std::to_string(pass)).shuffle(places);
    known = std::make_shared<const std::vector<std::uint32_t>>(std::move(places));
  }
  const auto result = known;
  while (orders_.size() > kOrdersKept)
    orders_.erase(orders_.begin()->first == pass ? std::prev(orders_.end()) : orders_.begin());
  return result;
}

std::size_t ClapPairsSource::item(std::int64_t number) const {
  const auto n = static_cast<std::int64_t>(set_.size());
  return (*order(number / n))[static_cast<std::size_t>(number % n)];
}

PairClip ClapPairsSource::clip(std::int64_t number) const {
  const std::size_t i = item(number);
  Random rng("af2/clap/crop/1/" + std::to_string(seed_) + "/" + std::to_string(number));
  const double place = rng.uniform();
  try {
    const ClapPair pair = set_.pair(i);
    DecodeOptions options;
    options.rate_hz = rate_hz_;
    options.start_s = pair.start_s;
    if (pair.duration_s) {
      options.start_s += place * std::max(0.0, *pair.duration_s - window_s_);
      options.duration_s = std::min(*pair.duration_s, window_s_);
    }
    PairClip clip;
    clip.samples = set_.sound(i, pair, options).samples;
    const auto most = static_cast<std::size_t>(std::lround(window_s_ * rate_hz_));
    if (clip.samples.size() > most) {
      const auto first = static_cast<std::size_t>(place * static_cast<double>(clip.samples.size() - most));
      clip.samples = {clip.samples.begin() + static_cast<std::ptrdiff_t>(first),
                      clip.samples.begin() + static_cast<std::ptrdiff_t>(first + most)};
    }
    clip.seconds = static_cast<double>(clip.samples.size()) / rate_hz_;
    return clip;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kData) throw;
    const std::lock_guard lock(mutex_);
    if (bad_.insert(i).second) warning("{}: left out: {}", set_.name(i), error.what());
    if (bad_.size() >
        std::max(kMostBad, static_cast<std::size_t>(kMostBadShare * static_cast<double>(set_.size()))))
      throw data_error(std::to_string(bad_.size()) + " sounds could not be read, the last one here",
                       set_.name(i), "look at the warnings above; af2 data check lists all of them");
    return {{0.0f}, 0};
  }
}

ClapTexts ClapPairsSource::texts(std::int64_t number, std::int64_t visit,
                                 const CaptionOptions& options) const {
  const std::size_t i = item(number);
  {
    const std::lock_guard lock(mutex_);
    if (bad_.contains(i)) return {};
  }
  Random rng("af2/clap/texts/1/" + std::to_string(seed_) + "/" + std::to_string(visit));
  return draw_texts(set_.pair(i), rng, options);
}

ClipsToRank ClapPairsSource::to_rank(int most) const {
  ClipsToRank of;
  std::set<std::string> seen;
  for (std::size_t k = 0; k < set_.size() && static_cast<int>(of.clips.size()) < most; ++k) {
    const auto number = static_cast<std::int64_t>(k);
    PairClip heard = clip(number);
    if (heard.seconds == 0) continue;
    const ClapPair pair = set_.pair(item(number));
    if (!seen.insert(pair.captions[0]).second) continue;
    if (!pair.negatives[0].empty()) {
      of.with_wrong.push_back(static_cast<std::int64_t>(of.clips.size()));
      of.wrong.push_back(pair.negatives[0][0]);
    }
    of.captions.push_back(pair.captions[0]);
    of.clips.push_back(std::move(heard.samples));
  }
  if (of.clips.size() < 2)
    throw data_error("fewer than two clips with captions that differ", set_.name(0), "give more pairs");
  return of;
}

}  // namespace af2
