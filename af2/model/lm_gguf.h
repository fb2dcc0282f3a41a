// The language model in GGUF: which tensor of the file is which of the decoder, read and written by one
// table.
//
// Llama files store the q and k rows of a head so that rotary pairs (j, j + dh/2) lie beside each other; the
// decoder has them as Hugging Face does. Qwen2 files do not. Thread rule: not reentrant on one decoder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "af2/io/gguf.h"
#include "af2/model/decoder.h"

namespace af2 {

// One tensor of the file: a matrix (`layer`) or a vector.
struct LmGgufTensor {
  std::string name;
  Linear layer{nullptr};
  torch::Tensor vector;
  bool vocabulary = false;  // embedding or output projection
  int permuted_heads = 0;   // of a q or k matrix of a Llama file; 0: rows as in the decoder
};

// In the order of llama.cpp's files. Added tokens are not among them: they are no part of the language model.
std::vector<LmGgufTensor> lm_gguf_tensors(DecoderImpl& decoder);

// Row r of the decoder's matrix lies at row result[r] of the file; empty when nothing is permuted.
std::vector<std::int64_t> row_in_file(const LmGgufTensor& tensor);
// Row r of the file is row result[r] of the decoder's matrix; empty when nothing is permuted.
std::vector<std::int64_t> row_in_decoder(const LmGgufTensor& tensor);

// Sizes of the language model from GGUF metadata (Llama and Qwen2). Throws kModel for other architectures and
// for scaled rotary positions.
LmConfig lm_config_from_gguf(const Gguf& file);
// The metadata that gives these sizes back; no tokenizer.
GgufMetadata lm_gguf_metadata(const LmConfig& config, const std::string& name);

enum class MatrixForm {
  kFloat32,   // read to float32: for training
  kMapped,    // left in the mapped file, which must then outlive the layer; permuted float32 rows are read
  kAsStored,  // left there in any case: for conversion, products with permuted float32 rows are slow
};

// Fills one layer. `rows_in_file` as row_in_file. Throws kModel for a missing or misshaped tensor.
void read_matrix(const Gguf& file, const std::string& name, LinearImpl& layer, MatrixForm form,
                 std::vector<std::int64_t> rows_in_file = {});

// Fills the decoder.
void load_decoder(const Gguf& file, DecoderImpl& decoder, MatrixForm form);

}  // namespace af2
