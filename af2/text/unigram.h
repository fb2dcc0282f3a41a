// SentencePiece tokenizers: the text side of T5, by the sentencepiece library.
//
// Gives the ids of the model file alone: no end token, no extra ids; what a text tower appends is its own
// matter (af2/model/clap.h). Special tokens written in a text are plain text. Not for byte-level BPE
// (af2/text/byte_bpe.h). A build without sentencepiece cannot open one (kUser). Thread rule: constant after
// open, encode may run in many threads.
//
//   Unigram words = Unigram::open("spiece.model");
//   std::vector<int> ids = words.encode("a dog barks");
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace af2 {

class Unigram {
 public:
  // Throws kData for a file that cannot be read or is no SentencePiece model.
  static Unigram open(const std::filesystem::path& path);

  // Token ids; bytes that are no UTF-8 are replaced by U+FFFD first.
  std::vector<int> encode(std::string_view text) const;
  int size() const;  // of the vocabulary

 private:
  struct Data;
  std::shared_ptr<const Data> data_;
};

}  // namespace af2
