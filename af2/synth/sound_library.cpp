#include "af2/synth/sound_library.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <list>
#include <map>
#include <mutex>
#include <numbers>
#include <set>
#include <unordered_map>

#include "af2/audio/augment.h"
#include "af2/audio/decode.h"
#include "af2/audio/loudness.h"
#include "af2/audio/resample.h"
#include "af2/audio/signal.h"
#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/core/workers.h"
#include "af2/data/record.h"
#include "af2/data/tsv.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr double kMaxSeconds = 3600;  // of one take
constexpr double kAudible = 1e-3;     // -60 dB
constexpr int kPitchRate = 16000;
constexpr double kNoiseLevel = 0.1;  // root mean square: its peaks stay below 1
const std::vector<std::string> kColours = {"white", "pink", "brown"};

Split split_in(const TsvTable& table, std::size_t row, const std::string& group) {
  if (!table.has("split") || table.text_or_empty(row, "split").empty()) return split_of_group(group);
  try {
    return split_from_name(table.text(row, "split"));
  } catch (const Error&) {
    throw table.error(row, "split", "is none of train, val, test: " + table.text(row, "split"));
  }
}

std::string text_or(const TsvTable& table, std::size_t row, const char* column, const std::string& other) {
  if (!table.has(column)) return other;
  const std::string& text = table.text_or_empty(row, column);
  return text.empty() ? other : text;
}

using Groups = std::vector<std::vector<int>>;

}  // namespace

SampleSpan audible_by_peak(std::span<const float> samples, float peak) {
  const auto least = static_cast<float>(peak * kAudible);
  const auto heard = [&](float x) { return std::abs(x) >= least && x != 0; };
  const auto first = std::find_if(samples.begin(), samples.end(), heard);
  if (first == samples.end()) return {};
  const auto last = std::find_if(samples.rbegin(), samples.rend(), heard);
  return {static_cast<std::size_t>(first - samples.begin()),
          samples.size() - static_cast<std::size_t>(last - samples.rbegin())};
}

void fade_ends(std::span<float> samples, std::size_t n) {
  n = std::min(n, samples.size() / 2);
  for (std::size_t i = 0; i < n; ++i) {
    const double at = (static_cast<double>(i) + 0.5) / static_cast<double>(n);
    const auto factor = static_cast<float>(0.5 - 0.5 * std::cos(std::numbers::pi * at));
    samples[i] *= factor;
    samples[samples.size() - 1 - i] *= factor;
  }
}

double level_change_db(std::span<const float> samples) {
  const std::size_t third = samples.size() / 3;
  if (third == 0) return 0;
  return rms_db(samples.last(third)) - rms_db(samples.first(third));
}

struct SoundLibrary::Data {
  struct Slot {
    std::once_flag facts_once, pitch_once;
    TakeFacts facts;
    PitchTrack pitch;
    const SoundBank* bank = nullptr;
    int recording = 0;
  };
  struct Cached {
    int take;
    TakeSamples samples;
  };

  int rate_hz;
  std::size_t cache_bytes;
  std::vector<Take> takes;
  std::vector<std::unique_ptr<Slot>> slots;
  std::map<std::string, LabelInfo> known_labels;
  std::set<std::string> ids;

  mutable std::mutex mutex;  // of all below
  std::list<Cached> recent;  // the last used first
  std::unordered_map<int, std::list<Cached>::iterator> places;
  std::size_t bytes = 0;
  std::map<std::string, Groups> candidates;
  std::unique_ptr<Vocabulary> words;

  void add(Take take, const SoundBank* bank = nullptr, int recording = 0) {
    if (!ids.insert(take.id).second)
      throw data_error("an id of a take stands twice: " + take.id, take.path.string(),
                       "give each sound once");
    auto slot = std::make_unique<Slot>();
    slot->bank = bank, slot->recording = recording;
    if (!known_labels.contains(take.label)) known_labels[take.label] = label_of_name(take.label);
    takes.push_back(std::move(take));
    slots.push_back(std::move(slot));
    candidates.clear();
    words.reset();
  }

