// The file of test clips: their names, sums and landmarks (overlap.h).
#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "af2/core/error.h"
#include "af2/core/json.h"
#include "af2/factory/overlap.h"
#include "af2/io/atomic_file.h"

namespace af2 {
namespace {

constexpr char kMagic[] = "AF2OVL01";
constexpr std::size_t kMagicBytes = 8, kHeadBytes = kMagicBytes + 8;

Json json_of(const TestClip& clip) {
  Json json = {{"set", clip.set}, {"name", clip.name}};
  if (!clip.id.youtube.empty()) json["youtube"] = clip.id.youtube;
  if (clip.id.start_s) json["start"] = *clip.id.start_s;
  if (!clip.id.freesound.empty()) json["freesound"] = clip.id.freesound;
  if (!clip.file_sha256.empty())
    json["file"] = clip.file_sha256, json["pcm"] = clip.pcm_sha256, json["seconds"] = clip.seconds,
    json["landmarks"] = clip.n_landmarks;
  return json;
}

TestClip clip_of(const Json& json) {
  TestClip clip;
  clip.set = json.at("set"), clip.name = json.at("name");
  clip.id.youtube = json.value("youtube", ""), clip.id.freesound = json.value("freesound", "");
  if (json.contains("start")) clip.id.start_s = json["start"].get<double>();
  clip.file_sha256 = json.value("file", ""), clip.pcm_sha256 = json.value("pcm", "");
  clip.seconds = json.value("seconds", 0.0), clip.n_landmarks = json.value("landmarks", 0u);
  return clip;
}

}  // namespace

std::span<const OverlapIndex::Entry> OverlapIndex::entries() const {
  if (!file_) return own_;
  return {reinterpret_cast<const Entry*>(file_->bytes().data() + entries_at_), n_entries_};
}

void OverlapIndex::save(const std::filesystem::path& file) const {
  Json head = {{"inventory", inventory_}, {"entries", entries().size()}, {"clips", Json::array()}};
  for (const TestClip& clip : clips_) head["clips"].push_back(json_of(clip));
  std::string text = head.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.append((16 - (kHeadBytes + text.size()) % 16) % 16, ' ');  // entries begin at a multiple of 16
  const std::uint64_t size = text.size();
  AtomicFile out(file);
  out.write(std::string_view(kMagic, kMagicBytes));
  out.write(std::as_bytes(std::span(&size, 1)));
  out.write(text);
  out.write(std::as_bytes(entries()));
  out.commit();
}

OverlapIndex OverlapIndex::open(const std::filesystem::path& file) {
  OverlapIndex index;
  index.file_ = std::make_shared<MappedFile>(file);
  const auto bytes = index.file_->bytes();
  const auto damaged = [&](const char* what) {
    return data_error(what, file.string(), "remove it: it is made anew from the test sets");
  };
  if (bytes.size() < kHeadBytes || std::memcmp(bytes.data(), kMagic, kMagicBytes) != 0)
    throw damaged("is no index of test clips of this version");
  std::uint64_t size = 0;
  std::memcpy(&size, bytes.data() + kMagicBytes, 8);
  if (size > bytes.size() - kHeadBytes) throw damaged("is cut");
  try {
    const Json head = Json::parse(reinterpret_cast<const char*>(bytes.data()) + kHeadBytes,
                                  reinterpret_cast<const char*>(bytes.data()) + kHeadBytes + size);
    index.inventory_ = head.at("inventory").get<std::string>();
    index.n_entries_ = head.at("entries").get<std::size_t>();
    for (const Json& clip : head.at("clips")) index.clips_.push_back(clip_of(clip));
  } catch (const Json::exception&) {
    throw damaged("is damaged");
  }
  index.entries_at_ = kHeadBytes + size;
  const std::size_t rest = bytes.size() - index.entries_at_;
  if (index.entries_at_ % 16 != 0 || rest % sizeof(Entry) != 0 || rest / sizeof(Entry) != index.n_entries_)
    throw damaged("is cut");
  for (const Entry& entry : index.entries())
    if (entry.clip >= index.clips_.size()) throw damaged("is damaged");
  return index;
}

OverlapIndex OverlapIndex::of(const std::vector<TestSet>& sets, const std::filesystem::path& file,
                              RecordCounts& counts, const std::function<void(const TestClip&)>& tell,
                              int threads) {
  if (sets.empty() && file.empty())
    throw user_error("no test set is named", "--against", "as in --against ESC-50=esc50/audio");
  std::error_code ignored;
  if (!file.empty() && (sets.empty() || std::filesystem::exists(file, ignored))) {
    OverlapIndex index = open(file);
    if (sets.empty() || index.inventory() == inventory_of(sets)) return index;
  }
  OverlapIndex index = build(sets, counts, tell, threads);
  if (!file.empty()) index.save(file);
  return index;
}

std::vector<OverlapIndex::Match> OverlapIndex::find(std::span<const float> samples, int least,
                                                    double share) const {
  const std::span<const Entry> all = entries();
  std::unordered_map<std::uint32_t, Match> best;
  const auto seconds = static_cast<double>(samples.size()) / 16000;
  for (int shift = 0; shift < kLandmarkShifts; ++shift) {
    const std::vector<Landmark> marks = landmarks(samples, shift);
    // (clip, offset in frames) and the landmark that lies so.
    std::vector<std::pair<std::uint64_t, std::uint32_t>> hits;
    for (const Landmark& mark : marks) {
      auto entry = std::lower_bound(all.begin(), all.end(), mark.hash,
                                    [](const Entry& e, std::uint32_t hash) { return e.hash < hash; });
      for (; entry != all.end() && entry->hash == mark.hash; ++entry) {
        const std::int64_t offset = static_cast<std::int64_t>(mark.frame) - entry->frame;
        hits.emplace_back((std::uint64_t{entry->clip} << 32) | static_cast<std::uint32_t>(offset + (1 << 30)),
                          mark.hash);
      }
    }
    // A landmark that comes again and again at one offset, as in a steady tone, counts once.
    std::sort(hits.begin(), hits.end());
    hits.erase(std::unique(hits.begin(), hits.end()), hits.end());
    for (std::size_t begin = 0; begin < hits.size();) {
      std::size_t end = begin;
      while (end < hits.size() && hits[end].first == hits[begin].first) ++end;
      const auto n = static_cast<std::uint32_t>(end - begin);
      const auto clip = static_cast<std::uint32_t>(hits[begin].first >> 32);
      const auto frames = static_cast<std::int64_t>(hits[begin].first & 0xFFFFFFFFu) - (1 << 30);
      begin = end;
      if (n < static_cast<std::uint32_t>(least)) continue;
      const double offset = (static_cast<double>(frames) + static_cast<double>(shift) / kLandmarkShifts) *
                            kLandmarkFrameSeconds;
      const TestClip& test = clips_[clip];
      const double both = std::max(0.01, std::min(seconds, offset + test.seconds) - std::max(0.0, offset));
      const double of_test = test.n_landmarks * std::min(1.0, both / test.seconds),
                   of_own = static_cast<double>(marks.size()) * std::min(1.0, both / seconds);
      const double part = n / std::max(1.0, std::min(of_test, of_own));
      if (part < share) continue;
      Match& match = best[clip];
      if (n > match.landmarks) match = {clip, n, offset, std::min(1.0, part)};
    }
  }
  std::vector<Match> matches;
  for (const auto& [clip, match] : best) matches.push_back(match);
  std::sort(matches.begin(), matches.end(), [](const Match& a, const Match& b) {
    return a.landmarks != b.landmarks ? a.landmarks > b.landmarks : a.clip < b.clip;
  });
  return matches;
}

}  // namespace af2
