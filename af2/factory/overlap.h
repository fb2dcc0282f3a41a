// Sounds of a set that are also in a test set, in whatever form: by ids, by bytes, by samples, by
// fingerprints (docs/spec/data.md section 7).
//
// Test sets are what the user registers under a name: a folder of sounds, a sound, or a list (csv, tsv,
// jsonl, json, txt) of ids and files. Their clips go into one file, so that the next set is held against them
// without hearing them again. Not for duplicates inside a set (balance.h). Thread rule: an OverlapIndex is
// constant and may be asked from any thread.
//
//   OverlapIndex index = OverlapIndex::build({{"ESC-50", "esc50/audio"}}, counts);
//   index.save("tests.af2overlap");
//   const OverlapResult found = find_overlaps(items, "data/skills", index, {});
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "af2/core/file.h"
#include "af2/data/record.h"
#include "af2/factory/fingerprint.h"
#include "af2/factory/item.h"

namespace af2 {

struct TestSet {
  std::string name;
  std::filesystem::path path;
};
// "ESC-50=esc50/audio". Throws kUser.
TestSet test_set_of(const std::string& text);
// Names of the test splits that are excluded by default (data.md section 7), as they are registered.
const std::vector<std::string>& default_test_sets();

// Where a clip comes from, as its name or id says.
struct MediaId {
  std::string youtube;            // the video's id, without the leading Y of AudioSet's files
  std::optional<double> start_s;  // of the stretch
  std::string freesound;          // number of the sound

  bool known() const { return !youtube.empty() || !freesound.empty(); }
};
// From a file's name or an id: "Yb0RFKhbpFJA_30000" (milliseconds above 1000), "b0RFKhbpFJA_30.000_40.000",
// "freesound_1234". A bare number is one of Freesound only where `numbers` says that the set names its files
// so: "1-100032-A-0" (ESC-50), "100032-3-0-0" (UrbanSound8K), "64760" (FSD50k).
MediaId media_id_of(std::string_view name, bool numbers);
// One is a stretch of the other's source: the same sound of Freesound, or the same video and, where both say
// where they begin, less than ten seconds apart.
bool same_media(const MediaId& a, const MediaId& b);

struct TestClip {
  std::string set, name;
  MediaId id;
  std::string file_sha256, pcm_sha256;  // empty: its sound is not at hand
  double seconds = 0;
  std::uint32_t n_landmarks = 0;
};

class OverlapIndex {
 public:
  // Reads every test set. What is no sound or cannot be read is counted ("overlap/unreadable") and known by
  // its id alone. `tell`: told of each clip; `threads`: clips heard at once. Throws kUser for a path that is
  // not there, kData for a list without ids and files.
  static OverlapIndex build(const std::vector<TestSet>& sets, RecordCounts& counts,
                            const std::function<void(const TestClip&)>& tell = nullptr, int threads = 1);
  // The index in `file`, made anew and saved there where it is not of these sets as they are now; with no
  // sets as it is, with no file not saved.
  static OverlapIndex of(const std::vector<TestSet>& sets, const std::filesystem::path& file,
                         RecordCounts& counts, const std::function<void(const TestClip&)>& tell = nullptr,
                         int threads = 1);
  // Throws kData for another file, a cut one or one of another version.
  static OverlapIndex open(const std::filesystem::path& file);
  void save(const std::filesystem::path& file) const;

  const std::vector<TestClip>& clips() const { return clips_; }
  // A sum over names, sizes and times of what the sets consist of: whether an index is still theirs.
  const std::string& inventory() const { return inventory_; }
  static std::string inventory_of(const std::vector<TestSet>& sets);

  struct Match {
    std::uint32_t clip = 0;
    std::uint32_t landmarks = 0;  // different ones at the same offset
    double offset_s = 0;          // of the test clip's begin in the sound
    double share = 0;             // of those either has where they lie over each other
  };
  // Test clips that share at least `least` landmarks and `share` with the sound ([n] 16 kHz mono), best
  // first.
  std::vector<Match> find(std::span<const float> samples, int least, double share) const;

 private:
  struct Entry {
    std::uint32_t hash, clip, frame;
  };
  std::span<const Entry> entries() const;

  std::vector<TestClip> clips_;
  std::vector<Entry> own_;  // sorted by hash, clip, frame; or:
  std::shared_ptr<MappedFile> file_;
  std::size_t entries_at_ = 0, n_entries_ = 0;
  std::string inventory_;
};

// SHA-256 of the samples at 16 kHz mono as 16-bit numbers: the same for any lossless form of a recording.
std::string pcm_sha256(std::span<const float> samples);

struct OverlapOptions {
  int least_landmarks = 12;
  double share = 0.05;
  bool hear = true;  // false: ids alone, no sound is opened

  template <class V>
  void visit(V& v) {
    v.field("least_landmarks", least_landmarks, "that two sounds have in common at one offset");
    v.field("share", share, "of their landmarks there");
    v.field("hear", hear, "open the sounds; else ids alone");
  }
};

struct OverlapHit {
  std::string audio, item;  // the clip and its first item
  std::string set, test_clip;
  std::string how;     // id, file, samples, fingerprint
  std::string detail;  // for people
};
struct OverlapResult {
  std::vector<OverlapHit> hits;                // by the order of items; one a clip, test set and test clip
  std::vector<char> keep;                      // [items]
  std::map<std::string, std::int64_t> by_set;  // items to drop, by test set
  RecordCounts counts;                         // "overlap/ESC-50", "overlap/audio_unreadable"
};
// Holds each clip of the items against the index. Paths are relative to `folder`.
OverlapResult find_overlaps(const std::vector<Item>& items, const std::filesystem::path& folder,
                            const OverlapIndex& index, const OverlapOptions& options, int threads = 1);

}  // namespace af2