  void add_recordings(const SoundBank& bank, const fs::path& folder) {
    for (const LabelInfo& label : bank.labels()) known_labels[label.name] = label;
    for (std::size_t i = 0; i < bank.recordings().size(); ++i) {
      const Recording& r = bank.recordings()[i];
      Take take;
      take.id = r.id, take.label = bank.labels()[static_cast<std::size_t>(r.label)].name;
      if (!folder.empty()) take.path = folder / r.path;
      take.group = r.group, take.licence = r.licence, take.attribution = r.author, take.source = r.package;
      take.split = r.split, take.seconds = r.seconds;
      add(std::move(take), folder.empty() ? &bank : nullptr, static_cast<int>(i));
    }
  }

  void add_folder(const fs::path& folder, bool foreground) {
    if (!fs::is_directory(folder)) throw data_error("is no folder", folder.string());
    std::map<std::string, Take> found;
    std::vector<fs::path> labels;
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.is_directory()) labels.push_back(entry.path());
    for (const fs::path& label : labels)
      for (const auto& entry : fs::directory_iterator(label)) {
        if (!entry.is_regular_file() || starts_with(entry.path().filename().string(), ".")) continue;
        const std::string name = (label.filename() / entry.path().filename()).generic_string();
        Take take;
        take.id = (foreground ? "foreground/" : "background/") + name;
        take.label = label.filename().string(), take.path = entry.path();
        take.group = (label.filename() / entry.path().stem()).generic_string();
        take.source = folder.filename().string();
        take.split = split_of_group(take.group);
        take.foreground = foreground, take.background = !foreground;
        found[name] = std::move(take);
      }
    if (found.empty())
      throw data_error("has no folder of a label with sounds in it", folder.string(),
                       "put the sounds into " + folder.string() + "/LABEL/");
    if (const fs::path more = folder / "takes.tsv"; fs::exists(more)) {
      const TsvTable table = TsvTable::read(more, {"path"});
      for (std::size_t row = 0; row < table.rows(); ++row) {
        const auto place = found.find(table.text(row, "path"));
        if (place == found.end()) throw table.error(row, "path", "is no file here");
        Take& take = place->second;
        take.group = text_or(table, row, "group", take.group);
        take.split = split_in(table, row, take.group);
        take.licence = text_or(table, row, "licence", ""),
        take.attribution = text_or(table, row, "attribution", "");
        take.source = text_or(table, row, "source", take.source);
        take.words = text_or(table, row, "words", ""), take.voice = text_or(table, row, "voice", "");
        take.speaker = text_or(table, row, "speaker", "");
        if (!take.words.empty()) take.lang = text_or(table, row, "lang", "en");
      }
    }
    for (auto& [name, take] : found) add(std::move(take));
  }

  std::vector<float> decode(int index) const {
    const Take& take = takes.at(static_cast<std::size_t>(index));
    const Slot& slot = *slots[static_cast<std::size_t>(index)];
    std::vector<float> all;
    if (index < static_cast<int>(kColours.size())) {
      Random rng("af2/synth/noise/1/" + kColours[static_cast<std::size_t>(index)]);
      all = coloured_noise(static_cast<std::size_t>(kNoise_s * rate_hz), index, rate_hz, rng);
      scale(all, static_cast<float>(kNoiseLevel / rms(all)));
      return all;
    }
    if (slot.bank) {
      const Sound& sound = slot.bank->sound(slot.recording);
      all = resample(sound.to_float({0, sound.samples.size()}), kBankRateHz, rate_hz);
    } else {
      DecodeOptions options;
      options.rate_hz = rate_hz, options.max_seconds = kMaxSeconds;
      all = decode_file(take.path, options).samples;
    }
    const SampleSpan span = audible_by_peak(all, peak(all));
    if (span.size() == 0 || is_silent(all))
      throw data_error("is silent", take.path.empty() ? take.id : take.path.string(), "take it out");
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(span.end), all.end());
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(span.begin));
    all.shrink_to_fit();
    return all;
  }

  const Groups& groups(const TakeQuery& q) {
    const std::string key =
        fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}", static_cast<int>(q.role), static_cast<int>(q.split),
                    q.label, q.with_words, q.no_words, q.min_seconds, join(q.words, "|"));
    const std::lock_guard lock(mutex);
    const auto [place, fresh] = candidates.try_emplace(key);
    if (!fresh) return place->second;
    std::map<std::string, std::vector<int>> by_group;
    for (std::size_t i = 0; i < takes.size(); ++i) {
      const Take& take = takes[i];
      const bool serves = q.role == TakeRole::kForeground ? take.foreground : take.background;
      if (!serves || take.split != q.split || take.label != q.label || (q.with_words && take.words.empty()) ||
          (q.no_words && !take.words.empty()) ||
          (!q.words.empty() && std::find(q.words.begin(), q.words.end(), take.words) == q.words.end()) ||
          (take.seconds > 0 && take.seconds < q.min_seconds))
        continue;
      by_group[take.group].push_back(static_cast<int>(i));
    }
    for (auto& [group, members] : by_group) place->second.push_back(std::move(members));
    return place->second;
  }
};

