// What a frozen tower hears in clips, kept on disk: a clip of a training set is read and heard once, however
// many passes or runs follow (docs/spec/training.md section 4, [ours]).
//
// One SQLite file a tower: its name is the hash of the tower's weights and of how sound is cut into windows.
// A clip is known by path, size, time of change, stretch and number of windows, so that looking one up opens
// no sound file. Values are bfloat16: 64 tokens of 2048 take 256 kB a window. Thread rule: any thread;
// several processes may share the file.
//
//   TokenStore store("runs/tokens", tower_hash);
//   const std::string key = TokenStore::key(item);
//   if (auto known = store.find(key)) use(*known); else store.put(key, hear(item));
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "af2/data/train_sets.h"

namespace af2 {

class TokenStore {
 public:
  // Creates folder/HASH.sqlite where it is missing. Throws kData, kResource; kUser without SQLite.
  TokenStore(const std::filesystem::path& folder, const std::string& tower_hash);
  ~TokenStore();
  TokenStore(const TokenStore&) = delete;
  TokenStore& operator=(const TokenStore&) = delete;

  // Of an item whose sound is there; "" where it is not.
  static std::string key(const TrainItem& item);
  // [W, S, D] bfloat16.
  std::optional<torch::Tensor> find(const std::string& key) const;
  void put(const std::string& key, const torch::Tensor& tokens);
  const std::filesystem::path& path() const { return path_; }

 private:
  struct Data;
  std::filesystem::path path_;
  std::unique_ptr<Data> data_;
};

}  // namespace af2
