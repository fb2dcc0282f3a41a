// SQLite as af2 uses it: a file, statements, transactions, and errors as af2's own.
//
// Internal to af2/index; sqlite3.h stays in sqlite.cpp. Thread rule: one owner.
//
//   Database db(path, Database::Open::kWrite);
//   Statement insert(db, "INSERT INTO files(path) VALUES(?)");
//   Transaction change(db);
//   insert.bind(1, "a.wav").run();
//   change.commit();   // without it the destructor rolls back
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "af2/core/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace af2 {

class Database {
 public:
  enum class Open { kRead, kWrite, kCreate };
  // Throws kData for what is no database or a damaged one, kResource for a place that cannot be read or
  // written.
  Database(const std::filesystem::path& path, Open how);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void run(const std::string& sql);
  // The first column of the first row; 0 where there is none.
  std::int64_t number(const std::string& sql);
  std::int64_t last_id() const;
  sqlite3* handle() const { return db_; }
  // What SQLite's last call failed with, as an error that says what to do.
  Error error(int code) const;

 private:
  void open(const std::string& uri, int flags);
  std::filesystem::path path_;
  sqlite3* db_ = nullptr;
};

class Statement {
 public:
  Statement(Database& db, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Parameters count from 1. Texts and blobs must live until the next run or step.
  Statement& bind(int at, std::int64_t value);
  Statement& bind(int at, double value);
  Statement& bind(int at, std::string_view text);
  Statement& bind(int at, std::span<const std::byte> blob);
  Statement& bind_null(int at);
  // Whether there is another row.
  bool step();
  // All of it, for statements without rows; ready for the next run.
  void run();
  void reset();

  // Columns count from 0; blobs live until the next step.
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  std::span<const std::byte> blob(int column) const;
  bool is_null(int column) const;

 private:
  Database& db_;
  sqlite3_stmt* statement_ = nullptr;
};

class Transaction {
 public:
  explicit Transaction(Database& db);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& db_;
  bool open_ = true;
};

}  // namespace af2