SoundLibrary::SoundLibrary(int rate_hz, std::size_t cache_bytes) : data_(std::make_unique<Data>()) {
  if (rate_hz != 16000 && rate_hz != 32000 && rate_hz != 44100 && rate_hz != 48000)
    throw user_error("a rate of scenes must be 16000, 32000, 44100 or 48000, not " + std::to_string(rate_hz),
                     "rate");
  data_->rate_hz = rate_hz, data_->cache_bytes = cache_bytes;
  for (const std::string& colour : kColours) {
    Take take;
    take.id = colour + " noise", take.label = colour + " noise", take.group = "";
    take.seconds = kNoise_s, take.foreground = take.background = false;
    data_->takes.push_back(std::move(take));
    data_->slots.push_back(std::make_unique<Data::Slot>());
  }
}
SoundLibrary::~SoundLibrary() = default;

void SoundLibrary::add_folders(const fs::path& foreground, const fs::path& background) {
  if (!foreground.empty()) data_->add_folder(foreground, true);
  if (!background.empty()) data_->add_folder(background, false);
}

void SoundLibrary::add_bank(const fs::path& folder) {
  data_->add_recordings(SoundBank::open(folder), folder);
}

void SoundLibrary::add_bank(const SoundBank& bank) {
  data_->add_recordings(bank, {});
}

void SoundLibrary::add_words(const fs::path& folder) {
  const TsvTable table = TsvTable::read(
      folder / "words.tsv", {"id", "words", "voice", "speaker", "path", "seconds", "group", "licence"});
  for (std::size_t row = 0; row < table.rows(); ++row) {
    Take take;
    take.id = table.text(row, "id"), take.words = table.text(row, "words");
    take.voice = table.text(row, "voice"), take.speaker = table.text(row, "speaker");
    if (take.speaker != "man" && take.speaker != "woman" && take.speaker != "child")
      throw table.error(row, "speaker", "is none of man, woman, child: " + take.speaker);
    take.label = take.speaker + " speaking";
    take.lang = text_or(table, row, "lang", "en");
    take.path = folder / table.text(row, "path");
    if (!fs::is_regular_file(take.path)) throw table.error(row, "path", "is no file: " + take.path.string());
    take.seconds = table.number(row, "seconds", 1e-3, kMaxSeconds);
    take.group = table.text(row, "group"), take.split = split_in(table, row, take.group);
    take.licence = table.text(row, "licence"), take.attribution = text_or(table, row, "author", "");
    take.source = text_or(table, row, "package", ""), take.background = false;
    if (!data_->known_labels.contains(take.label))
      data_->known_labels[take.label] = {take.label,
                                         "a " + take.speaker + " speaking",
                                         "a " + take.speaker,
                                         "a " + take.speaker + " speaks",
                                         {},
                                         "human"};
    data_->add(std::move(take));
  }
}

int SoundLibrary::rate_hz() const {
  return data_->rate_hz;
}
const std::vector<Take>& SoundLibrary::takes() const {
  return data_->takes;
}
const Take& SoundLibrary::take(int index) const {
  return data_->takes.at(static_cast<std::size_t>(index));
}
bool SoundLibrary::is_noise(int take) const {
  return take < static_cast<int>(kColours.size());
}

const Vocabulary& SoundLibrary::words() const {
  const std::lock_guard lock(data_->mutex);
  if (!data_->words) {
    std::vector<LabelInfo> labels;
    for (const auto& [name, info] : data_->known_labels) labels.push_back(info);
    data_->words = std::make_unique<Vocabulary>(std::move(labels));
  }
  return *data_->words;
}

