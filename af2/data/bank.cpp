#include "af2/data/bank.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <utility>

#include "af2/audio/decode.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/data/tsv.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr double kMaxSeconds = 3600;      // of one recording
constexpr double kLengthTolerance = 0.5;  // seconds between the table and the file
constexpr std::array<const char*, kSplits> kSplitNames = {"train", "val", "test"};

int index_of(Split split) {
  return static_cast<int>(split);
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::vector<Recording> read_recordings(const fs::path& folder, const std::vector<LabelInfo>& labels) {
  const TsvTable table =
      TsvTable::read(folder / "bank.tsv", {"id", "label", "path", "seconds", "split", "group", "package",
                                           "licence", "author", "sha256", "peak_db", "kind"});
  std::unordered_map<std::string, int> label_ids;
  for (std::size_t i = 0; i < labels.size(); ++i) label_ids[labels[i].name] = static_cast<int>(i);
  std::set<std::string> ids;
  std::unordered_map<std::string, Split> group_split;
  std::vector<Recording> recordings;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    Recording r;
    r.id = table.text(row, "id");
    if (!ids.insert(r.id).second) throw table.error(row, "id", "stands twice: " + r.id);
    const auto label = label_ids.find(table.text(row, "label"));
    if (label == label_ids.end())
      throw table.error(row, "label", "is not in labels.tsv: " + table.text(row, "label"));
    r.label = label->second;
    r.path = table.text(row, "path");
    const fs::path relative(r.path);
    const bool climbs =
        std::any_of(relative.begin(), relative.end(), [](const fs::path& p) { return p == ".."; });
    if (relative.is_absolute() || climbs) throw table.error(row, "path", "leaves the bank: " + r.path);
    std::error_code code;
    if (!fs::is_regular_file(folder / relative, code))
      throw table.error(row, "path", "is no file: " + r.path);
    r.seconds = table.number(row, "seconds", 1e-3, kMaxSeconds);
    const std::string& part = table.text(row, "split");
    const auto name = std::find(kSplitNames.begin(), kSplitNames.end(), part);
    if (name == kSplitNames.end()) throw table.error(row, "split", "is none of train, val, test: " + part);
    r.split = static_cast<Split>(name - kSplitNames.begin());
    r.group = table.text(row, "group");
    const auto [known, fresh] = group_split.emplace(std::to_string(r.label) + "\t" + r.group, r.split);
    if (!fresh && known->second != r.split)
      throw table.error(row, "group", "has recordings of this label in two splits: " + r.group);
    r.package = table.text_or_empty(row, "package");
    r.licence = table.text(row, "licence");
    r.author = table.text_or_empty(row, "author");
    r.sha256 = table.text(row, "sha256");
    if (!is_sha256(r.sha256)) throw table.error(row, "sha256", "is not 64 hex digits: " + r.sha256);
    r.peak_db = table.number(row, "peak_db", -200, 60);
    const std::string& kind = table.text(row, "kind");
    if (kind != "recorded" && kind != "synthetic")
      throw table.error(row, "kind", "is neither recorded nor synthetic: " + kind);
    r.synthetic = kind == "synthetic";
    recordings.push_back(std::move(r));
  }
  return recordings;
}

std::vector<std::int16_t> decode_recording(const fs::path& path, double seconds) {
  DecodeOptions options;
  options.max_seconds = kMaxSeconds;
  const Clip clip = decode_file(path, options);
  if (std::abs(clip.seconds - seconds) > kLengthTolerance)
    throw data_error("lasts " + std::to_string(clip.seconds) + " s, bank.tsv says " + std::to_string(seconds),
                     path.string(), "build the bank again");
  std::vector<std::int16_t> samples(clip.samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] =
        static_cast<std::int16_t>(std::clamp(std::lround(clip.samples[i] * 32768.0f), -32768L, 32767L));
  return samples;
}

void analyse(Sound& sound) {
  const std::vector<float> all = sound.to_float({0, sound.samples.size()});
  sound.audible = audible_span(all);
  const auto part = std::span(all).subspan(sound.audible.begin, sound.audible.size());
  sound.bursts = count_bursts(part);
  float loudest = 0;
  for (const float e : frame_energy(part, 160)) loudest = std::max(loudest, e);
  sound.loudest_db = 10 * std::log10(std::max(loudest, 1e-12f));
}

}  // namespace

