// Tokenizers where models keep them: files beside the weights, or lists in a GGUF. Read, and carried from one
// to the other.
//
// Not for what a tokenizer does (af2/text). Thread rule: free functions.
//
//   if (holds_tokenizer(folder)) ByteBpe words = tokenizer_in(folder);
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "af2/io/gguf.h"
#include "af2/text/byte_bpe.h"

namespace af2 {

// tokenizer.json, or vocab.json with merges.txt.
bool holds_tokenizer(const std::filesystem::path& folder);
ByteBpe tokenizer_in(const std::filesystem::path& folder);

// Of a GGUF's metadata. Throws kModel where it holds none, or none of byte-level BPE.
ByteBpe tokenizer_of(const Gguf& file);

// Copies the files of a tokenizer that are there, those above and what other programs read beside them;
// returns their names.
std::vector<std::string> copy_tokenizer(const std::filesystem::path& from, const std::filesystem::path& to);

// The lists of `folder`/tokenizer.json and what other programs need to use them, for a GGUF of a language
// model whose embedding has `vocab` rows (rows without a token get unused ones). Empty where the lists would
// not say the same.
GgufMetadata tokenizer_metadata(const std::filesystem::path& folder, int vocab);

// The way back: tokenizer.json and tokenizer_config.json of a GGUF's metadata. False, and nothing written,
// where no tokenizer.json would give the same ids.
bool write_tokenizer_files(const Gguf& file, const std::filesystem::path& folder);

}  // namespace af2
