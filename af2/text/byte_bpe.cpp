#include "af2/text/byte_bpe.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "af2/core/error.h"
#include "af2/text/byte_alphabet.h"
#include "af2/text/unicode.h"
#include "af2/text/utf8.h"

namespace af2 {
namespace {

constexpr int kMaxGap = 65536;  // ids that a vocabulary may leave unused: guards against wild allocation
constexpr std::size_t kCacheWords = 16384, kCacheWordBytes = 64;

// Messages show strings of unknown origin: valid UTF-8 and not too long.
std::string shown(std::string_view token) {
  return "'" + replace_invalid_utf8(token.substr(0, 80)) + (token.size() > 80 ? "...'" : "'");
}

}  // namespace

// Words seen before and their ids; filled until full, then only read.
struct ByteBpe::Cache {
  std::mutex mutex;
  std::unordered_map<std::string, std::vector<int>, Hash, std::equal_to<>> words;
};

void ByteBpe::CacheDelete::operator()(Cache* cache) const {
  delete cache;
}

ByteBpe::ByteBpe(const BpeParts& parts)
    : merges_(parts.merges.size()),
      pre_(parts.pre),
      nfc_(parts.nfc),
      ignore_merges_(parts.ignore_merges),
      fuse_unk_(parts.fuse_unk),
      cache_(new Cache) {
  const auto bad = [&](std::string what) { return model_error(std::move(what), parts.where); };
  if (parts.vocab.empty()) throw bad("the vocabulary is empty");
  if (parts.vocab.size() + parts.added.size() > (1u << 28)) throw bad("the vocabulary is too large");

  const int limit = static_cast<int>(parts.vocab.size() + parts.added.size()) + kMaxGap;
  int top = -1;
  const auto check_id = [&](const std::string& token, int id) {
    if (id < 0 || id >= limit) throw bad("token " + shown(token) + " has the id " + std::to_string(id));
    top = std::max(top, id);
  };
  for (const auto& [token, id] : parts.vocab) check_id(token, id);
  for (const auto& [token, id] : parts.added) check_id(token.content, id);
  bytes_of_.resize(static_cast<std::size_t>(top) + 1);
  special_.resize(bytes_of_.size());

  std::vector<bool> taken(bytes_of_.size());
  words_.reserve(parts.vocab.size());
  for (const auto& [token, id] : parts.vocab) {
    if (taken[id]) throw bad("two tokens have the id " + std::to_string(id));
    taken[id] = true;
    std::optional<std::string> bytes = bytes_of_spelling(token);
    const bool fresh = bytes ? words_.emplace(*bytes, id).second : spelled_.emplace(token, id).second;
    if (!fresh) throw bad("token " + shown(token) + " is there twice");
    bytes_of_[id] = bytes ? std::move(*bytes) : token;
  }
  byte_id_.fill(-1);
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(static_cast<unsigned char>(b));
    if (const auto at = words_.find(std::string_view(&byte, 1)); at != words_.end()) byte_id_[b] = at->second;
  }

  for (const auto& [left, right] : parts.merges) {
    const std::optional<int> a = id_of(left), b = id_of(right), ab = id_of(left + right);
    if (!a || !b || !ab) {
      throw bad("merge " + shown(left) + " + " + shown(right) + " names a token that the vocabulary lacks");
    }
    merges_.add(*a, *b, *ab);
  }
  if (!parts.unk_token.empty()) {
    const std::optional<int> unk = id_of(parts.unk_token);
    if (!unk) throw bad("the vocabulary lacks the unknown token " + shown(parts.unk_token));
    unk_id_ = *unk;
  }

  for (const auto& [token, id] : parts.added) {
    if (token.content.empty()) continue;
    const std::optional<int> known = id_of(token.content);
    if (known && *known != id) {
      throw bad("added token " + shown(token.content) + " has the ids " + std::to_string(*known) + " and " +
                std::to_string(id));
    }
    if (!known && taken[id]) throw bad("two tokens have the id " + std::to_string(id));
    taken[id] = true;
    add(token, id);
  }
}

