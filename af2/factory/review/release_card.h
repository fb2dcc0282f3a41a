// The card of a released benchmark: what is in it, whose it is, and how it was reviewed.
//
// Thread rule: free functions.
#pragma once

#include <string>
#include <vector>

#include "af2/factory/review/review.h"

namespace af2 {

// Markdown. `items` as they are released. No dates and no names of reviewers: the same review gives the same
// bytes, and nobody is named who has not asked for it.
std::string release_card(const Review& review, const std::vector<Item>& items, const std::string& name,
                         const std::string& version);

}  // namespace af2
