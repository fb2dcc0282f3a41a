// What the pickle machine is made of: the opcodes that plain data needs, and how its scalars are written. Not
// for other files than pickle*.cpp. Thread rule: one Machine per pickle; the functions are pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "af2/core/error.h"
#include "af2/io/pickle.h"

namespace af2::pickle_detail {

// By CPython's Lib/pickletools.py. Older protocols write numbers and text in lines; protocol 2 and later do
// not.
enum Opcode : std::uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNoneOp = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobalOp = 'c',
  kEmptyDict = '}',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kEmptyList = ']',
  kList = 'l',
  kDict = 'd',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kEmptyTuple = ')',
  kSetItems = 'u',
  kBinFloat = 'G',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kProto = 0x80,
  kNewObj = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kEmptySet = 0x8f,
  kAddItems = 0x90,
  kFrozenSet = 0x91,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
  kByteArray8 = 0x96,
};

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool valid_utf8(std::string_view text);
// Two's complement, little-endian, any length; nothing when the number leaves int64.
std::optional<std::int64_t> decode_long(std::string_view digits);
// The kBool, kInt or kFloat that a numpy scalar of `type` ("f8") holds in its kBytes; nothing when the type
// is no such number, the size is another or the number leaves int64.
std::optional<PickleValue> decode_numpy(std::string_view type, const PickleValue& bytes);

// A checkpoint of 10,000 tensors with their optimizer state needs about 4 MB of pickle.
inline constexpr std::size_t kMaxPickle = 16u << 20;
inline constexpr std::size_t kMaxValues = 4u << 20;

// Values that every pickle shares: None, False, True, (), and the numbers 0 to 255.
inline constexpr PickleId kNoneId = 0, kFalseId = 1, kTrueId = 2, kEmptyTupleId = 3, kSmallInts = 4;

// Reads opcodes off the front of the bytes; every read, stack access and call is checked.
class Machine {
 public:
  Machine(std::span<const std::byte> bytes, const std::string& where, std::vector<PickleValue>* values)
      : bytes_(bytes), where_(where), values_(*values) {}

  PickleId run();  // the root

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
  PickleId make(PickleKind kind) {
    if (values_.size() >= kMaxValues) fail("data.pkl holds more values than any checkpoint");
    values_.emplace_back().kind = kind;
    return static_cast<PickleId>(values_.size() - 1);
  }

  PickleId make_int(std::int64_t number) {
    const PickleId id = make(PickleKind::kInt);
    values_[id].integer = number;
    return id;
  }

  PickleId make_float(double number) {
    const PickleId id = make(PickleKind::kFloat);
    values_[id].real = number;
    return id;
  }

  PickleId make_text(PickleKind kind, std::string_view text) {
    const PickleId id = make(kind);
    values_[id].text = text;
    return id;
  }

  PickleId make_unicode(std::string_view text) {
    if (!valid_utf8(text)) fail("text that is not valid UTF-8");
    return make_text(PickleKind::kText, text);
  }

  PickleId make_items(PickleKind kind, std::vector<PickleId> items) {
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

  void extend(PickleKind kind, const std::vector<PickleId>& items) {
    PickleValue& target = values_[top()];
    if (target.kind != kind || (kind == PickleKind::kDict && items.size() % 2 != 0))
      fail(kind == PickleKind::kDict ? "dictionary entries for something else"
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

  // --- names and calls (pickle_calls.cpp) ---
  std::string neighbour() const;
  PickleId make_global(std::string_view module, std::string_view name);
  PickleId call(PickleId target, PickleId arguments);
  PickleId numpy_scalar(std::string_view type, const PickleValue& bytes);
  void build();
  void new_object();

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

}  // namespace af2::pickle_detail
