#include "af2/text/unigram.h"

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/text/utf8.h"

#ifdef AF2_WITH_SENTENCEPIECE
#include <sentencepiece_processor.h>

namespace af2 {

struct Unigram::Data {
  sentencepiece::SentencePieceProcessor processor;
};

Unigram Unigram::open(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  auto data = std::make_shared<Data>();
  const auto status = data->processor.LoadFromSerializedProto(bytes);
  if (!status.ok() || data->processor.GetPieceSize() <= 0)
    throw data_error("is no SentencePiece model", path.string(),
                     "copy the file again (T5's is spiece.model)");
  Unigram words;
  words.data_ = std::move(data);
  return words;
}

std::vector<int> Unigram::encode(std::string_view text) const {
  std::vector<int> ids;
  const auto status = data_->processor.Encode(replace_invalid_utf8(text), &ids);
  if (!status.ok()) throw internal_error("sentencepiece: " + status.ToString());
  return ids;
}

int Unigram::size() const {
  return data_->processor.GetPieceSize();
}

}  // namespace af2

#else

namespace af2 {

struct Unigram::Data {};

Unigram Unigram::open(const std::filesystem::path& path) {
  throw user_error("needs SentencePiece, which this build is without", path.string(),
                   "build with -DAF2_WITH_SENTENCEPIECE=ON");
}

std::vector<int> Unigram::encode(std::string_view) const {
  return {};
}

int Unigram::size() const {
  return 0;
}

}  // namespace af2

#endif