const char* split_name(Split split) {
  return kSplitNames[static_cast<std::size_t>(split)];
}

Split split_from_name(const std::string& name) {
  const auto found = std::find(kSplitNames.begin(), kSplitNames.end(), name);
  if (found == kSplitNames.end()) throw user_error("unknown split `" + name + "`", "", "train, val or test");
  return static_cast<Split>(found - kSplitNames.begin());
}

std::vector<float> Sound::to_float(SampleSpan span) const {
  std::vector<float> out(span.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<float>(samples[span.begin + i]) * 0x1p-15f;
  return out;
}

struct SoundBank::Data {
  using Groups = std::vector<std::vector<int>>;  // recordings of each group
  struct Slot {
    std::once_flag once;
    Sound sound;
  };

  fs::path folder;
  Vocabulary words{{}};
  std::vector<Recording> recordings;
  std::array<std::vector<int>, kSplits> by_split, labels_in;
  std::array<std::vector<Groups>, kSplits> groups;  // [split][label]
  mutable std::vector<Slot> slots;
  mutable std::array<std::once_flag, kSplits> countable_once;
  mutable std::array<std::vector<Groups>, kSplits> countable;
  mutable std::array<std::vector<int>, kSplits> countable_labels;

  void index() {
    slots = std::vector<Slot>(recordings.size());
    for (int s = 0; s < kSplits; ++s) {
      for (std::size_t i = 0; i < recordings.size(); ++i)
        if (index_of(recordings[i].split) == s) by_split[s].push_back(static_cast<int>(i));
      std::tie(groups[s], labels_in[s]) = group(by_split[s]);
    }
  }

  // The recordings by label and group (groups in order of first appearance), and the labels that have any.
  std::pair<std::vector<Groups>, std::vector<int>> group(const std::vector<int>& chosen) const {
    std::vector<Groups> result(words.labels().size());
    std::unordered_map<std::string, std::size_t> places;
    for (const int i : chosen) {
      Groups& mine = result[recordings[i].label];
      const auto [place, fresh] =
          places.emplace(std::to_string(recordings[i].label) + "\t" + recordings[i].group, mine.size());
      if (fresh) mine.emplace_back();
      mine[place->second].push_back(i);
    }
    std::vector<int> present;
    for (std::size_t label = 0; label < result.size(); ++label)
      if (!result[label].empty()) present.push_back(static_cast<int>(label));
    return {std::move(result), std::move(present)};
  }
};

SoundBank::SoundBank(std::unique_ptr<Data> data) : data_(std::move(data)) {}
SoundBank::SoundBank(SoundBank&&) noexcept = default;
SoundBank& SoundBank::operator=(SoundBank&&) noexcept = default;
SoundBank::~SoundBank() = default;

SoundBank SoundBank::open(const fs::path& folder) {
  auto data = std::make_unique<Data>();
  data->folder = folder;
  data->words = Vocabulary(read_label_table(folder / "labels.tsv"));
  data->recordings = read_recordings(folder, data->words.labels());
  data->index();
  return SoundBank(std::move(data));
}

SoundBank SoundBank::from_memory(std::vector<LabelInfo> labels, std::vector<Recording> recordings,
                                 std::vector<std::vector<std::int16_t>> samples) {
  if (samples.size() != recordings.size()) throw internal_error("one sample vector per recording is needed");
  auto data = std::make_unique<Data>();
  // Labels come sorted by name, as from a file; the recordings' ids follow.
  std::vector<std::string> names;
  for (const LabelInfo& label : labels) names.push_back(label.name);
  data->words = Vocabulary(std::move(labels));
  for (Recording& r : recordings) r.label = data->words.find(names.at(static_cast<std::size_t>(r.label)));
  data->recordings = std::move(recordings);
  data->index();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    std::call_once(data->slots[i].once, [&] {
      data->slots[i].sound.samples = std::move(samples[i]);
      analyse(data->slots[i].sound);
    });
  }
  return SoundBank(std::move(data));
}

