#include "af2/io/pickle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/io/pickle_detail.h"

namespace af2 {
namespace {

using namespace pickle_detail;
using Kind = PickleKind;
using Role = PickleRole;

// A checkpoint of 10,000 tensors with their optimizer state needs about 4 MB.
constexpr std::size_t kMaxPickle = 32u << 20;
constexpr std::size_t kMaxValues = 4u << 20;

// Values that every pickle shares: None, False, True, (), and the numbers 0 to 255.
constexpr PickleId kNoneId = 0, kFalseId = 1, kTrueId = 2, kEmptyTupleId = 3, kSmallInts = 4;

class Machine {
 public:
  Machine(std::span<const std::byte> bytes, const std::string& where, std::vector<PickleValue>* values)
      : bytes_(bytes), where_(where), values_(*values) {}

  PickleId run() {
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

 private:
  [[noreturn]] void fail(const std::string& what, std::string_view hint = "") const {
    throw model_error(what + " (byte " + std::to_string(op_at_) + " of data.pkl)", where_, std::string(hint));
  }

  // --- reading ---
  void need(std::uint64_t size) const {
    if (size > bytes_.size() - at_)
      fail("data.pkl is cut short or broken: " + std::to_string(size) + " more bytes are needed than the " +
           std::to_string(bytes_.size() - at_) + " that are left");
  }

  template <class T>
  T read() {
    need(sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  std::string_view read_text(std::uint64_t size) {
    need(size);
    const auto* text = reinterpret_cast<const char*>(bytes_.data()) + at_;
    at_ += size;
    return {text, static_cast<std::size_t>(size)};
  }

  std::string_view read_line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_, bytes_.size() - at_);
    const std::size_t size = rest.find('\n');
    if (size == std::string_view::npos) fail("data.pkl is cut short or broken: a name has no end");
    at_ += size + 1;
    return rest.substr(0, size);
  }

  // --- values and the stack ---
  PickleId make(Kind kind) {
    if (values_.size() >= kMaxValues) fail("data.pkl holds more values than any checkpoint");
    values_.emplace_back().kind = kind;
    return static_cast<PickleId>(values_.size() - 1);
  }

  PickleId make_int(std::int64_t number) {
    const PickleId id = make(Kind::kInt);
    values_[id].integer = number;
    return id;
  }

  PickleId make_float(double number) {
    const PickleId id = make(Kind::kFloat);
    values_[id].real = number;
    return id;
  }

  PickleId make_text(Kind kind, std::string_view text) {
    const PickleId id = make(kind);
    values_[id].text = text;
    return id;
  }

  PickleId make_unicode(std::string_view text) {
    if (!valid_utf8(text)) fail("text that is not valid UTF-8");
    return make_text(Kind::kText, text);
  }

  PickleId make_items(Kind kind, std::vector<PickleId> items) {
    const PickleId id = make(kind);
    values_[id].items = std::move(items);
    return id;
  }

  void push(PickleId id) { stack_.push_back(id); }

  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  PickleId pop() {
    if (stack_.size() <= floor()) fail("data.pkl is broken: a value is missing");
    const PickleId id = stack_.back();
    stack_.pop_back();
    return id;
  }

  PickleId top() const {
    if (stack_.size() <= floor()) fail("data.pkl is broken: a value is missing");
    return stack_.back();
  }

  std::vector<PickleId> pop_many(std::size_t count) {
    if (stack_.size() - floor() < count) fail("data.pkl is broken: values are missing");
    std::vector<PickleId> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }

  std::vector<PickleId> pop_to_mark() {
    if (marks_.empty()) fail("data.pkl is broken: a mark is missing");
    std::vector<PickleId> items = pop_many(stack_.size() - marks_.back());
    marks_.pop_back();
    return items;
  }

  void extend(Kind kind, const std::vector<PickleId>& items) {
    PickleValue& target = values_[top()];
    if (target.kind != kind || (kind == Kind::kDict && items.size() % 2 != 0))
      fail(kind == Kind::kDict ? "dictionary entries for something else"
                               : "list elements for something else");
    target.items.insert(target.items.end(), items.begin(), items.end());
  }

  void put(std::uint64_t index) {
    // Writers number from 0, and each memorised value takes more than one byte.
    if (index >= bytes_.size()) fail("data.pkl remembers a value under the number " + std::to_string(index));
    if (index >= memo_.size()) memo_.resize(index + 1, kNothing);
    if (memo_[index] == kNothing) ++n_memorised_;
    memo_[index] = top();
  }

  void get(std::uint64_t index) {
    if (index >= memo_.size() || memo_[index] == kNothing)
      fail("data.pkl asks for the value " + std::to_string(index) + ", which it never gave");
    push(memo_[index]);
  }

  PickleId make_long(std::string_view digits) {
    const auto number = decode_long(digits);
    if (!number) fail("a whole number beyond 64 bits");
    return make_int(*number);
  }

  // --- names and calls ---
  // The key that a dictionary's value follows, where there is one.
  std::string neighbour() const {
    if (stack_.empty() || values_[stack_.back()].kind != Kind::kText) return "";
    return " (after \"" + printable(values_[stack_.back()].text) + "\")";
  }

  PickleId make_global(std::string_view module, std::string_view name) {
    const PickleGlobal* known = find_pickle_global(module, name);
    if (!known) {
      const RefusedGlobal refused = refused_pickle_global(module, name);
      fail("holds " + printable(module) + "." + printable(name) + neighbour() + ", which " +
               std::string(refused.what) + " and is refused",
           refused.hint);
    }
    const PickleId id = make_text(Kind::kGlobal, known->name);
    values_[id].role = known->role;
    return id;
  }

  PickleId call(PickleId target, PickleId argument_id) {
    const PickleValue& function = values_[target];
    const PickleValue& arguments = values_[argument_id];
    if (function.kind != Kind::kGlobal) fail("calls something that is not a name, which is refused");
    if (arguments.kind != Kind::kTuple) fail("a call without a tuple of arguments");
    const auto& given = arguments.items;
    const auto kind_of = [&](std::size_t i) {
      return i < given.size() ? values_[given[i]].kind : Kind::kNone;
    };
    switch (function.role) {
      case Role::kOrderedDict:
        if (given.empty()) {
          const PickleId id = make(Kind::kDict);
          values_[id].ordered = true;
          return id;
        }
        break;
      case Role::kNamespace:
        if (given.empty()) return make(Kind::kObject);
        break;
      case Role::kSet:
        if (given.empty()) return make(Kind::kList);
        if (given.size() == 1 && (kind_of(0) == Kind::kList || kind_of(0) == Kind::kTuple)) return given[0];
        break;
      case Role::kTorchSize:
        if (given.size() == 1 && kind_of(0) == Kind::kTuple) return given[0];
        break;
      case Role::kBytes:
        if (given.empty()) return make(Kind::kBytes);
        if (given.size() == 1 && kind_of(0) == Kind::kBytes) return given[0];
        [[fallthrough]];  // bytearray(text, "latin-1")
      case Role::kEncode:
        if (given.size() == 2 && kind_of(0) == Kind::kText && kind_of(1) == Kind::kText &&
            (values_[given[1]].text == "latin1" || values_[given[1]].text == "latin-1")) {
          const PickleId id = make_text(Kind::kBytes, values_[given[0]].text);
          values_[id].latin1 = true;
          return id;
        }
        break;
      case Role::kNumpyType:
        if (!given.empty() && kind_of(0) == Kind::kText)
          return make_text(Kind::kNumpyType, values_[given[0]].text);
        break;
      case Role::kNumpyScalar:
        if (given.size() == 2 && kind_of(0) == Kind::kNumpyType && kind_of(1) == Kind::kBytes)
          return numpy_scalar(values_[given[0]].text, values_[given[1]]);
        break;
      case Role::kTensor:
      case Role::kTypedTensor:
      case Role::kParameter:
      case Role::kParameterState: {
        const Role role = function.role;
        const PickleId id = make_items(Kind::kCall, {argument_id});
        values_[id].role = role;
        return id;
      }
      default:
        fail("calls " + std::string(function.text) + ", which is refused");
    }
    fail("calls " + std::string(function.text) + " with arguments that are refused");
  }

  PickleId numpy_scalar(std::string_view type, const PickleValue& bytes) {
    const auto number = decode_numpy(type, bytes);
    if (!number)
      fail("a numpy value of type " + printable(type) + neighbour() + ", which is no number of 64 bits");
    const PickleId id = make(number->kind);
    values_[id] = *number;
    return id;
  }

  // State of an object: that of an OrderedDict (a state dict's _metadata) is not needed.
  void build() {
    const PickleId state_id = pop();
    const PickleValue& state = values_[state_id];
    PickleValue& target = values_[top()];
    if (target.kind == Kind::kDict && target.ordered) return;
    if (target.kind == Kind::kObject && target.items.empty() && state.kind == Kind::kDict) {
      target.items.push_back(state_id);
      return;
    }
    if (target.kind == Kind::kNumpyType && state.kind == Kind::kTuple && state.items.size() >= 2 &&
        values_[state.items[1]].kind == Kind::kText) {
      const std::string_view order = values_[state.items[1]].text;
      if (order == "<" || order == "|" || order == "=") return;
      fail("a numpy type of byte order \"" + printable(order) + "\", which is not supported");
    }
    fail("state for something that takes none, which is refused");
  }

  void new_object() {
    const PickleId arguments = pop(), type = pop();
    if (values_[type].kind != Kind::kGlobal || values_[type].role != Role::kNamespace)
      fail("makes an object of something else than argparse.Namespace, which is refused");
    push(call(type, arguments));
  }

  bool step();  // false after STOP

  static constexpr PickleId kNothing = std::numeric_limits<PickleId>::max();

  std::span<const std::byte> bytes_;
  const std::string& where_;
  std::vector<PickleValue>& values_;
  std::size_t at_ = 0, op_at_ = 0;
  std::vector<PickleId> stack_, memo_;
  std::uint64_t n_memorised_ = 0;
  std::vector<std::size_t> marks_;  // stack sizes
};

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

}  // namespace

Pickle Pickle::parse(std::span<const std::byte> bytes, const std::string& where) {
  Pickle result;
  result.root_ = Machine(bytes, where, &result.values_).run();
  return result;
}

}  // namespace af2
