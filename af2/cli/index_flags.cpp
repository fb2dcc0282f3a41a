#ifdef AF2_WITH_SQLITE
#include "af2/cli/index_flags.h"

#include <filesystem>
#include <set>

#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/index/folder_scan.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr const char* kWeightsNote = "weights";

// Path, size and time; empty where they cannot be known.
std::string stamp_of(const fs::path& weights) {
  std::int64_t size = 0, mtime_ns = 0;
  std::error_code code;
  const fs::path whole = fs::canonical(weights, code);
  if (code || !stat_file(whole, size, mtime_ns)) return "";
  return whole.string() + "\t" + std::to_string(size) + "\t" + std::to_string(mtime_ns) + "\t";
}

}  // namespace

std::string model_sha256(const ClapEngine& clap, SoundIndex& index, Note note) {
  const fs::path weights = clap.weights_file();
  const std::string stamp = stamp_of(weights), noted = index.is_new() ? "" : index.note(kWeightsNote);
  const bool known = !stamp.empty() && noted.starts_with(stamp);
  const std::string of_weights = known ? noted.substr(stamp.size()) : sha256_file(weights);
  if (!known && note == Note::kYes && !index.is_new()) index.set_note(kWeightsNote, stamp + of_weights);
  ClapModelConfig config = clap.config();
  const std::string all = of_weights + "\n" + to_json(config.audio).dump() + "\n" +
                          to_json(config.tower).dump() + "\n" + std::to_string(config.joint_dim);
  return sha256_hex(std::as_bytes(std::span(all)));
}

Json index_facts(SoundIndex& index) {
  const IndexFacts& facts = index.facts();
  std::int64_t failed = 0, files = 0;
  double seconds = 0;
  std::set<std::string> folders;
  for (const IndexedFile& file : index.files()) {
    ++(file.error.empty() ? files : failed);
    seconds += file.seconds;
    folders.insert(file.root);
  }
  return {{"index", index.path().string()},
          {"model", facts.model_name},
          {"model_sha256", facts.model_sha256},
          {"dimensions", facts.dims},
          {"window", facts.window_s},
          {"hop", facts.hop_s},
          {"channels", facts.channels},
          {"dtype", facts.dtype},
          {"files", files},
          {"unreadable_files", failed},
          {"windows", index.n_windows()},
          {"seconds", seconds},
          {"folders", folders}};
}

std::string path_from_here(const std::string& absolute) {
  std::error_code code;
  const fs::path here = fs::current_path(code);
  if (code || here == "/" || !lies_below(absolute, here.string())) return absolute;
  return fs::path(absolute).lexically_relative(here).string();
}

std::string json_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace af2
#endif  // AF2_WITH_SQLITE