void ByteBpe::add(AddedToken token, int id) {
  bytes_of_[id] = token.content;
  special_[id] = token.special;
  spelled_[token.content] = id;
  if (token.normalized && nfc_) token.content = to_nfc(token.content);
  (token.normalized ? normalized_added_ : raw_added_).add(std::move(token), id);
}

int ByteBpe::add_token(std::string token) {
  if (token.empty() || !is_valid_utf8(token)) {
    throw user_error("not a token: " + shown(token), "added token",
                     "give a string of valid UTF-8, not empty");
  }
  const int id = id_of(token).value_or(size());
  if (id == size()) {
    bytes_of_.emplace_back();
    special_.push_back(true);
  }
  add({.content = std::move(token)}, id);
  return id;
}

std::optional<int> ByteBpe::id_of(std::string_view token) const {
  if (const auto at = spelled_.find(token); at != spelled_.end()) return at->second;
  const std::optional<std::string> bytes = bytes_of_spelling(token);
  if (!bytes) return std::nullopt;
  const auto at = words_.find(*bytes);
  return at == words_.end() ? std::nullopt : std::optional<int>(at->second);
}

std::vector<int> ByteBpe::encode(std::string_view text, bool parse_special) const {
  const std::string clean = replace_invalid_utf8(text);
  std::vector<int> ids;
  for (const AddedTokens::Part& part : raw_added_.match(clean, parse_special)) {
    if (part.id >= 0) {
      ids.push_back(part.id);
      continue;
    }
    const std::string normal = nfc_ ? to_nfc(part.text) : std::string(part.text);
    for (const AddedTokens::Part& inner : normalized_added_.match(normal, parse_special)) {
      if (inner.id >= 0) {
        ids.push_back(inner.id);
      } else {
        encode_plain(inner.text, ids);
      }
    }
  }
  return ids;
}

void ByteBpe::encode_plain(std::string_view text, std::vector<int>& ids) const {
  std::vector<int> word_ids;
  for (const std::string_view word : pre_.split(text)) {
    if (word.size() > kCacheWordBytes) {
      word_ids.clear();
      encode_word(word, word_ids);
      ids.insert(ids.end(), word_ids.begin(), word_ids.end());
      continue;
    }
    {
      const std::lock_guard lock(cache_->mutex);
      if (const auto at = cache_->words.find(word); at != cache_->words.end()) {
        ids.insert(ids.end(), at->second.begin(), at->second.end());
        continue;
      }
    }
    word_ids.clear();
    encode_word(word, word_ids);
    ids.insert(ids.end(), word_ids.begin(), word_ids.end());
    const std::lock_guard lock(cache_->mutex);
    if (cache_->words.size() < kCacheWords) cache_->words.emplace(word, word_ids);
  }
}

void ByteBpe::encode_word(std::string_view word, std::vector<int>& ids) const {
  if (ignore_merges_) {
    if (const auto at = words_.find(word); at != words_.end()) {
      ids.push_back(at->second);
      return;
    }
  }
  bool after_unknown = false;
  for (const char c : word) {
    const int id = byte_id_[static_cast<unsigned char>(c)];
    if (id >= 0) {
      ids.push_back(id);
    } else if (unk_id_ >= 0 && !(fuse_unk_ && after_unknown)) {
      ids.push_back(unk_id_);
    }
    after_unknown = id < 0;
  }
  merges_.apply(ids);
}

const std::string& ByteBpe::token_bytes(int id) const {
  if (id < 0 || id >= size()) {
    throw user_error("token id " + std::to_string(id) + " is not in 0.." + std::to_string(size() - 1),
                     "tokenizer");
  }
  return bytes_of_[id];
}

bool ByteBpe::is_special(int id) const {
  return id >= 0 && id < size() && special_[id];
}

std::string ByteBpe::decode(std::span<const int> ids, bool skip_special) const {
  std::string bytes;
  for (const int id : ids) {
    const std::string& token = token_bytes(id);
    if (!skip_special || !special_[id]) bytes += token;
  }
  return replace_invalid_utf8(bytes);
}

}  // namespace af2
