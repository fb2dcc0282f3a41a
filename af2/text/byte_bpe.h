// Byte-level BPE: text to token ids and back, for GPT-2, SmolLM2, Qwen2 and Llama 3 tokenizers.
//
// Gives the ids of Hugging Face's `tokenizers` with add_special_tokens=False: no begin or end token is put
// in, post-processors are not run. Not for SentencePiece (unigram), nor for prompts (af2/text/prompt.h).
// Reads no GGUF: a caller hands over the lists of its metadata. A build without ICU encodes ASCII only (else
// kUser). Thread rule: every const member may run in many threads; add_token needs the object to itself.
//
//   ByteBpe bpe = ByteBpe::from_tokenizer_json("models/qwen/tokenizer.json");
//   const int sep = bpe.add_token("<SEP>");
//   std::vector<int> ids = bpe.encode("what is heard?<SEP>");   // ends in sep
//   std::string text = bpe.decode(ids);                         // "what is heard?<SEP>"
//   StreamDecoder (af2/text/stream.h) prints ids as they come.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "af2/text/added_tokens.h"
#include "af2/text/bpe_merges.h"
#include "af2/text/pre_tokenizer.h"

namespace af2 {

// What a tokenizer is made of, whatever file it came from. Strings are in the byte alphabet of GPT-2 (each
// byte a printable character, a space is U+0120), added tokens as they are.
struct BpeParts {
  std::vector<std::pair<std::string, int>> vocab{};           // token and id; ids unique, gaps allowed
  std::vector<std::pair<std::string, std::string>> merges{};  // by rank
  std::vector<std::pair<AddedToken, int>> added{};
  PreTokenizer pre{};
  bool nfc = false;            // normalise to NFC
  bool ignore_merges = false;  // a word that is a token needs no merging (Llama 3)
  std::string unk_token{};  // for bytes without a token; empty: such bytes give nothing, as in the reference
  bool fuse_unk = false;    // one unknown token for a run of them
  std::string begin{};  // what the file's post-processor puts before a text, for other programs: not run here
  std::string where = "tokenizer";
};

// The parts of a Hugging Face tokenizer.json; what is refused: see ByteBpe::from_tokenizer_json.
BpeParts read_tokenizer_json(const std::filesystem::path& path);
BpeParts read_tokenizer_json_text(std::string_view json, const std::string& where = "tokenizer.json");

// A tokenizer as GGUF metadata holds it (ByteBpe::from_lists).
struct TokenizerLists {
  std::string pre;  // tokenizer.ggml.pre
  std::vector<std::string> tokens, merges;
  std::vector<int> types;  // 1 plain, 3 control, 4 user defined
};
// Nothing where the lists cannot say the same: ids with gaps, an unknown token, another pre-tokeniser.
std::optional<TokenizerLists> lists_of(const BpeParts& parts);

class ByteBpe {
 public:
  // Throws kModel for parts that do not fit together (merge of unknown tokens, doubled ids).
  explicit ByteBpe(const BpeParts& parts);

  // Hugging Face tokenizer.json: model BPE without byte fallback; merges as "a b" or ["a", "b"]; normalizer
  // NFC or none; pre_tokenizer ByteLevel, Digits, Split of a known pattern, or a Sequence of these. Throws
  // kData when it cannot be read or is no such JSON, kModel naming the part that is not supported.
  static ByteBpe from_tokenizer_json(const std::filesystem::path& path);
  static ByteBpe from_tokenizer_json_text(std::string_view json, const std::string& where = "tokenizer.json");

  // The older pair of files; `pre` as in from_lists. They hold no added tokens: use add_token. Throws as
  // above.
  static ByteBpe from_vocab_and_merges(const std::filesystem::path& vocab_json,
                                       const std::filesystem::path& merges_txt, std::string_view pre);

  // The lists of GGUF metadata: tokenizer.ggml.tokens, .merges ("a b"), .token_type (3 control: special;
  // 4 user defined: an added token that is not special; others plain; an empty list: all plain) and .pre
  // ("smollm", "gpt-2", "qwen2" with NFC, "llama-bpe" with ignore_merges). Throws kModel.
  static ByteBpe from_lists(const std::vector<std::string>& tokens, const std::vector<std::string>& merges,
                            const std::vector<int>& token_types, std::string_view pre,
                            const std::string& where = "tokenizer");

  // Token ids of `text`; [n]. Invalid UTF-8 is first replaced as Python's errors="replace" does. With
  // parse_special = false special tokens written in the text are plain text (for text that is not trusted).
  // A byte that the vocabulary lacks gives no id (SmolLM2 lacks 21, among them U+0004), as in the reference.
  std::vector<int> encode(std::string_view text, bool parse_special = true) const;

  // Text of `ids`, always valid UTF-8: bytes that form no character become U+FFFD. skip_special leaves
  // special tokens out. Throws kUser for an id outside [0, size()).
  std::string decode(std::span<const int> ids, bool skip_special = false) const;

  // The bytes that a token stands for; may be part of a character. Empty for an id that a gap in the
  // vocabulary leaves without token. Throws kUser for an id outside [0, size()).
  const std::string& token_bytes(int id) const;

  // Whether `id` is a special token (false outside [0, size())).
  bool is_special(int id) const;

  // The id of a token as it is spelled in the file: "<SEP>", "\u0120the".
  std::optional<int> id_of(std::string_view token) const;

  // One more than the largest id: the rows that an embedding needs.
  int size() const { return static_cast<int>(bytes_of_.size()); }

  // Adds a special token with the next id and returns that. A token that is there keeps its id and becomes
  // special. Throws kUser for an empty one or invalid UTF-8.
  int add_token(std::string token);

 private:
  void add(AddedToken token, int id);
  void encode_plain(std::string_view text, std::vector<int>& ids) const;
  void encode_word(std::string_view word, std::vector<int>& ids) const;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using IdMap = std::unordered_map<std::string, int, Hash, std::equal_to<>>;
  struct Cache;
  struct CacheDelete {
    void operator()(Cache* cache) const;
  };

  std::vector<std::string> bytes_of_;  // by id
  std::vector<bool> special_;          // by id
  IdMap words_;                        // plain tokens by their bytes
  IdMap spelled_;                      // added tokens, and plain ones that are not in the byte alphabet
  std::array<int, 256> byte_id_{};     // token of each single byte, or -1
  BpeMerges merges_;
  AddedTokens raw_added_, normalized_added_;
  PreTokenizer pre_;
  bool nfc_ = false, ignore_merges_ = false, fuse_unk_ = false;
  int unk_id_ = -1;
  std::unique_ptr<Cache, CacheDelete> cache_;
};

}  // namespace af2
