// That something is refused, with an error of the right kind that says what it must.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "af2/core/error.h"

namespace af2::test {

inline void refused(ErrorKind kind, const std::vector<std::string>& parts,
                    const std::function<void()>& body) {
  try {
    body();
    ADD_FAILURE() << "not refused: " << parts.front();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    for (const auto& part : parts) EXPECT_THAT(error.what(), ::testing::HasSubstr(part));
  }
}

}  // namespace af2::test