const std::vector<LabelInfo>& SoundBank::labels() const {
  return data_->words.labels();
}
const Vocabulary& SoundBank::words() const {
  return data_->words;
}
const std::vector<Recording>& SoundBank::recordings() const {
  return data_->recordings;
}
const std::vector<int>& SoundBank::recordings(Split split) const {
  return data_->by_split[index_of(split)];
}
const std::vector<int>& SoundBank::labels_in(Split split) const {
  return data_->labels_in[index_of(split)];
}
const std::vector<std::string>& SoundBank::terms(int label) const {
  return data_->words.terms(label);
}

int SoundBank::label_id(std::string_view name) const {
  const auto& labels = data_->words.labels();
  const auto found = std::lower_bound(labels.begin(), labels.end(), name,
                                      [](const LabelInfo& a, std::string_view b) { return a.name < b; });
  return found != labels.end() && found->name == name ? static_cast<int>(found - labels.begin()) : -1;
}

std::vector<int> SoundBank::recordings(Split split, int label) const {
  std::vector<int> result;
  for (const auto& group : data_->groups[index_of(split)].at(label))
    result.insert(result.end(), group.begin(), group.end());
  return result;
}

const Sound& SoundBank::sound(int recording) const {
  Data::Slot& slot = data_->slots.at(recording);
  std::call_once(slot.once, [&] {
    const Recording& r = data_->recordings[recording];
    slot.sound.samples = decode_recording(data_->folder / r.path, r.seconds);
    analyse(slot.sound);
  });
  return slot.sound;
}

void SoundBank::load(Split split, int threads) const {
  const std::vector<int>& ids = recordings(split);
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr error;
  const auto work = [&] {
    for (std::size_t i; (i = next++) < ids.size();) {
      try {
        sound(ids[i]);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
        next = ids.size();
      }
    }
  };
  std::vector<std::jthread> workers;
  for (int t = 1; t < threads; ++t) workers.emplace_back(work);
  work();
  workers.clear();  // joins
  if (error) std::rethrow_exception(error);
}

std::vector<std::string> SoundBank::verify() const {
  std::vector<std::string> differences;
  if (data_->folder.empty()) return differences;
  for (const Recording& r : data_->recordings) {
    try {
      const std::string hash = sha256_file(data_->folder / r.path);
      if (hash != r.sha256) differences.push_back(r.path + ": sha256 is " + hash + ", not " + r.sha256);
    } catch (const Error& error) {
      differences.push_back(error.what());
    }
  }
  return differences;
}

int SoundBank::draw(Split split, Random& rng) const {
  const std::vector<int>& labels = labels_in(split);
  if (labels.empty()) throw data_error(std::string("the bank has no recordings for ") + split_name(split));
  return draw(split, rng.pick(labels), rng);
}

int SoundBank::draw(Split split, int label, Random& rng) const {
  const auto& groups = data_->groups[index_of(split)].at(label);
  if (groups.empty())
    throw data_error("label `" + data_->words.at(label).name + "` has no recordings for " +
                     split_name(split));
  return rng.pick(rng.pick(groups));
}

const std::vector<int>& SoundBank::countable_labels(Split split) const {
  const int s = index_of(split);
  std::call_once(data_->countable_once[s], [&] {
    std::vector<int> chosen;
    for (const int i : data_->by_split[s]) {
      if (data_->recordings[i].seconds > 3 * kCountableSeconds) continue;
      const Sound& one = sound(i);
      const double seconds = static_cast<double>(one.audible.size()) / kBankRateHz;
      if (one.bursts == 1 && seconds <= kCountableSeconds) chosen.push_back(i);
    }
    std::tie(data_->countable[s], data_->countable_labels[s]) = data_->group(chosen);
  });
  return data_->countable_labels[s];
}

int SoundBank::draw_countable(Split split, int label, Random& rng) const {
  countable_labels(split);
  const auto& groups = data_->countable[index_of(split)].at(label);
  if (groups.empty())
    throw data_error("label `" + data_->words.at(label).name + "` has no countable recordings for " +
                     split_name(split));
  return rng.pick(rng.pick(groups));
}

bool SoundBank::confusable(int label_a, int label_b) const {
  return data_->words.confusable(label_a, label_b);
}

}  // namespace af2
