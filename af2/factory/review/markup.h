// Text that goes into tables, written so that nothing in it is taken for markup. Of pages: core/html.h.
// Thread rule: free functions.
#pragma once

#include <string>
#include <string_view>

namespace af2 {

// A cell of a csv table: quoted by RFC 4180 where it has to be.
std::string csv_cell(std::string_view text);

}  // namespace af2
