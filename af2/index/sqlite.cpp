#include "af2/index/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <system_error>

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr int kWait_ms = 5000;  // for a writer that is about to finish

// As a URI, so that options can follow.
std::string uri_of(const fs::path& path) {
  std::string uri = "file:";
  for (const char c : fs::absolute(path).string()) {
    const bool plain =
        std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '.' || c == '-' || c == '_';
    char code[4];
    std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned char>(c));
    uri += plain ? std::string(1, c) : code;
  }
  return uri;
}

// A folder in which SQLite cannot put its helper files, and no helper file with changes to read: then the
// file is all there is, and nobody can change it.
bool stands_alone(const fs::path& path) {
  std::error_code ignored;
  const fs::path folder = fs::absolute(path).parent_path();
  return ::faccessat(AT_FDCWD, folder.c_str(), W_OK, AT_EACCESS) != 0 &&
         !fs::exists(path.string() + "-wal", ignored);
}

}  // namespace

Error Database::error(int code) const {
  const std::string where = path_.string();
  const std::string reason = db_ ? sqlite3_errmsg(db_) : sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      return data_error("is no index of af2", where, "name a file that `af2 index` wrote");
    case SQLITE_CORRUPT:
      return data_error("is damaged: " + reason, where, "delete it and index the sounds again");
    case SQLITE_FULL:
      return resource_error(
          "cannot be written: the disk is full", where,
          "free some space; what was finished is kept, and the same command goes on from there");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return resource_error("cannot be opened for this: " + reason, where,
                            "check that file and folder are there and may be written");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return resource_error("is in use by another program", where, "try again when that has finished");
    case SQLITE_NOMEM:
      return resource_error("out of memory", where, "close other programs");
    case SQLITE_IOERR:
      return resource_error("cannot be read or written: " + reason, where,
                            "check the disk; what was finished is kept");
    default:
      return internal_error(reason, where);
  }
}

void Database::open(const std::string& uri, int flags) {
  if (db_) sqlite3_close(db_);
  db_ = nullptr;
  const int code = sqlite3_open_v2(uri.c_str(), &db_, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) {
    const Error failure = error(code);
    sqlite3_close(db_);
    db_ = nullptr;
    throw failure;
  }
  sqlite3_extended_result_codes(db_, 1);
  sqlite3_busy_timeout(db_, kWait_ms);
}

Database::Database(const fs::path& path, Open how) : path_(path) {
  std::error_code ignored;
  if (how != Open::kCreate && !fs::exists(path, ignored))
    throw data_error("there is no such file", path.string(), "`af2 index FOLDER -o FILE` makes one");
  if (fs::is_directory(path, ignored)) throw data_error("is a folder, not a file", path.string());
  const std::string uri = uri_of(path);
  if (how == Open::kRead) {
    const bool alone = stands_alone(path);
    open(uri + (alone ? "?immutable=1" : ""), SQLITE_OPEN_READONLY);
  } else {
    open(uri, SQLITE_OPEN_READWRITE | (how == Open::kCreate ? SQLITE_OPEN_CREATE : 0));
  }
  try {
    number("PRAGMA schema_version");  // reads the first page
  } catch (...) {
    sqlite3_close(db_);
    throw;
  }
}

Database::~Database() {
  sqlite3_close(db_);
}

void Database::run(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) throw error(code);
}

std::int64_t Database::number(const std::string& sql) {
  Statement one(*this, sql);
  return one.step() ? one.integer(0) : 0;
}

std::int64_t Database::last_id() const {
  return sqlite3_last_insert_rowid(db_);
}

Statement::Statement(Database& db, std::string_view sql) : db_(db) {
  const int code =
      sqlite3_prepare_v2(db.handle(), sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
  if (code != SQLITE_OK) throw db.error(code);
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

Statement& Statement::bind(int at, std::int64_t value) {
  sqlite3_bind_int64(statement_, at, value);
  return *this;
}
Statement& Statement::bind(int at, double value) {
  sqlite3_bind_double(statement_, at, value);
  return *this;
}
Statement& Statement::bind(int at, std::string_view text) {
  sqlite3_bind_text(statement_, at, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  return *this;
}
Statement& Statement::bind(int at, std::span<const std::byte> blob) {
  sqlite3_bind_blob(statement_, at, blob.data(), static_cast<int>(blob.size()), SQLITE_STATIC);
  return *this;
}
Statement& Statement::bind_null(int at) {
  sqlite3_bind_null(statement_, at);
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const Error failure = db_.error(code);
  sqlite3_reset(statement_);
  throw failure;
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

void Statement::reset() {
  sqlite3_reset(statement_);
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}
double Statement::real(int column) const {
  return sqlite3_column_double(statement_, column);
}
std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return bytes ? std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))) : "";
}
std::span<const std::byte> Statement::blob(int column) const {
  const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return {bytes, bytes ? static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)) : 0};
}
bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Transaction::Transaction(Database& db) : db_(db) {
  db.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    db_.run("ROLLBACK");
  } catch (const Error&) {  // SQLite has rolled back by itself
  }
}

void Transaction::commit() {
  db_.run("COMMIT");
  open_ = false;
}

}  // namespace af2
