#include "af2/index/sound_index.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <unordered_map>

namespace af2 {
namespace fs = std::filesystem;
namespace {

static_assert(std::endian::native == std::endian::little, "vectors are stored as little-endian float32");

constexpr std::int64_t kApplication = 0x61663269;  // "af2i", in SQLite's header
constexpr std::int64_t kForm = 1;

constexpr const char* kTables = R"(
CREATE TABLE facts(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE notes(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE folders(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE files(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  folder INTEGER NOT NULL REFERENCES folders(id),
  name TEXT NOT NULL,
  size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT,
  seconds REAL, warnings TEXT, error TEXT,
  UNIQUE(folder, name));
CREATE TABLE windows(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  file INTEGER NOT NULL REFERENCES files(id) ON DELETE CASCADE,
  onset REAL NOT NULL, "offset" REAL NOT NULL, vector BLOB NOT NULL);
CREATE INDEX windows_of_file ON windows(file);
)";

std::string short_sha(const std::string& sha256) {
  return sha256.substr(0, 12);
}

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", seconds);
  return text;
}

std::string settings_text(const IndexFacts& facts) {
  return "windows of " + seconds_text(facts.window_s) + " s every " + seconds_text(facts.hop_s) +
         " s, channels " + facts.channels + ", " + facts.dtype;
}

void bind_text_or_null(Statement& statement, int at, const std::string& text) {
  text.empty() ? statement.bind_null(at) : statement.bind(at, std::string_view(text));
}

}  // namespace

// Keeps a second writer away. The kernel gives it up when the process ends, however it ends.
class SoundIndex::Lock {
 public:
  Lock(const fs::path& path, bool create) : path_(path) {
    made_ = create && ::access(path.c_str(), F_OK) != 0;
    fd_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0644);
    if (fd_ < 0)
      throw errno == ENOENT && !create
          ? data_error("there is no such file", path.string(), "`af2 index FOLDER -o FILE` makes one")
          : resource_error(std::string("cannot be opened for writing: ") + std::strerror(errno),
                           path.string(), "name a file in a folder that is there and may be written");
    if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
    const int reason = errno;
    ::close(fd_);
    if (reason == EWOULDBLOCK)
      throw resource_error("is being written by another af2", path.string(), "wait until that has finished");
    throw resource_error(std::string("cannot be locked: ") + std::strerror(reason), path.string(),
                         "keep the index on a disk of this machine");
  }
  ~Lock() {
    if (made_ && ::lseek(fd_, 0, SEEK_END) == 0) ::unlink(path_.c_str());  // nothing came of it
    ::close(fd_);
  }

