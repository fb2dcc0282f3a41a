#include "af2/train/token_store.h"

#include <fmt/format.h>

#include <cstring>
#include <mutex>
#include <span>
#include <system_error>

#include "af2/core/error.h"
#include "af2/data/sound_place.h"
#ifdef AF2_WITH_SQLITE
#include "af2/index/sqlite.h"
#endif

namespace af2 {
namespace fs = std::filesystem;

std::string TokenStore::key(const TrainItem& item) {
  std::error_code failed;
  const fs::path file = file_of_place(item.audio);  // of a shard the whole of it
  const fs::path path = fs::absolute(item.audio, failed);
  const auto size = fs::file_size(file, failed);
  if (failed) return "";
  const auto changed = fs::last_write_time(file, failed).time_since_epoch().count();
  if (failed) return "";
  return fmt::format("{}|{}|{}|{}|{}|{}", path.string(), size, changed, item.start_s, item.seconds,
                     item.windows);
}

#ifdef AF2_WITH_SQLITE

struct TokenStore::Data {
  explicit Data(const fs::path& path) : db(path, Database::Open::kCreate) {
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA synchronous = NORMAL");
    db.run("PRAGMA busy_timeout = 60000");
    db.run(
        "CREATE TABLE IF NOT EXISTS clips(key TEXT PRIMARY KEY, windows INTEGER NOT NULL, "
        "tokens INTEGER NOT NULL, width INTEGER NOT NULL, vectors BLOB NOT NULL) WITHOUT ROWID");
  }
  mutable std::mutex mutex;
  mutable Database db;
};

TokenStore::TokenStore(const fs::path& folder, const std::string& tower_hash)
    : path_(folder / (tower_hash.substr(0, 32) + ".sqlite")) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed)
    throw resource_error("cannot be made: " + failed.message(), folder.string(),
                         "name another folder in stage.token_cache");
  data_ = std::make_unique<Data>(path_);
}

std::optional<torch::Tensor> TokenStore::find(const std::string& key) const {
  if (key.empty()) return std::nullopt;
  const std::lock_guard lock(data_->mutex);
  Statement find(data_->db, "SELECT windows, tokens, width, vectors FROM clips WHERE key = ?");
  find.bind(1, std::string_view(key));
  if (!find.step()) return std::nullopt;
  const std::span<const std::byte> bytes = find.blob(3);
  torch::Tensor tokens = torch::empty({find.integer(0), find.integer(1), find.integer(2)}, torch::kBFloat16);
  if (static_cast<std::size_t>(tokens.numel()) * 2 != bytes.size())
    throw data_error("holds tokens of another size than it says", path_.string(),
                     "remove the file: it is a cache");
  std::memcpy(tokens.data_ptr(), bytes.data(), bytes.size());
  return tokens;
}

void TokenStore::put(const std::string& key, const torch::Tensor& tokens) {
  if (key.empty()) return;
  const torch::Tensor kept = tokens.to(torch::kBFloat16).to(torch::kCPU).contiguous();
  const std::span bytes(static_cast<const std::byte*>(kept.data_ptr()),
                        static_cast<std::size_t>(kept.numel()) * 2);
  const std::lock_guard lock(data_->mutex);
  Statement insert(data_->db,
                   "INSERT OR IGNORE INTO clips(key, windows, tokens, width, vectors) VALUES(?, ?, ?, ?, ?)");
  insert.bind(1, std::string_view(key)).bind(2, kept.size(0)).bind(3, kept.size(1)).bind(4, kept.size(2));
  insert.bind(5, bytes).run();
}

#else

struct TokenStore::Data {};

TokenStore::TokenStore(const fs::path&, const std::string&) {
  throw user_error("this af2 was built without SQLite", "recipe key stage.token_cache", "leave it empty");
}
std::optional<torch::Tensor> TokenStore::find(const std::string&) const {
  return std::nullopt;
}
void TokenStore::put(const std::string&, const torch::Tensor&) {}

#endif

TokenStore::~TokenStore() = default;

}  // namespace af2
