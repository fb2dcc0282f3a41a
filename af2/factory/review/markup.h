// Text that goes into tables, and data that goes into pages: written so that nothing in it is taken for
// markup.
//
// html_text() and address_of() for the text of pages: report.h. Thread rule: free functions.
#pragma once

#include <string>
#include <string_view>

#include "af2/core/json.h"

namespace af2 {

// JSON for a <script type="application/json"> element: no '<', so that nothing can end the element.
std::string script_json(const Json& json);
// A cell of a csv table: quoted by RFC 4180 where it has to be.
std::string csv_cell(std::string_view text);

}  // namespace af2
