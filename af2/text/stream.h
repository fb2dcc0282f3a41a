// Streaming detokenisation: tokens in, whole characters out.
//
// Holds back the bytes of a character until its last one has come; the pieces joined are what
// ByteBpe::decode gives for all ids. Not for stop strings. Thread rule: one object, one thread; the tokenizer
// is shared and must outlive it.
//
//   StreamDecoder out(bpe);
//   for (int id : ids) std::cout << out.push(id) << std::flush;
//   std::cout << out.flush();
#pragma once

#include <string>

#include "af2/text/byte_bpe.h"

namespace af2 {

class StreamDecoder {
 public:
  // With skip_special special tokens print nothing.
  explicit StreamDecoder(const ByteBpe& tokenizer, bool skip_special = true)
      : tokenizer_(&tokenizer), skip_special_(skip_special) {}

  // The text that `id` completes: valid UTF-8, may be empty. Bytes that can no longer become a character come
  // as U+FFFD. Throws kUser for an id that the tokenizer lacks.
  std::string push(int id);

  // The end of the text: an unfinished character comes as U+FFFD. The object is then as new.
  std::string flush();

 private:
  const ByteBpe* tokenizer_;
  bool skip_special_;
  std::string pending_;  // at most 3 bytes between calls
};

}  // namespace af2
