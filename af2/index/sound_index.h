// A sound library's vectors in one SQLite file: which files, which windows of them, and by which model.
//
// The file is the truth: every change is one transaction, so that a process that is killed loses at most the
// file in hand. Not for making vectors (af2/generate) nor for finding the nearest (search.h).
// Thread rule: one owner; one process may write while others read.
//
//   SoundIndex index("sounds.af2", SoundIndex::Access::kCreate);
//   index.settle({.model_name = "af-clap", .model_sha256 = sha, .dims = 512, .window_s = 10, .hop_s = 5});
//   index.put({.root = "/sounds", .name = "dog.wav", .size = 44}, windows);
//   VectorTable table = index.vectors();
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "af2/index/sqlite.h"
#include "af2/index/vector_table.h"

namespace af2 {

// What every vector of an index was made with: others do not compare with them.
struct IndexFacts {
  std::string model_name, model_sha256;
  int dims = 0;
  double window_s = 0, hop_s = 0;
  std::string channels = "mean", dtype = "f32";
};

struct IndexedFile {
  std::int64_t id = 0;     // of the row; never used again for another
  std::string root, name;  // absolute folder, and the path below it
  std::int64_t size = 0, mtime_ns = 0;
  std::string sha256 = {};  // of the bytes; empty where they could not be read
  double seconds = 0;
  std::int64_t n_windows = 0;
  std::string warnings = {};  // words, with commas between them
  std::string error = {};     // why it has no windows

  std::string path() const { return (std::filesystem::path(root) / name).string(); }
};

struct IndexedWindow {
  double onset_s = 0, offset_s = 0;  // in the file
  std::vector<float> vector;         // of length 1
};

class SoundIndex {
 public:
  // kWrite needs an index that is there; kCreate also takes a missing or empty file. Throws kData: no such
  // file, no index, damaged, of a newer form; kResource: no permission, disk, another process writes it.
  enum class Access { kRead, kWrite, kCreate };
  SoundIndex(const std::filesystem::path& path, Access access);
  ~SoundIndex();
  SoundIndex(SoundIndex&&) noexcept;

  const std::filesystem::path& path() const { return path_; }
  bool is_new() const { return !facts_; }
  const IndexFacts& facts() const { return *facts_; }  // unless new
  // Makes a new index one of `wanted`; throws kUser, naming both, where it holds vectors of something else.
  void settle(const IndexFacts& wanted);
  // Throws kUser, naming both models, where vectors of this one would not compare with those here.
  void check_model(const std::string& name, const std::string& sha256) const;

  std::vector<IndexedFile> files();  // by path
  std::int64_t n_windows();
  // Counts the changes of vectors: what was made of them is stale when it is not the same.
  std::int64_t generation();
  // Every vector.
  VectorTable vectors();

  // One transaction each. `put` adds a file or, where its path is here, takes the place of it; returns its
  // id.
  std::int64_t put(const IndexedFile& file, std::span<const IndexedWindow> windows);
  // The same with the windows of another file of the same bytes.
  std::int64_t put_copy(const IndexedFile& file, std::int64_t of);
  // New size and time of a file whose bytes are the same.
  void touch(std::int64_t id, std::int64_t size, std::int64_t mtime_ns);
  void remove(std::span<const std::int64_t> ids);

  // A text under a name, for what may be forgotten.
  std::string note(const std::string& name);
  void set_note(const std::string& name, const std::string& text);

 private:
  class Lock;
  void check_form();
  void make_tables(const IndexFacts& facts);
  std::int64_t put_row(const IndexedFile& file);
  void count_change();

  std::filesystem::path path_;
  std::unique_ptr<Lock>
      lock_;  // outlives the database: closing a descriptor of its file drops SQLite's locks
  std::unique_ptr<Database> db_;
  std::optional<IndexFacts> facts_;
};

// Whether a file is an index of af2, by its first bytes.
bool is_sound_index(const std::filesystem::path& path);

}  // namespace af2
