// Writes the tokenizer.json of a byte-level BPE whose lists a GGUF holds, as the `tokenizers` library reads
// it.
//
// Reading one: byte_bpe.h. Not for tokenizers of other kinds. Thread rule: pure function.
//
//   std::optional<std::string> json = tokenizer_json_of(lists, /*begin=*/"");
#pragma once

#include <optional>
#include <string>

#include "af2/text/byte_bpe.h"

namespace af2 {

// tokenizer.ggml.token_type.
inline constexpr int kPlainToken = 1, kControlToken = 3, kUserToken = 4, kUnusedToken = 5;

// `begin`: a token of the lists that the library shall put before every text ("": none; af2 itself never
// does). Unused tokens at the end, which only pad the lists to the rows of an embedding, are left out.
// Nothing where no such file would give the same ids: tokens that are no UTF-8 or stand there twice, types
// that byte-level BPE has not, an unknown pre-tokeniser; what is written is read again and compared.
std::optional<std::string> tokenizer_json_of(TokenizerLists lists, const std::string& begin);

}  // namespace af2
