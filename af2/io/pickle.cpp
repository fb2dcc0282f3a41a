#include "af2/io/pickle.h"

#include <algorithm>
#include <array>
#include <bit>

#include "af2/io/pickle_detail.h"

namespace af2 {
namespace pickle_detail {

using Kind = PickleKind;

PickleId Machine::run() {
  if (bytes_.size() > kMaxPickle)
    throw model_error("data.pkl has " + std::to_string(bytes_.size()) + " bytes, more than the " +
                          std::to_string(kMaxPickle) + " that are read",
                      where_, "save tensors as tensors, not as lists of numbers");
  values_.resize(kSmallInts);
  values_[kFalseId].kind = values_[kTrueId].kind = Kind::kBool;
  values_[kTrueId].integer = 1;
  values_[kEmptyTupleId].kind = Kind::kTuple;
  for (int i = 0; i < 256; ++i) make_int(i);

  if (read<std::uint8_t>() != kProto) fail("data.pkl is not a pickle of protocol 2 to 5");
  const auto protocol = read<std::uint8_t>();
  if (protocol < 2 || protocol > 5) fail("data.pkl has pickle protocol " + std::to_string(protocol));
  while (step()) {
  }
  if (stack_.size() != 1 || !marks_.empty()) fail("data.pkl ends with other than one value");
  if (at_ != bytes_.size())
    fail("data.pkl has " + std::to_string(bytes_.size() - at_) + " bytes after its end");
  return stack_.back();
}

bool Machine::step() {
  op_at_ = at_;
  const auto opcode = read<std::uint8_t>();
  switch (opcode) {
    case kStop:
      return false;
    case kFrame:  // says how much to read at once: nothing to do in memory
      need(read<std::uint64_t>());
      break;
    case kMark:
      marks_.push_back(stack_.size());
      break;
    case kPop:
      if (!marks_.empty() && stack_.size() == marks_.back())
        marks_.pop_back();
      else
        pop();
      break;
    case kPopMark:
      pop_to_mark();
      break;
    case kNoneOp:
      push(kNoneId);
      break;
    case kNewTrue:
      push(kTrueId);
      break;
    case kNewFalse:
      push(kFalseId);
      break;
    case kBinInt:
      push(make_int(read<std::int32_t>()));
      break;
    case kBinInt1:
      push(kSmallInts + read<std::uint8_t>());
      break;
    case kBinInt2:
      push(make_int(read<std::uint16_t>()));
      break;
    case kLong1:
      push(make_long(read_text(read<std::uint8_t>())));
      break;
    case kLong4:
      push(make_long(read_text(read<std::uint32_t>())));
      break;
    case kBinFloat: {  // the one big-endian number of the format
      std::array<std::byte, 8> digits = read<std::array<std::byte, 8>>();
      std::reverse(digits.begin(), digits.end());
      push(make_float(std::bit_cast<double>(digits)));
      break;
    }
    case kBinUnicode:
      push(make_unicode(read_text(read<std::uint32_t>())));
      break;
    case kShortBinUnicode:
      push(make_unicode(read_text(read<std::uint8_t>())));
      break;
    case kBinUnicode8:
      push(make_unicode(read_text(read<std::uint64_t>())));
      break;
    case kBinString:
    case kShortBinString: {  // Python 2's str: text or bytes
      const std::string_view text =
          read_text(opcode == kBinString ? read<std::uint32_t>() : std::uint32_t{read<std::uint8_t>()});
      push(make_text(valid_utf8(text) ? Kind::kText : Kind::kBytes, text));
      break;
    }
    case kBinBytes:
      push(make_text(Kind::kBytes, read_text(read<std::uint32_t>())));
      break;
    case kShortBinBytes:
      push(make_text(Kind::kBytes, read_text(read<std::uint8_t>())));
      break;
    case kBinBytes8:
    case kByteArray8:
      push(make_text(Kind::kBytes, read_text(read<std::uint64_t>())));
      break;
    case kEmptyList:
    case kEmptySet:
      push(make(Kind::kList));
      break;
    case kEmptyDict:
      push(make(Kind::kDict));
      break;
    case kEmptyTuple:
      push(kEmptyTupleId);
      break;
    case kList:
    case kFrozenSet:
      push(make_items(Kind::kList, pop_to_mark()));
      break;
    case kTuple:
      push(make_items(Kind::kTuple, pop_to_mark()));
      break;
    case kDict: {
      std::vector<PickleId> items = pop_to_mark();
      if (items.size() % 2 != 0) fail("a dictionary with a key without a value");
      push(make_items(Kind::kDict, std::move(items)));
      break;
    }
    case kTuple1:
    case kTuple2:
    case kTuple3:
      push(make_items(Kind::kTuple, pop_many(opcode - kTuple1 + 1u)));
      break;
    case kAppend:
      extend(Kind::kList, {pop()});
      break;
    case kAppends:
    case kAddItems:
      extend(Kind::kList, pop_to_mark());
      break;
    case kSetItem:
      extend(Kind::kDict, pop_many(2));
      break;
    case kSetItems:
      extend(Kind::kDict, pop_to_mark());
      break;
    case kBinPut:
      put(read<std::uint8_t>());
      break;
    case kLongBinPut:
      put(read<std::uint32_t>());
      break;
    case kMemoize:
      put(n_memorised_);
      break;
    case kBinGet:
      get(read<std::uint8_t>());
      break;
    case kLongBinGet:
      get(read<std::uint32_t>());
      break;
    case kGlobalOp: {
      const std::string_view module = read_line();
      push(make_global(module, read_line()));
      break;
    }
    case kStackGlobal: {
      const PickleId name = pop(), module = pop();
      if (values_[name].kind != Kind::kText || values_[module].kind != Kind::kText)
        fail("a name that is not text");
      push(make_global(values_[module].text, values_[name].text));
      break;
    }
    case kReduce: {
      const PickleId arguments = pop(), function = pop();
      push(call(function, arguments));
      break;
    }
    case kNewObj:
      new_object();
      break;
    case kBuild:
      build();
      break;
    case kBinPersId: {
      const PickleId key = pop();
      if (values_[key].kind != Kind::kTuple) fail("a reference outside the pickle that is no tuple");
      push(make_items(Kind::kPersistent, {key}));
      break;
    }
    default: {
      constexpr std::string_view kHex = "0123456789abcdef";
      fail(std::string("data.pkl has the opcode 0x") + kHex[opcode >> 4] + kHex[opcode & 15] +
           ", which plain data does not need and is refused");
    }
  }
  return true;
}

}  // namespace pickle_detail

Pickle Pickle::parse(std::span<const std::byte> bytes, const std::string& where) {
  Pickle result;
  result.root_ = pickle_detail::Machine(bytes, where, &result.values_).run();
  return result;
}

}  // namespace af2