 private:
  fs::path path_;
  int fd_ = -1;
  bool made_ = false;
};

SoundIndex::SoundIndex(const fs::path& path, Access access) : path_(path) {
  if (access != Access::kRead) lock_ = std::make_unique<Lock>(path, access == Access::kCreate);
  const auto how = access == Access::kRead    ? Database::Open::kRead
                   : access == Access::kWrite ? Database::Open::kWrite
                                              : Database::Open::kCreate;
  db_ = std::make_unique<Database>(path, how);
  db_->run("PRAGMA foreign_keys = ON");
  db_->run("PRAGMA synchronous = NORMAL");
  if (access == Access::kRead) db_->run("PRAGMA mmap_size = 1099511627776");
  if (access == Access::kCreate && db_->number("SELECT count(*) FROM sqlite_master") == 0 &&
      db_->number("PRAGMA application_id") == 0)
    return;  // new
  check_form();
}

SoundIndex::~SoundIndex() = default;
SoundIndex::SoundIndex(SoundIndex&&) noexcept = default;

void SoundIndex::check_form() {
  if (db_->number("PRAGMA application_id") != kApplication)
    throw data_error("is no index of af2", path_.string(), "name a file that `af2 index` wrote");
  const std::int64_t form = db_->number("PRAGMA user_version");
  if (form != kForm)
    throw data_error(
        "is an index of form " + std::to_string(form) + ", this af2 reads form " + std::to_string(kForm),
        path_.string(), form > kForm ? "use a newer af2" : "index the sounds again into a new file");
  std::map<std::string, std::string> found;
  for (Statement all(*db_, "SELECT name, value FROM facts"); all.step();) found[all.text(0)] = all.text(1);
  IndexFacts facts;
  try {
    facts.model_name = found.at("model_name");
    facts.model_sha256 = found.at("model_sha256");
    facts.dims = std::stoi(found.at("dims"));
    facts.window_s = std::stod(found.at("window_s"));
    facts.hop_s = std::stod(found.at("hop_s"));
    facts.channels = found.at("channels");
    facts.dtype = found.at("dtype");
  } catch (const std::exception&) {
    facts.dims = 0;
  }
  if (facts.dims < 1 || facts.dims > (1 << 20) || !(facts.window_s > 0) || !(facts.hop_s > 0))
    throw data_error("is damaged: its table of facts is not complete", path_.string(),
                     "delete it and index the sounds again");
  facts_ = facts;
}

void SoundIndex::make_tables(const IndexFacts& facts) {
  db_->run("PRAGMA page_size = 16384");  // several vectors a page
  db_->run("PRAGMA journal_mode = WAL");
  Transaction change(*db_);
  db_->run(kTables);
  db_->run("PRAGMA application_id = " + std::to_string(kApplication));
  db_->run("PRAGMA user_version = " + std::to_string(kForm));
  Statement insert(*db_, "INSERT INTO facts VALUES(?, ?)");
  const auto text = [&](std::string_view name, std::string_view value) {
    insert.bind(1, name).bind(2, value).run();
  };
  text("model_name", facts.model_name);
  text("model_sha256", facts.model_sha256);
  text("channels", facts.channels);
  text("dtype", facts.dtype);
  insert.bind(1, "dims").bind(2, static_cast<std::int64_t>(facts.dims)).run();
  insert.bind(1, "window_s").bind(2, facts.window_s).run();
  insert.bind(1, "hop_s").bind(2, facts.hop_s).run();
  insert.bind(1, "generation").bind(2, std::int64_t{0}).run();
  change.commit();
}

void SoundIndex::check_model(const std::string& name, const std::string& sha256) const {
  if (facts_->model_sha256 == sha256) return;
  throw user_error("holds vectors of the model " + facts_->model_name + " (" +
                       short_sha(facts_->model_sha256) + "), not of " + name + " (" + short_sha(sha256) + ")",
                   path_.string(), "name that model with -m, or index the sounds into another file");
}

void SoundIndex::settle(const IndexFacts& wanted) {
  if (is_new()) {
    make_tables(wanted);
    facts_ = wanted;
    return;
  }
  check_model(wanted.model_name, wanted.model_sha256);
  const std::string here = settings_text(*facts_), asked = settings_text(wanted);
  if (here != asked || facts_->dims != wanted.dims)
    throw user_error("holds " + here + ", not " + asked, path_.string(),
                     "leave out these flags, or index the sounds into another file");
}

std::vector<IndexedFile> SoundIndex::files() {
  Statement all(
      *db_,
      "SELECT files.id, folders.path, name, size, mtime_ns, sha256, seconds, warnings, error, "
      "(SELECT count(*) FROM windows WHERE file = files.id) FROM files JOIN folders ON folders.id = folder");
  std::vector<IndexedFile> found;
  while (all.step()) {
    IndexedFile file;
    file.id = all.integer(0), file.root = all.text(1), file.name = all.text(2);
    file.size = all.integer(3), file.mtime_ns = all.integer(4), file.sha256 = all.text(5);
    file.seconds = all.real(6), file.warnings = all.text(7), file.error = all.text(8);
    file.n_windows = all.integer(9);
    found.push_back(std::move(file));
  }
  std::sort(found.begin(), found.end(),
            [](const IndexedFile& a, const IndexedFile& b) { return a.path() < b.path(); });
  return found;
}

std::int64_t SoundIndex::n_windows() {
  return db_->number("SELECT count(*) FROM windows");
}

std::int64_t SoundIndex::generation() {
  return db_->number("SELECT value FROM facts WHERE name = 'generation'");
}

VectorTable SoundIndex::vectors() {
  db_->run("BEGIN");  // one state of the file for both reads
  VectorTable table;
  table.dims = facts_->dims;
  std::unordered_map<std::int64_t, std::int32_t> rank;
  for (const IndexedFile& file : files()) {
    rank[file.id] = static_cast<std::int32_t>(table.paths.size());
    table.paths.push_back(file.path());
  }
  const auto rows = static_cast<std::size_t>(n_windows());
  const std::size_t bytes = static_cast<std::size_t>(table.dims) * sizeof(float);
  table.values.reserve(rows * static_cast<std::size_t>(table.dims));
  table.ids.reserve(rows), table.file.reserve(rows), table.onset_s.reserve(rows),
      table.offset_s.reserve(rows);
  Statement all(*db_, "SELECT id, file, onset, \"offset\", vector FROM windows ORDER BY id");
  while (all.step()) {
    const auto blob = all.blob(4);
    const auto owner = rank.find(all.integer(1));
    if (blob.size() != bytes || owner == rank.end())
      throw data_error("is damaged: window " + std::to_string(all.integer(0)) + " does not fit",
                       path_.string(), "delete it and index the sounds again");
    const std::size_t at = table.values.size();
    table.values.resize(at + static_cast<std::size_t>(table.dims));
    std::memcpy(table.values.data() + at, blob.data(), bytes);
    table.ids.push_back(all.integer(0));
    table.file.push_back(owner->second);
    table.onset_s.push_back(all.real(2));
    table.offset_s.push_back(all.real(3));
  }
  db_->run("COMMIT");
  return table;
}

std::int64_t SoundIndex::put_row(const IndexedFile& file) {
  Statement(*db_, "INSERT OR IGNORE INTO folders(path) VALUES(?)").bind(1, std::string_view(file.root)).run();
  Statement(*db_, "DELETE FROM files WHERE folder = (SELECT id FROM folders WHERE path = ?) AND name = ?")
      .bind(1, std::string_view(file.root))
      .bind(2, std::string_view(file.name))
      .run();
  Statement insert(*db_,
                   "INSERT INTO files(folder, name, size, mtime_ns, sha256, seconds, warnings, error) "
                   "VALUES((SELECT id FROM folders WHERE path = ?), ?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, std::string_view(file.root)).bind(2, std::string_view(file.name));
  insert.bind(3, file.size).bind(4, file.mtime_ns).bind(6, file.seconds);
  bind_text_or_null(insert, 5, file.sha256);
  bind_text_or_null(insert, 7, file.warnings);
  bind_text_or_null(insert, 8, file.error);
  insert.run();
  return db_->last_id();
}

void SoundIndex::count_change() {
  db_->run("UPDATE facts SET value = value + 1 WHERE name = 'generation'");
}

std::int64_t SoundIndex::put(const IndexedFile& file, std::span<const IndexedWindow> windows) {
  Transaction change(*db_);
  const std::int64_t id = put_row(file);
  Statement insert(*db_, "INSERT INTO windows(file, onset, \"offset\", vector) VALUES(?, ?, ?, ?)");
  for (const IndexedWindow& window : windows) {
    if (window.vector.size() != static_cast<std::size_t>(facts_->dims))
      throw internal_error("a vector of another width", file.path());
    insert.bind(1, id).bind(2, window.onset_s).bind(3, window.offset_s);
    insert.bind(4, std::as_bytes(std::span(window.vector))).run();
  }
  count_change();
  change.commit();
  return id;
}

std::int64_t SoundIndex::put_copy(const IndexedFile& file, std::int64_t of) {
  Transaction change(*db_);
  const std::int64_t id = put_row(file);
  Statement copy(*db_,
                 "INSERT INTO windows(file, onset, \"offset\", vector) "
                 "SELECT ?, onset, \"offset\", vector FROM windows WHERE file = ? ORDER BY id");
  copy.bind(1, id).bind(2, of).run();
  count_change();
  change.commit();
  return id;
}

void SoundIndex::touch(std::int64_t id, std::int64_t size, std::int64_t mtime_ns) {
  Transaction change(*db_);
  Statement(*db_, "UPDATE files SET size = ?, mtime_ns = ? WHERE id = ?")
      .bind(1, size)
      .bind(2, mtime_ns)
      .bind(3, id)
      .run();
  change.commit();
}

void SoundIndex::remove(std::span<const std::int64_t> ids) {
  if (ids.empty()) return;
  Transaction change(*db_);
  Statement gone(*db_, "DELETE FROM files WHERE id = ?");
  for (const std::int64_t id : ids) gone.bind(1, id).run();
  db_->run("DELETE FROM folders WHERE id NOT IN (SELECT folder FROM files)");
  count_change();
  change.commit();
}

std::string SoundIndex::note(const std::string& name) {
  Statement one(*db_, "SELECT value FROM notes WHERE name = ?");
  one.bind(1, std::string_view(name));
  return one.step() ? one.text(0) : "";
}

void SoundIndex::set_note(const std::string& name, const std::string& text) {
  Transaction change(*db_);
  Statement(*db_, "INSERT OR REPLACE INTO notes VALUES(?, ?)")
      .bind(1, std::string_view(name))
      .bind(2, std::string_view(text))
      .run();
  change.commit();
}

bool is_sound_index(const fs::path& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (!file) return false;
  unsigned char head[72] = {};
  const bool whole = std::fread(head, 1, sizeof head, file) == sizeof head;
  std::fclose(file);
  const std::int64_t id = head[68] << 24 | head[69] << 16 | head[70] << 8 | head[71];
  return whole && std::memcmp(head, "SQLite format 3", 16) == 0 && id == kApplication;
}

}  // namespace af2
