// Python's pickle format as plain data: the tree of values that a torch checkpoint holds, without Python and
// without running anything.
//
// A small machine for protocols 2 to 5. It knows lists, tuples, dictionaries, sets, numbers, text, bytes and
// the few names of pickle_globals.h; any other name, opcode or call is refused. A call of a known name is
// kept as a value (kCall) or turned into the number or container it stands for; no code is looked up. Values
// lie in one list and refer to each other by index: building and freeing never recurse, and cycles (which the
// format allows) neither leak nor loop here. Who walks the tree must bound its own steps, since values may be
// shared. Memory stays within a fixed multiple of the pickle's size. Source: the comments of CPython's
// Lib/pickletools.py, which document each opcode. Thread rule: constant after parse; texts point into the
// bytes, which the caller keeps.
//
//   const Pickle pickle = Pickle::parse(entry.bytes, "checkpoint.pt");
//   const PickleValue& root = pickle.root();
//   for (std::size_t i = 0; root.kind == PickleKind::kDict && i < root.items.size(); i += 2)
//     use(pickle[root.items[i]].text, pickle[root.items[i + 1]]);
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "af2/io/pickle_globals.h"

namespace af2 {

using PickleId = std::uint32_t;

enum class PickleKind : std::uint8_t {
  kNone,
  kBool,        // integer
  kInt,         // integer
  kFloat,       // real
  kText,        // text, valid UTF-8
  kBytes,       // text; with `latin1` each code point of it is one byte
  kList,        // items; sets too
  kTuple,       // items
  kDict,        // items: key, value, key, value …
  kObject,      // argparse.Namespace; items: its dictionary, once it has one
  kGlobal,      // role, text: the name without its module
  kCall,        // role, items: the tuple of arguments
  kPersistent,  // items: the identifying tuple
  kNumpyType,   // text: "f8"
};

struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  PickleRole role = PickleRole::kNone;
  bool ordered = false;  // a kDict that was a collections.OrderedDict
  bool latin1 = false;
  union {
    std::int64_t integer = 0;
    double real;
  };
  std::string_view text;
  std::vector<PickleId> items;
};

class Pickle {
 public:
  // Throws kModel with `where` (a path) and the byte in the message.
  static Pickle parse(std::span<const std::byte> bytes, const std::string& where);

  const PickleValue& root() const { return values_[root_]; }
  PickleId root_id() const { return root_; }
  const PickleValue& operator[](PickleId id) const { return values_[id]; }

 private:
  std::vector<PickleValue> values_;
  PickleId root_ = 0;
};

}  // namespace af2
