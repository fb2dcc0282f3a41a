// Damaged models of every layout: each either loads or is refused with an error that names what is wrong. A
// crash, an endless loop, a foreign exception or an internal error fails. The corpus is whole small models,
// damaged in a way that the case's number decides: bytes flipped, files cut, pieces doubled or blotted out,
// numbers in JSON made absurd. AF2_FUZZ_CASES=20000 runs more of them.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cctype>
#include <cstdlib>

#include "af2/core/error.h"
#include "af2/core/random.h"
#include "af2/generate/convert.h"
#include "published_checkpoint.h"

namespace af2 {
namespace {

namespace fs = std::filesystem;

int cases() {
  const char* wanted = std::getenv("AF2_FUZZ_CASES");
  return wanted ? std::atoi(wanted) : 150;
}

// A run of digits becomes a number that nobody expects.
void absurd_number(std::string& text, Random& rng) {
  static const std::vector<std::string> kAbsurd = {
      "0",   "-1",   "1",     "3",  "4294967295", "9223372036854775807", "99999999999999999999", "1e400",
      "0.5", "null", "\"x\"", "[]", "true"};
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (std::isdigit(static_cast<unsigned char>(text[i])) &&
        (i == 0 || !std::isalnum(static_cast<unsigned char>(text[i - 1]))))
      places.push_back(i);
  if (places.empty()) return;
  const std::size_t at = rng.pick(places);
  std::size_t end = at;
  while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end]))) ++end;
  text.replace(at, end - at, rng.pick(kAbsurd));
}

void damage(std::string& bytes, bool json, Random& rng) {
  if (bytes.empty()) return;
  // Most of it where the structure is: in the first kilobytes.
  const auto place = [&](std::size_t n) {
    const std::size_t span = rng.chance(0.7) ? std::min<std::size_t>(n, 4096) : n;
    return static_cast<std::size_t>(rng.below(span));
  };
  switch (rng.below(json ? 6 : 5)) {
    case 0:
      for (std::uint64_t i = 0, n = 1 + rng.below(4); i < n; ++i)
        bytes[place(bytes.size())] ^= static_cast<char>(1 << rng.below(8));
      break;
    case 1:
      bytes.resize(rng.below(bytes.size()));
      break;
    case 2: {
      const std::size_t at = place(bytes.size());
      bytes.insert(at, bytes.substr(at, 1 + rng.below(64)));
      break;
    }
    case 3: {
      const std::size_t at = place(bytes.size()),
                        n = std::min<std::size_t>(bytes.size() - at, 1 + rng.below(16));
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), n, rng.chance(0.5) ? '\xff' : '\0');
      break;
    }
    case 4: {
      const std::size_t at = place(bytes.size());
      bytes.erase(at, 1 + rng.below(32));
      break;
    }
    default:
      absurd_number(bytes, rng);
  }
}

class Damaged : public test::Published {
 protected:
  // Damages one file of `model` per case, tries to load, and puts the file back.
  void try_all(const fs::path& model, const std::string& name, const LoadOptions& options = {}) {
    std::vector<fs::path> files;
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::is_directory(model) ? model : model.parent_path()))
      if (entry.is_regular_file() && entry.path().filename() != "SHA256SUMS" &&
          entry.path().parent_path().filename() != "clap_ckpt")
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    ASSERT_NO_THROW(load_model_folder(model, options));
    int refused = 0;
    for (int i = 0; i < cases(); ++i) {
      Random rng("af2/fuzz/1/" + name + "/" + std::to_string(i));
      const fs::path& file = rng.pick(files);
      const std::string whole = read_file(file);
      std::string bytes = whole;
      // A safetensors header is JSON between bytes.
      damage(bytes, file.extension() == ".json" || file.extension() == ".safetensors", rng);
      write_file_atomic(file, bytes);
      try {
        load_model_folder(model, options);
      } catch (const Error& error) {
        ++refused;
        EXPECT_NE(error.kind(), ErrorKind::kInternal) << name << " case " << i << ": " << error.what();
      } catch (const std::exception& error) {
        ADD_FAILURE() << name << " case " << i << ", " << file.filename()
                      << ": a foreign exception: " << error.what();
      }
      write_file_atomic(file, whole);
    }
    EXPECT_GT(refused, cases() / 4) << name;  // else the damage does not reach the readers
  }
};

TEST_F(Damaged, PublishedCheckpoint) {
  write(true, SaveType::kF32);
  try_all(folder, "published");
}

TEST_F(Damaged, CheckpointOfTheTrainingCode) {
  write(true, SaveType::kF32);
  test::write_torch_file(folder / "checkpoint_3.pt", tensors);
  fs::remove_all(folder / "safe_ckpt");
  fs::remove_all(folder / "clap_ckpt");
  LoadOptions options;
  options.generation = "2025-06";
  try_all(folder / "checkpoint_3.pt", "training", options);
}

TEST_F(Damaged, ConvertedFolder) {
  write(true, SaveType::kF32);
  ConvertOptions options;
  options.type = "q4_0";
  options.adapter_type = "i8";
  convert_model(folder, scratch / "lean", options);
  try_all(scratch / "lean", "lean");
}

}  // namespace
}  // namespace af2