std::vector<std::string> SoundLibrary::labels(TakeRole role, Split split) const {
  std::set<std::string> found;
  for (const Take& take : data_->takes)
    if (take.split == split && (role == TakeRole::kForeground ? take.foreground : take.background))
      found.insert(take.label);
  return {found.begin(), found.end()};
}

bool SoundLibrary::has(const TakeQuery& query) const {
  return !data_->groups(query).empty();
}

int SoundLibrary::draw(const TakeQuery& query, Random& rng) const {
  const Groups& groups = data_->groups(query);
  if (groups.empty())
    throw data_error(fmt::format("no {} take{} of `{}` for {}",
                                 query.role == TakeRole::kForeground ? "foreground" : "background",
                                 query.with_words        ? " with known words"
                                 : query.min_seconds > 0 ? fmt::format(" of {} s or more", query.min_seconds)
                                                         : "",
                                 query.label, split_name(query.split)),
                     "sounds", "add sounds of that label, or leave it out of the spec");
  return rng.pick(rng.pick(groups));
}

int SoundLibrary::noise(const std::string& colour) const {
  const auto found = std::find(kColours.begin(), kColours.end(), colour);
  if (found == kColours.end())
    throw user_error("unknown noise `" + colour + "`", "background", "white, pink or brown");
  return static_cast<int>(found - kColours.begin());
}

TakeSamples SoundLibrary::samples(int take) const {
  {
    const std::lock_guard lock(data_->mutex);
    if (const auto found = data_->places.find(take); found != data_->places.end()) {
      data_->recent.splice(data_->recent.begin(), data_->recent, found->second);
      return found->second->samples;
    }
  }
  // Outside the lock: two threads may decode one take at once, with the same result.
  auto samples = std::make_shared<const std::vector<float>>(data_->decode(take));
  const std::size_t size = samples->size() * sizeof(float);
  const std::lock_guard lock(data_->mutex);
  if (data_->places.contains(take)) return samples;
  while (!data_->recent.empty() && data_->bytes + size > data_->cache_bytes) {
    data_->bytes -= data_->recent.back().samples->size() * sizeof(float);
    data_->places.erase(data_->recent.back().take);
    data_->recent.pop_back();
  }
  data_->recent.push_front({take, samples});
  data_->places[take] = data_->recent.begin();
  data_->bytes += size;
  return samples;
}

const TakeFacts& SoundLibrary::facts(int take) const {
  Data::Slot& slot = *data_->slots.at(static_cast<std::size_t>(take));
  std::call_once(slot.facts_once, [&] {
    std::vector<float> copy = *samples(take);
    slot.facts.peak = peak(copy);
    fade_ends(copy, static_cast<std::size_t>(std::lround(kEventFade_s * rate_hz())));
    slot.facts.length = static_cast<std::int64_t>(copy.size());
    slot.facts.lkfs = loudness_lkfs(copy, rate_hz());
    slot.facts.change_db = level_change_db(copy);
  });
  return slot.facts;
}

const PitchTrack& SoundLibrary::pitch(int take) const {
  Data::Slot& slot = *data_->slots.at(static_cast<std::size_t>(take));
  std::call_once(slot.pitch_once, [&] {
    slot.pitch = pitch_track(resample(*samples(take), rate_hz(), kPitchRate), kPitchRate);
  });
  return slot.pitch;
}

void SoundLibrary::load(Split split, int threads) const {
  std::vector<int> chosen;
  for (std::size_t i = 0; i < data_->takes.size(); ++i)
    if (data_->takes[i].split == split && !is_noise(static_cast<int>(i)))
      chosen.push_back(static_cast<int>(i));
  for_each_by(threads, chosen.size(), [&](std::size_t i) {
    facts(chosen[i]);
    pitch(chosen[i]);
  });
}

std::size_t SoundLibrary::cached_bytes() const {
  const std::lock_guard lock(data_->mutex);
  return data_->bytes;
}

std::string SoundLibrary::fingerprint() const {
  std::string all = std::to_string(rate_hz());
  for (const Take& t : data_->takes)
    all += fmt::format("\n{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}", t.id, t.label, t.group, static_cast<int>(t.split),
                       t.words, t.foreground, t.background, t.seconds);
  return fmt::format("{:016x}", fnv1a64(all));
}

}  // namespace af2
