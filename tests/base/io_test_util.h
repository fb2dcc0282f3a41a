// Helpers of the io tests: exact heap copies (so that ASan sees one byte too many), a scratch folder,
// mutations.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "../scratch.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/random.h"
#include "af2/io/tensor_view.h"

namespace af2::io_test {

inline std::filesystem::path data_file(const std::string& name) {
  return std::filesystem::path(AF2_SOURCE_DIR) / "tests/data/io" / name;
}

using test::Scratch;

using Bytes = std::vector<std::byte>;

inline Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return Bytes(bytes.begin(), bytes.end());
}

template <class T>
Bytes bytes_of_values(const std::vector<T>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return Bytes(bytes.begin(), bytes.end());
}

// The error that `call` throws; its kind must be kData or kModel.
template <class Call>
Error error_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_TRUE(error.kind() == ErrorKind::kData || error.kind() == ErrorKind::kModel) << error.what();
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return internal_error("nothing was thrown");
}

template <class Call>
std::string message_of(Call call) {
  return error_of(call).what();
}

// Parses `valid` with 1 to 4 random bytes changed, `count` times; `parse` may throw only kData or kModel.
// Returns how many were refused.
template <class Parse>
int flip_bytes(const Bytes& valid, std::string_view seed, int count, Parse parse) {
  int refused = 0;
  for (int i = 0; i < count; ++i) {
    Random rng(std::string(seed) + "/" + std::to_string(i));
    Bytes copy = valid;
    // Half of the changes go to the first 200 bytes, where sizes and types are dense.
    for (int n = rng.range(1, 4); n > 0; --n) {
      const std::size_t reach = rng.chance(0.5) ? std::min<std::size_t>(200, copy.size()) : copy.size();
      static constexpr int kNasty[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
      copy[rng.below(reach)] =
          static_cast<std::byte>(rng.chance(0.5) ? kNasty[rng.below(5)] : static_cast<int>(rng.below(256)));
    }
    try {
      parse(copy);
    } catch (const Error& error) {
      EXPECT_TRUE(error.kind() == ErrorKind::kData || error.kind() == ErrorKind::kModel) << error.what();
      ++refused;
    }
  }
  return refused;
}

// `parse` of every shorter prefix down to nothing must be refused, except those of at least `allowed` bytes.
template <class Parse>
void cut_everywhere(const Bytes& valid, std::size_t allowed, Parse parse) {
  for (std::size_t size = 0; size < valid.size(); ++size) {
    const Bytes cut(valid.begin(), valid.begin() + static_cast<std::ptrdiff_t>(size));
    if (size >= allowed) {
      EXPECT_NO_THROW(parse(cut)) << size;
      continue;
    }
    try {
      parse(cut);
      ADD_FAILURE() << "accepted when cut to " << size << " of " << valid.size() << " bytes";
    } catch (const Error& error) {
      EXPECT_TRUE(error.kind() == ErrorKind::kData || error.kind() == ErrorKind::kModel) << error.what();
    }
  }
}

}  // namespace af2::io_test
